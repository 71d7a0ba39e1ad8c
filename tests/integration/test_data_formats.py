"""Every command reads pairs in every format. Bad files are errors in one sentence."""

import csv
import gzip
import io
import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from runs import contents, overrides, search_eagerly, train_eagerly

from keras_attention import LuongAttention, Seq2Seq, Translator, Vocabulary, WordTokenizer
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError
from keras_attention.translation.codec import TextCodec

PAIRS = [("a b", "x"), ("b, c", "y z"), ('"c" a', 'z "x"'), ("한 a", "x x"), ("c", "y")]
TINY = ["held_out=0", "epochs=1", "units=4", "embedding=4", "batch_size=8"]
COMMANDS = ("train", "evaluate", "score", "align", "translate")


def make_tsv(pairs):
    return "".join(f"{source}\t{target}\n" for source, target in pairs).encode()


def make_csv(pairs):
    text = io.StringIO()
    rows = [(number, target, source) for number, (source, target) in enumerate(pairs)]
    csv.writer(text, delimiter=";").writerows([("id", "ko", "en"), *rows])
    return text.getvalue().encode()


def make_jsonl(pairs):
    records = [{"text": {"en": source, "ko": target}} for source, target in pairs]
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def make_parquet(pairs, compression="snappy", source="en"):
    file = io.BytesIO()
    sources, targets = zip(*pairs, strict=True)
    table = pyarrow.table({"id": range(len(pairs)), "ko": targets, source: sources})
    pyarrow.parquet.write_table(table, file, compression=compression)
    return file.getvalue()


MAKE = {"tsv": make_tsv, "csv": make_csv, "jsonl": make_jsonl, "parquet": make_parquet}
SETTINGS = {
    "tsv": [],
    "csv": ["header=true", "delimiter=;", "source_column=en", "target_column=ko"],
    "jsonl": ["source_column=text.en", "target_column=text.ko"],
    "parquet": ["source_column=en", "target_column=ko"],
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Save an untrained model of words, and return its folder."""
    source = WordTokenizer(Vocabulary(["a", "b", "c", ",", '"', "한"]))
    target = WordTokenizer(Vocabulary(["x", "y", "z", '"']))
    network = Seq2Seq(10, 8, units=4, embedding=4, attention=LuongAttention())
    network.build()
    rng = np.random.default_rng(3)
    network.set_weights([rng.standard_normal(each.shape) for each in network.get_weights()])
    folder = tmp_path_factory.mktemp("model")
    Translator(network, TextCodec(source, target, SearchSettings(9, 3))).save(folder)
    return folder


@pytest.fixture(scope="module")
def translations(model):
    """Return the model's translations of the sources."""
    with pytest.MonkeyPatch.context() as patch:
        search_eagerly(patch)
        return [each.text for each in Translator.load(model)([source for source, _ in PAIRS])]


@pytest.fixture
def call(run, model, tmp_path, monkeypatch):
    """Return `call(command, path, name, settings)`, which runs a command on pairs in a format."""
    train_eagerly(monkeypatch)

    def call(command, path, name="tsv", settings=None):
        settings = SETTINGS[name] if settings is None else settings
        if command == "train":
            given = overrides(*TINY, f"format={name}", f"data.path={path}", *settings)
            return run("train", "copy", "--output", tmp_path / "new", *given)
        if command == "translate":
            settings = [each for each in settings if not each.startswith("target_column")]
        given = "--format", name, *overrides(*settings)
        if command == "evaluate":
            return run("evaluate", model, "--data", path, *given)
        return run(command, model, path, *given)

    return call


@pytest.fixture
def trained_on(monkeypatch):
    """Stop `train` before its first step, and return the list of the pairs that it has read."""

    def stop(prepared, *_, **__):
        found.extend(prepared.start.training)
        raise InputError("enough.")

    found = []
    monkeypatch.setattr("keras_attention.training.train.fit", stop)
    return found


def write(folder, name, pairs, *, packed, several):
    """Write pairs into one file or several, and return the file or a pattern.

    Parquet files compress their columns themselves.
    """
    paths = []
    for number, part in enumerate([pairs[:2], pairs[2:]] if several else [pairs]):
        if name == "parquet":
            content = make_parquet(part, "gzip" if packed else "snappy")
        else:
            content = MAKE[name](part)
        path = folder / f"part-{number}.{name}"
        path.write_bytes(gzip.compress(content) if packed and name != "parquet" else content)
        paths.append(path)
    return folder / "part-*" if several else paths[0]


@pytest.mark.parametrize("several", [False, True], ids=["one file", "a pattern"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
@pytest.mark.parametrize("name", MAKE)
def test_every_command_reads_every_format(
    name, packed, several, call, trained_on, translations, tmp_path
):
    path = write(tmp_path, name, PAIRS, packed=packed, several=several)
    assert call("train", path, name).err.endswith("error: enough.\n")
    assert sorted(trained_on) == sorted(PAIRS)
    scored = call("score", path, name).out.splitlines()
    assert [tuple(line.split("\t")[3:]) for line in scored] == PAIRS
    assert call("translate", path, name).out.splitlines() == translations
    wrong = call("evaluate", path, name).out
    for (source, target), text in zip(PAIRS, translations, strict=True):
        assert f"{source!r} gave {text!r}, expected {target!r}" in wrong


def test_a_step_is_trained_on_files_that_match_a_pattern(call, tmp_path):
    path = write(tmp_path, "parquet", PAIRS, packed=True, several=True)
    outcome = call("train", path, "parquet")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "new" / "model.keras").is_file()


def cut(content):
    return content[: len(content) // 2]


BAD = {
    **{
        f"truncated gzip, {name}": (name, cut(gzip.compress(MAKE[name](PAIRS))), "damaged gzip")
        for name in ("tsv", "csv", "jsonl")
    },
    "truncated Parquet": ("parquet", cut(make_parquet(PAIRS)), "expected a Parquet file. Received"),
    "Parquet in gzip": (
        "parquet",
        gzip.compress(make_parquet(PAIRS)),
        "expected a Parquet file. Received: a gzip file; unpack it, because",
    ),
    "ragged CSV": ("csv", make_csv(PAIRS) + b"9\n", "line 7: expected a source in column 3"),
    "no column in CSV": (
        "csv",
        make_csv(PAIRS).replace(b"en", b"fr"),
        "line 1: expected exactly one column named 'en' (data.source_column). Received: 'id'",
    ),
    "no field in JSON lines": (
        "jsonl",
        make_jsonl(PAIRS).replace(b"en", b"fr"),
        "line 1: expected the field 'text.en' (data.source_column). Received: 'text.fr'",
    ),
    "no column in Parquet": (
        "parquet",
        make_parquet(PAIRS, source="fr"),
        "row 1: expected the field 'en' (data.source_column). Received: 'id', 'ko', 'fr'.",
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_sentence(case, command, call, tmp_path):
    name, content, words = BAD[case]
    path = tmp_path / f"bad.{name}"
    path.write_bytes(content)
    before = contents(tmp_path)
    outcome = call(command, path, name)
    assert outcome.code == 2 and words in outcome.err
    assert outcome.err.startswith(f"error: {path}") and outcome.err.count("\n") == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", MAKE)
def test_a_pattern_without_a_file_is_one_sentence(name, command, call, tmp_path):
    outcome = call(command, tmp_path / "*.gz", name)
    assert outcome == (
        2,
        "",
        f"error: {tmp_path}/*.gz: expected a file, or a pattern that matches at least one file. "
        "Received: no matching file.\n",
    )
