from types import SimpleNamespace

import pytest

from keras_attention.cli.command_parts.evaluation_tables import EvaluationReport, run_evaluate

PAIRS = [("a b", "x"), ("a b c", "y"), ("a", "z")]


def translate(texts):
    for text in texts:
        yield SimpleNamespace(text="x", source_tokens=(*text.split(), "</s>"))


@pytest.mark.parametrize("name", ["pairs", "dates"])
def test_the_column_of_the_number_of_pairs_cannot_be_confused_with_a_model(name, capsys):
    report = EvaluationReport(metrics="exact_match", by_length=True, errors=0)
    run_evaluate({name: translate}, PAIRS, set(), report, str)
    (head,) = (line for line in capsys.readouterr().out.splitlines() if "source tokens" in line)
    assert [cell.strip() for cell in head.split("┃")[1:-1]] == [
        "source tokens",
        "number of pairs",
        name,
    ]
