"""Exports and commands whose outputs are limited to texts or to a pattern."""

import re
import shutil

import pytest
from support import random_translator

from keras_attention import CharacterTokenizer, InputError, Translator, Vocabulary
from keras_attention.cli.commands import app
from keras_attention.decoding.automata.automaton import OUTPUTS_FILE
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.onnx import export_onnx
from keras_attention.export.saved_model.manifest import AUTOMATON_FILE
from keras_attention.export.saved_model.saved_model import SavedModelTranslator
from keras_attention.export.verify import verify

PATTERN = r"(ab|c-)+\d?"
TEXTS = ["abc", "a", "", "c2-", "bbb"]
DATES = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"


@pytest.fixture(scope="module")
def folder(build):
    """Return the folder of a random model whose exports are limited to a pattern."""

    def save_and_export(folder):
        letters = CharacterTokenizer(Vocabulary("abc12-"))
        random_translator(letters, ends=-9.0).save(folder)
        app(["export", str(folder), "--pattern", PATTERN], standalone_mode=False)

    return build("exports of a pattern", save_and_export)


@pytest.fixture(scope="module")
def limited(folder):
    translator = Translator.load(folder)
    translator.limit_outputs(pattern=PATTERN)
    return translator


@pytest.fixture(scope="module")
def served(folder):
    return SavedModelTranslator.load(folder / "1")


@pytest.fixture(scope="module")
def device(folder):
    (path,) = folder.glob("*.tflite")
    return DeviceTranslator.load(path)


