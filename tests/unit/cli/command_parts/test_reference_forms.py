"""Notes report references that a model cannot write, or that look tokenized."""

import json

import pytest

from keras_attention import CharacterTokenizer, Vocabulary, WordTokenizer
from keras_attention.cli.command_parts.evaluation_tables import EvaluationReport
from keras_attention.cli.command_parts.reference_forms import output_form, print_notes
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export.saved_model.manifest import MANIFEST_FILE, describe, write_manifest
from keras_attention.translation.codec import TextCodec

PAIRS = [("s", "A cat"), ("s", "\ufb01ne"), ("s", "e\u0301"), ("s", "a cat")]


@pytest.fixture
def make(tmp_path):
    """Make the folder of a model that has only tokenizers."""

    def make(name, **target):
        source = CharacterTokenizer(Vocabulary("ab"))
        codec = TextCodec(
            source, CharacterTokenizer(Vocabulary("ab"), **target), SearchSettings(5, 7)
        )
        (tmp_path / name).mkdir()
        for file, content in codec.to_files().items():
            (tmp_path / name / file).write_bytes(content)
        return tmp_path / name

    return make


@pytest.mark.parametrize(
    ("target", "report", "count", "form"),
    [
        ({}, {}, 0, ""),
        ({}, {"metrics": "exact_match,chrf"}, 1, "nfc"),
        ({"normalization": "nfkc"}, {"metrics": "per"}, 1, "nfkc"),
        ({"normalization": "nfd", "lowercase": True}, {}, 1, "nfd in lower case"),
        ({"lowercase": True}, {"metrics": "wer", "lowercase": True}, 0, ""),
        (
            {"normalization": "nfkc", "lowercase": True},
            {"metrics": "chrf"},
            3,
            "nfkc in lower case",
        ),
    ],
)
def test_references_that_the_model_cannot_write_are_counted(
    make, target, report, count, form, capsys
):
    print_notes([make("model", **target)], PAIRS, EvaluationReport(**report))
    noted = (
        f"note: {count} of 4 references are not in the form that the model writes, {form}; "
        "references and outputs are compared in that form.\n"
    )
    assert capsys.readouterr().err == (noted if count else "")


def test_several_models_are_compared_in_a_form_that_all_of_them_write(make):
    lower, compatible = make("lower", lowercase=True), make("other", normalization="nfkc")
    text = "\ufb01E\u0301 "
    assert output_form([lower])(text) == "\ufb01é "
    assert output_form([compatible])(text) == "fiÉ "
    assert output_form([lower, compatible])(text) == "fié "
    assert output_form([lower.parent / "alone"])(text) == text


@pytest.mark.parametrize(
    ("kind", "form"), [(CharacterTokenizer, "fi é  a"), (WordTokenizer, "fi é a")]
)
def test_a_separate_saved_model_is_compared_in_its_form(kind, form, make, capsys):
    target = kind(Vocabulary(["a"]), normalization="nfkc", lowercase=True, strip=True)
    codec = TextCodec(CharacterTokenizer(Vocabulary("a")), target, SearchSettings(5, 7))
    version = make("another model") / "1"
    version.mkdir()
    (version / "saved_model.pb").write_bytes(b"")
    told = {"batch": 1, "tokens": 1, "beam_width": 1}
    search = {"beam_width": 1, "length_penalty": 0.0}
    write_manifest(
        version, describe(codec, compute="float32", search=search, limits=told, operators={})
    )
    text = " \ufb01 E\u0301  A "
    assert output_form([version])(text) == target.written_form(text) == form
    print_notes([version], PAIRS, EvaluationReport())
    assert " in lower case" in capsys.readouterr().err

    changed = json.loads((version / MANIFEST_FILE).read_text())
    del changed["vocabulary"]["target"]["lowercase"]
    (version / MANIFEST_FILE).write_text(json.dumps(changed))
    assert output_form([version])(text) == " \ufb01 É  A "  # the form of the folder's model


def test_exports_and_checkpoints_have_the_form_of_the_model_in_the_same_folder(make, capsys):
    model = make("model", lowercase=True)
    every = ["", "1", "model.tflite", "checkpoints/epoch-0001.keras"]
    for paths in ([model / path] for path in every):
        print_notes(paths, PAIRS, EvaluationReport())
        assert "note: 1 of 4 references are not" in capsys.readouterr().err
    print_notes([model / path for path in every], PAIRS, EvaluationReport())
    assert capsys.readouterr().err.count("note: ") == 1
    print_notes([model.parent / "alone.tflite"], PAIRS, EvaluationReport())
    assert capsys.readouterr().err == ""


def test_a_note_reports_tokenized_references_for_bleu_with_its_default_tokenizer(make, capsys):
    model, pairs = make("model"), [("s", "a red cat .")] * 100
    for report in (
        EvaluationReport(),
        EvaluationReport(metrics="chrf"),
        EvaluationReport(metrics="bleu", tokenize="none"),
    ):
        print_notes([model], pairs, report)
    print_notes([model], pairs[1:], EvaluationReport(metrics="bleu"))
    assert capsys.readouterr().err == ""
    print_notes([model], pairs, EvaluationReport(metrics="chrf,bleu"))
    assert capsys.readouterr().err.startswith("note: the references look tokenized, and BLEU's")


def test_a_note_says_that_bleu_needs_references_of_four_tokens(make, capsys):
    print_notes(
        [make("model")], [("s", "a b c")], EvaluationReport(metrics="bleu", tokenize="char")
    )
    assert capsys.readouterr().err.startswith("note: no reference has four tokens, the length")
    print_notes([make("other")], [("s", "a b c d")], EvaluationReport(metrics="bleu"))
    assert capsys.readouterr().err == ""
