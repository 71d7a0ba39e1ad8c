"""The commands `evaluate` and `score`: metrics, quality by length, and probabilities of pairs."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
import sacrebleu

from keras_attention import LuongAttention, Seq2Seq, Translator, Vocabulary, WordTokenizer
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.translation.codec import TextCodec

PAIRS = [
    ("march 27, 2016", "2016-03-27"),
    ("september 9, 1994", "1994-09-09"),
    ("9/27/94", "1994-09-27"),
    ("1/1/70", "1971-01-01"),
] * 5


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS))
    return path


def test_metrics_come_with_their_signatures(run, trained, translator, pairs, tmp_path):
    output = tmp_path / "new" / "outputs.txt"
    outcome = run(
        *("evaluate", trained, "--data", pairs, "--metrics", "bleu,chrf,per,exact_match"),
        *("--tokenize", "char", "--errors", 2, "--output", output),
    )
    assert (outcome.code, outcome.err) == (0, "")
    outputs = output.read_text().split("\n")[:-1]
    assert outputs == [translator(source).text for source, _ in PAIRS]
    bleu = sacrebleu.BLEU(tokenize="char")
    value = bleu.corpus_score(outputs, [[target for _, target in PAIRS]]).score
    assert f"{value:.2f}" in outcome.out
    assert f"bleu  {bleu.get_signature()}\n" in outcome.out
    right = sum(o == target for o, (_, target) in zip(outputs, PAIRS, strict=True)) / len(PAIRS)
    assert f"{right:.2%}" in outcome.out
    for name in ("chrf", "per", "exact_match"):
        assert f"\n{name}  nrefs:1|case:mixed|" in outcome.out
    assert outcome.out.startswith("20 pairs") and outcome.out.count("wrong ") == 2


def test_an_output_that_cannot_be_written_is_refused_before_decoding(
    run, trained, pairs, monkeypatch
):
    monkeypatch.setattr(
        "keras_attention.cli.command_parts.evaluation_tables.evaluate", lambda *_: 1 / 0
    )
    before = pairs.read_bytes()
    refused = run("evaluate", trained, "--data", pairs, "--output", pairs)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error: --output must not be a file that is read. ")
    assert pairs.read_bytes() == before
    refused = run("evaluate", trained, "--data", pairs, "--output", pairs.parent)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.endswith("expected a file to write. Received: a folder.\n")


def test_sources_seen_in_training_are_counted_separately(run, trained):
    outcome = run("evaluate", trained, "--metrics", "g2p_wer", "--errors", 0)
    assert outcome.code == 0
    assert outcome.out.startswith("300 pairs")
    assert "whose source is not in the training pairs" in outcome.out


def test_sources_seen_by_another_run_do_not_count_as_seen(run, trained, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    options = ("--metrics", "g2p_wer", "--errors", 0, "--report", tmp_path / "page.html")
    outcome = run("evaluate", trained, "--held-out-of", other, *options)
    assert outcome.code == 0 and outcome.out.startswith("300 pairs")
    assert "not in the training pairs" not in outcome.out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"the pairs that the training of {other} held out, 300 pairs" in page
    own = run("evaluate", trained, "--held-out-of", trained / "dates.tflite", *options)
    assert "not in the training pairs" in own.out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "the pairs that training held out, 300 pairs" in page


def test_quality_by_length_of_two_models_is_written_as_tables_and_a_picture(
    run, trained, pairs, tmp_path
):
    picture = tmp_path / "length.png"
    outcome = run(
        *("evaluate", trained, trained / "dates.tflite", "--data", pairs, "--errors", 0),
        *("--metrics", "exact_match,ter", "--picture", picture, "--compare"),
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count("source tokens") == 2
    assert "1–10" in outcome.out or "1–17" in outcome.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert outcome.out.count("1.0000") == 2
    assert outcome.out.endswith("paired bootstrap, 1000 resamples, seed 12345\n")


def test_by_length_without_metrics_reports_exact_matches(run, trained, pairs):
    outcome = run("evaluate", trained, "--data", pairs, "--by-length", "--errors", 0)
    assert outcome.code == 0
    assert outcome.out.startswith("exact match  ") and "source tokens" in outcome.out


def test_score_prints_a_line_per_pair_and_the_total_perplexity(run, trained, translator, pairs):
    outcome = run("score", trained, pairs)
    assert outcome.code == 0
    expected = translator.score(*zip(*PAIRS, strict=True))
    lines = [line.split("\t") for line in outcome.out.split("\n")[:-1]]
    assert [tuple(line[3:]) for line in lines] == PAIRS
    for line, pair in zip(lines, expected, strict=True):
        assert [float(number) for number in line[:3]] == pytest.approx(
            [pair.score, pair.per_token, pair.perplexity], abs=1e-3
        )
    tokens = sum(len(target) + 1 for _, target in PAIRS)
    total = sum(pair.score for pair in expected)
    assert outcome.err.startswith(f"perplexity {math.exp(-total / tokens):.4f}  of 20 pairs, ")
    assert f"{tokens} tokens" in outcome.err
    as_json = run("score", trained, pairs, "--json")
    assert json.loads(as_json.out.split("\n")[0])["tokens"] == [*"2016-03-27", "</s>"]


def test_a_tab_in_a_field_does_not_make_a_column(run, trained, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes(b'"march\t27, 2016","2016-03\r-27"\n')
    outcome = run("score", trained, path, "--format", "csv")
    assert outcome.out.split("\t")[3:] == ["march 27, 2016", "2016-03 -27\n"]
    found = json.loads(run("score", trained, path, "--format", "csv", "--json").out)
    assert found["source"] == "march\t27, 2016"


def test_tables_are_read_with_the_settings_of_recipes(run, trained, pairs, tmp_path):
    sheet = tmp_path / "sheet.csv"
    rows = [("id", "iso", "free"), *((n, t, s) for n, (s, t) in enumerate(PAIRS))]
    with sheet.open("w", newline="", encoding="utf-16") as file:
        csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL).writerows(rows)
    reading = [
        *("--format", "csv", "--set", "delimiter=;", "--set", "header=true"),
        *("--set", "data.source_column=free", "--set", "target_column=2"),
    ]
    assert run("score", trained, sheet, *reading) == run("score", trained, pairs)
    assert run("align", trained, sheet, *reading) == run("align", trained, pairs)
    evaluated = run("evaluate", trained, "--data", sheet, *reading)
    assert evaluated == run("evaluate", trained, "--data", pairs)


def save_word_model(folder, token):
    """Save a word model that always writes the same token three times."""
    words = WordTokenizer(Vocabulary(["a", "b"]))
    lower = WordTokenizer(words.vocabulary, lowercase=True)
    model = Seq2Seq(6, 6, units=4, embedding=4, attention=LuongAttention())
    model.build()
    model.output_projection.bias.assign(np.where(np.arange(6) == token, 99.0, 0.0))
    Translator(model, TextCodec(words, lower, SearchSettings(9, 3))).save(folder)
    return folder


@pytest.fixture
def unknowing(tmp_path):
    """Save a word model whose output is only `<unk>`."""
    return save_word_model(tmp_path / "model", UNKNOWN_ID)


def test_references_are_compared_in_the_form_that_the_model_writes(run, tmp_path):
    model, data, output = save_word_model(tmp_path / "model", 4), tmp_path / "d.tsv", tmp_path / "o"
    data.write_text("Ulm\tA  a\u00a0a \nRom\tb\n")
    options = ("--data", data, "--metrics", "bleu,exact_match,ter", "--output", output)
    outcome = run("evaluate", model, *options)
    assert outcome.code == 0
    assert outcome.err == (
        "note: 1 of 2 references are not in the form that the model writes, nfc in lower case "
        "with single spaces; references and outputs are compared in that form.\n"
        "note: no reference has four tokens, the length of BLEU's longest n-grams: BLEU is 0 "
        "even for perfect outputs. Use chrf or exact_match.\n"
    )
    assert "50.00%" in outcome.out and "wrong        'Rom' gave 'a a a'" in outcome.out
    assert output.read_text() == "a a a\n" * 2


def test_unknown_words_are_replaced_by_source_words(run, unknowing):
    assert run("translate", unknowing, stdin=b"Ulm\n").out == "<unk> <unk> <unk>\n"
    replaced = run("translate", unknowing, "--replace-unknown", stdin=b"Ulm\nOslo Rom\n\n")
    first, second, empty = replaced.out.split("\n")[:-1]
    assert first == "Ulm Ulm Ulm"
    assert set(second.split()) <= {"Oslo", "Rom"} and len(second.split()) == 3
    assert empty == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("evaluate {m} --metrics blue", "the nearest is 'bleu'. Received: 'blue'."),
        ("evaluate {m} --metrics bleu,", "g2p_wer. Received: ''."),
        ("evaluate {m} --metrics bleu --tokenize x", "tokenizer must be one of 13a, char, "),
        ("evaluate {m} --metrics chrf --tokenize 13a", "--tokenize requires --metrics bleu"),
        ("evaluate {m} --lowercase", "--lowercase requires --metrics"),
        ("evaluate {m} --compare", "--compare requires two models. Received: one."),
        ("evaluate {m} {m}", "expected different models. Received: the same model twice."),
        ("evaluate {m} {m}/1 --output x.txt", "--output requires exactly one model"),
        ("evaluate {m} --picture x.gif", "must be one of .png, .svg, .pdf. Received: '.gif'"),
        ("evaluate {m}/1 --replace-unknown", "--replace-unknown requires the model's folder;"),
        ("translate {m}/dates.tflite --replace-unknown", "requires the model's folder;"),
        ("score {m} none.tsv", "none.tsv: expected a file"),
        ("score {m} {pairs} --set units=3", "--set must set one of delimiter, header, source_co"),
        ("score {m} {pairs} --set heade=true", "Unknown key `heade`; the nearest is"),
        (
            "score {m} {pairs} --set source_column=en",
            "or a column name with data.header=true. Received",
        ),
        ("evaluate {m} --set header=true", "--set requires a file of pairs"),
        ("align {m} --set header=true", "--set requires a file of pairs"),
        ("align {m} {pairs} --format cvs", "--format must be one of dates, tsv, csv, jsonl,"),
        ("score {m}/1 {pairs}", "expected a model that keras-attention trained"),
    ],
)
def test_invalid_arguments_raise_a_one_sentence_error(arguments, message, run, trained, pairs):
    filled = [word.format(m=trained, pairs=pairs) for word in arguments.split()]
    outcome = run(*filled)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1
    assert message in outcome.err


def test_models_with_different_held_out_pairs_require_a_file(run, trained, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    text = (trained / "recipe.toml").read_text().replace("seed = 1\n", "seed = 2\n")
    (other / "recipe.toml").write_text(text)
    outcome = run("evaluate", trained, other)
    assert outcome.code == 2
    assert "the held-out pairs differ from those of" in outcome.err and "--data" in outcome.err