def assert_equal(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        assert [each.text for each in one.hypotheses] == [each.text for each in other.hypotheses]
        scores = [each.score for each in other.hypotheses]
        assert [each.score for each in one.hypotheses] == pytest.approx(scores, abs=1e-3)


def test_streamed_tokens_are_those_of_the_limited_outputs(limited, served, device):
    for text in TEXTS:
        expected = limited(text, beam_width=1).text
        for translator in (limited, served, device):
            *_, last = [None, *translator.stream(text)]
            assert (last.text if last else "") == expected


def test_the_pattern_changes_the_outputs_and_every_output_matches(folder, limited):
    free = Translator.load(folder)(TEXTS)
    for text, translation, other in zip(TEXTS, limited(TEXTS), free, strict=True):
        if text:
            assert re.fullmatch(PATTERN, translation.text) and translation.text != other.text


def test_exports_return_the_outputs_of_the_limited_model(limited, served, device):
    expected = limited(TEXTS)
    assert_equal(served(TEXTS), expected)
    assert_equal(device(TEXTS), expected)
    beams = limited(TEXTS, beam_width=4)
    assert_equal(served(TEXTS, beam_width=4, nbest=4), beams)
    assert_equal(device(TEXTS, beam=True), beams)
    assert served.manifest["outputs"] == device.manifest["outputs"] == {"pattern": PATTERN}


def test_a_device_streams_the_same_tokens(device):
    for text, translation in zip(TEXTS, device(TEXTS), strict=True):
        streamed = [each.token for each in device.stream(text)]
        assert streamed == list(translation.tokens[:-1])


def test_verify_applies_the_limit_of_an_export_to_the_model(folder):
    agreements = verify(Translator.load(folder), folder, TEXTS)
    assert len(agreements) == 2 and all(each.agrees for each in agreements)


def test_a_changed_limit_of_a_saved_model_is_noticed(folder, tmp_path):
    copy = shutil.copytree(folder / "1", tmp_path / "1")
    (copy / AUTOMATON_FILE).write_bytes(b"PK")
    with pytest.raises(InputError, match=f"{OUTPUTS_FILE}: damaged or changed"):
        SavedModelTranslator.load(copy)


def test_onnx_files_cannot_be_limited(limited, tmp_path):
    with pytest.raises(InputError, match="searches in the ONNX files cannot limit outputs"):
        export_onnx(limited, tmp_path / "onnx")
    assert not list(tmp_path.iterdir())


def test_lines_are_translated_to_matching_outputs(run, trained, translator):
    outcome = run("translate", trained, "--pattern", DATES, "--beam", 2, stdin=b"may 3\n9/27/94\n")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert len(lines) == 2 and all(re.fullmatch(DATES, line) for line in lines)
    found = translator(["may 3", "9/27/94"], pattern=DATES, beam_width=2)
    assert lines == [each.text for each in found]


def test_lines_are_translated_to_the_lines_of_a_file(run, trained, tmp_path):
    allowed = tmp_path / "dates.txt"
    allowed.write_bytes(b"\xef\xbb\xbf1994-09-27\r\n\r\n2016-03-27\r\n")
    outcome = run("translate", trained, "--allowed", allowed, stdin=b"9/27/94\n27 march 2016\n")
    assert (outcome.code, outcome.err) == (0, "")
    assert set(outcome.out.split()) <= {"1994-09-27", "2016-03-27"}


def test_terms_are_forced_into_the_lines_whose_source_has_them(run, trained, translator, tmp_path):
    (tmp_path / "terms.tsv").write_text("march\t-03-\n\nmay\t1999\t2001*\n")
    arguments = ("--terms", tmp_path / "terms.tsv", "--beam", 3)
    lines = ["5 march 2016", "9/27/94", "may 3"]
    outcome = run("translate", trained, *arguments, stdin="\n".join(lines).encode())
    assert (outcome.code, outcome.err) == (0, "")
    first, second, third = outcome.out.splitlines()
    assert "-03-" in first and re.search(r"\b1999\b|\b2001", third)
    assert second == translator("9/27/94", beam_width=3).text


def test_a_model_is_evaluated_under_a_limit(run, trained, tmp_path):
    (tmp_path / "pairs.tsv").write_text("9/27/94\t1999-01-01\n")
    (tmp_path / "allowed.txt").write_text("1999-01-01\n")
    arguments = ("--data", tmp_path / "pairs.tsv", "--allowed", tmp_path / "allowed.txt")
    outcome = run("evaluate", trained, *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert "100.00%" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("translate {m} --pattern [0-9", "--pattern must be a valid regular expression: unterm"),
        ("translate {m} --allowed {t}/none.txt", "none.txt: expected a file that can be read"),
        ("translate {m} --allowed {t}/bad.txt", "bad.txt, line 3: expected tokens of the target"),
        ("translate {m} --allowed {t}/empty.txt", "empty.txt: expected an allowed output per line"),
        ("translate {m} --allowed {t}/bad.txt --pattern a", "exclude each other; choose one"),
        ("translate {m} --pattern [0-9]{{90}}", "--max-length must be at least 91"),
        ("translate {m}/1 --pattern a", "others require the model's folder. Received: --pattern"),
        ("translate x --server localhost:1 --pattern a", "supports only the search options"),
        ("evaluate {m} --allowed {t}/bad.txt", "bad.txt, line 3: expected tokens of the target"),
        ("export {m} --allowed {t}/bad.txt", "bad.txt, line 3: expected tokens of the target"),
        (
            "export {m} --onnx --pattern [0-9]+",
            "cannot limit outputs",
        ),
        ("translate {m} --terms {t}/bad.txt", "bad.txt, line 1: expected a source term, a tab"),
        ("translate {m} --terms {t}/again.txt", "again.txt, line 3: expected each source term onc"),
        ("translate {m} --terms {t}/terms.txt --beam 2", "terms.txt, line 2: expected tokens of"),
        ("translate {m} --terms {t}/empty.txt", "empty.txt: expected a term per line"),
        ("translate {m} --terms {t}/good.txt --beam 1", "--beam must be at least 2 to force --ter"),
        ("translate {m} --terms {t}/good.txt --pattern a", "exclude each other; choose one"),
        ("translate {m} --terms {t}/good.txt --stream", "cannot be combined with --terms"),
        (
            "translate {m} --terms {t}/good.txt --beam 2 --max-length 3",
            "standard input, line 1: expected terms that fit into an output of 3 tokens",
        ),
        (
            "translate {m}/1 --terms {t}/good.txt",
            "others require the model's folder. Received: --t",
        ),
    ],
)
def test_an_unusable_limit_is_reported_in_one_line(run, trained, tmp_path, arguments, message):
    (tmp_path / "bad.txt").write_text("1999-01-01\n\nmärz\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "again.txt").write_text("a\t1\n\na\t2\n")
    (tmp_path / "terms.txt").write_text("\nmay\tm\u00e4rz\n", encoding="utf-8")
    (tmp_path / "good.txt").write_text("9\t1999\n")
    outcome = run(*arguments.format(m=trained, t=tmp_path).split(), stdin=b"9/27/94\n")
    assert outcome.code == 2 and outcome.out == ""
    assert message in outcome.err and outcome.err.count("\n") == 1
