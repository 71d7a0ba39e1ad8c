"""Exports and commands whose outputs are limited to texts or to a pattern."""

import re
import shutil

import onnxruntime
import pytest
import tensorflow as tf
from support import random_translator, write_runtime

from keras_attention import CharacterTokenizer, InputError, Translator, Vocabulary
from keras_attention.cli.commands import app
from keras_attention.decoding.automata.automaton import OUTPUTS_FILE
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.onnx import SEARCH_FILE, export_onnx
from keras_attention.export.saved_model.manifest import AUTOMATON_FILE
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.export.verify import verify
from keras_attention.translation.file_names import LIMIT_FILE

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


def test_a_server_streams_the_limited_outputs(limited, served):
    stream = served._signatures["stream"]
    for text in TEXTS:
        state, last = b"", ""
        while True:
            found = stream(text=tf.constant([text]), state=tf.constant([state]))
            (state,), last = found["state"].numpy(), found["text"].numpy()[0, -1].decode()
            if not state:
                break
        assert last == limited(text, beam_width=1).text


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_search_of_an_onnx_file_is_limited(limited, tmp_path):
    path = export_onnx(limited, tmp_path / "onnx") / SEARCH_FILE
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(None, {"source": limited.codec.encode(TEXTS)})
    found = dict(zip(names, outputs, strict=True))
    arrays = (found[name][:, None] for name in ("tokens", "score", "alignment"))
    assert_equal(limited.codec.translations(TEXTS, *arrays), limited(TEXTS))


@pytest.fixture(scope="module")
def stored(build):
    """Return the folder of a random model with a limit, and its exports."""

    def save_and_export(folder):
        letters = CharacterTokenizer(Vocabulary("abc12-"))
        random_translator(letters, ends=-9.0).save(folder)
        write_runtime(folder)
        (folder / "pairs.tsv").write_text("a\tab\n")
        evaluate = ["evaluate", str(folder), "--data", str(folder / "pairs.tsv")]
        app([*evaluate, "--pattern", PATTERN, "--save-limit"], standalone_mode=False)
        export = ["export", str(folder), "--web", str(folder / "page")]
        app([*export, "--runtime", str(folder)], standalone_mode=False)

    return build("a model with a stored limit", save_and_export)


class TestStoredLimit:
    """Check a limit that `evaluate --save-limit` stored in a model's folder."""

    def test_translate_obeys_the_limit_and_prints_a_note(self, run, stored, limited):
        lines = "".join(f"{text}\n" for text in TEXTS).encode()
        expected = "".join(f"{each.text}\n" for each in limited(TEXTS))
        (device,) = stored.glob("*.tflite")
        for path in (stored, stored / "1", device):
            found = run("translate", path, stdin=lines)
            note = f"note: {path}: the outputs are limited to the pattern {PATTERN!r}.\n"
            assert found == (0, expected, note)
        found = run("translate", stored, "--stream", "--pattern", "c-", stdin=b"a\n")
        assert found == (0, "c-\n", "")

    def test_the_exports_and_the_page_contain_it(self, stored):
        (device,) = stored.glob("*.tflite")
        assert DeviceTranslator.load(device).manifest["outputs"] == {"pattern": PATTERN}
        assert (stored / "page" / "model.tflite").read_bytes() == device.read_bytes()
        model = Translator.load(stored).model
        model.export(stored / "model", format="litert")
        assert DeviceTranslator.load(stored / "model").automaton is not None

    def test_it_is_removed_or_replaced(self, run, stored, tmp_path):
        copy, data = tmp_path / "m", ("--data", stored / "pairs.tsv")
        copy.mkdir()
        for name in ("model.keras", "translator.json", "source.vocabulary.txt", LIMIT_FILE):
            shutil.copy(stored / name, copy)
        (tmp_path / "allowed.txt").write_text("ab\n")
        allowed = ("--allowed", tmp_path / "allowed.txt")
        assert run("evaluate", copy, *data, *allowed, "--save-limit").code == 0
        found = run("translate", copy, stdin=b"a\n")
        assert found == (
            0,
            "ab\n",
            f"note: {copy}: the outputs are limited to a list of 1 text.\n",
        )
        found = run("evaluate", copy, *data, "--save-limit")
        assert f"Removed {copy / LIMIT_FILE}; export the model again" in found.out
        assert run("translate", copy, stdin=b"a\n").err == ""
        found = run("evaluate", copy, *data, "--save-limit")
        assert f"{copy} has no stored limit; nothing was removed\n" in found.out


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
        ("translate {m} --allowed {t}/blank.txt", "blank.txt: expected an allowed output per line"),
        ("translate {m} --pattern=", "--pattern must not be empty, because every output would be"),
        ("translate {m} --allowed {t}/bad.txt --pattern a", "exclude each other; choose one"),
        ("translate {m} --pattern [0-9]{{90}}", "--max-length must be at least 91"),
        ("translate {m}/1 --pattern a", "others require the model's folder. Received: --pattern"),
        ("translate x --server localhost:1 --pattern a", "supports only the search options"),
        ("evaluate {m} --allowed {t}/bad.txt", "bad.txt, line 3: expected tokens of the target"),
        ("export {m} --allowed {t}/bad.txt", "bad.txt, line 3: expected tokens of the target"),
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
        ("translate {m}/1 --terms {t}/good.txt --beam 1", "at least 2 to force --terms"),
        ("translate {m}/1 --top-k 3", "others require the model's folder. Received: --top-k"),
        ("translate x --server localhost:1 --terms {t}/good.txt", "supports only the search opti"),
    ],
)
def test_an_unusable_limit_is_reported_in_one_line(run, trained, tmp_path, arguments, message):
    (tmp_path / "bad.txt").write_text("1999-01-01\n\nmärz\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "blank.txt").write_text("\n \t\n")
    (tmp_path / "again.txt").write_text("a\t1\n\na\t2\n")
    (tmp_path / "terms.txt").write_text("\nmay\tm\u00e4rz\n", encoding="utf-8")
    (tmp_path / "good.txt").write_text("9\t1999\n")
    outcome = run(*arguments.format(m=trained, t=tmp_path).split(), stdin=b"9/27/94\n")
    assert outcome.code == 2 and outcome.out == ""
    assert message in outcome.err and outcome.err.count("\n") == 1
