"""Bad input ends in a one-sentence error and exit code 2, and does not change any folder."""

import gzip
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import pytest
from runs import SETTINGS, contents, overrides

from keras_attention.export.saved_model.manifest import MANIFEST_FILE

GOOD = b"a\tb\nc\td\n"
TRAIN = "train dates --output new"
TSV = f"{TRAIN} --set format=tsv --set held_out=0 --set data.path"
RESUME = " ".join(["train dates --output model --resume", *overrides(*SETTINGS)])


class Case(NamedTuple):
    """A command with bad input.

    Attributes:
        arguments: the arguments of the command.
        words: text that its error message must contain.
        files: the content of each file to create, by name.
        damage: a function that damages the folder `model`.
    """

    arguments: str
    words: str
    files: dict[str, bytes] = {}
    damage: Callable[[Path], object] | None = None


def write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def cut(name: str) -> Callable[[Path], object]:
    """Return a function that keeps only the first half of a file."""

    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def change(name: str, old: str, new: str) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return damage


def flip(name: str) -> Callable[[Path], object]:
    """Return a function that inverts a byte in the middle of a file, where the weights are."""

    def damage(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 255
        (folder / name).write_bytes(content)

    return damage


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def without_saved_model(damage: Callable[[Path], object]) -> Callable[[Path], object]:
    """Also remove the SavedModel, because `verify` would load and run it before the TFLite file."""
    return lambda folder: (shutil.rmtree(folder / "1"), damage(folder))


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def other_keras_model(name: str) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        model = keras.Sequential([keras.layers.Dense(1)])
        model.build((None, 1))
        model.save(folder / name)

    return damage


def other_tflite(folder: Path) -> None:
    """Remove the archive at the end of the TFLite file, as if another program had written it."""
    path = folder / "dates.tflite"
    with zipfile.ZipFile(path) as archive:
        size = min(item.header_offset for item in archive.infolist())
    path.write_bytes(path.read_bytes()[:size])


def pipe(name: str) -> Callable[[Path], object]:
    return lambda folder: ((folder / name).unlink(), os.mkfifo(folder / name))


def endless(name: str) -> Callable[[Path], object]:
    return lambda folder: ((folder / name).unlink(), (folder / name).symlink_to("/dev/zero"))


def bomb(folder: Path) -> None:
    """Make a model whose settings unpack to more bytes than any real model's."""
    with zipfile.ZipFile(folder / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("config.json", "w") as file:
            for _ in range(65):
                file.write(b" " * (1 << 20))


USAGE = {
    "unknown command": Case("translat model", "No such command 'translat'"),
    "unknown option": Case("translate model --beams 3", "No such option: --beams"),
    "setting as an option": Case("train dates --epochs 3", "Use --set training.epochs=VALUE."),
    "data setting": Case("score model a --header 1", "No such option: --header. Use --set data.h"),
    "Python's option": Case("translate model --beam-width 3", "--beam-width. Use --beam."),
    "no setting here": Case("score model a --epochs 3", "error: No such option: --epochs\n"),
    "missing argument": Case("translate", "Missing argument 'MODEL'"),
    "option's value": Case("translate model --beam 0", "--beam must be an integer of at"),
    "nbest over beam": Case("translate model --beam 2 --nbest 3", "--nbest must not exceed --bea"),
    "beam of an export": Case("translate model/1 --beam 99", "--beam must be from 1 to 16"),
    "limits of an export": Case("export model --max-batch 0", "'--max-batch'"),
    "nbest of an export": Case("translate model/1 --nbest 2", "--nbest must be from 1 to the beam"),
    "beam of TFLite": Case("translate model/dates.tflite --beam 9", "--beam must be 4, the beam"),
    "nbest of TFLite": Case(
        "translate model/dates.tflite --nbest 5", "exceed --beam, which is 4. Received: --nbest 5."
    ),
    "policy of an export": Case("export model --compute float8", "--compute must be one of the d"),
    "resume and overwrite": Case(f"{TRAIN} --resume --overwrite", "choose one of them"),
    "nothing to plot": Case("plot model", "TEXT or --file LINES. Received: neither"),
    "text and lines to plot": Case("plot model x --file a --html a.html", "Received: both"),
    "lines as a picture": Case("plot model --file a", "--file requires --html PAGE", {"a": b""}),
    "hypotheses in a picture": Case("plot model x --nbest 2 --beam 2", "--nbest requires --html"),
    "lines as page and picture": Case(
        "plot model --file a --html a.html -o a.png", "requires a TEXT"
    ),
    "lines to plot missing": Case("plot model --file no.txt --html a.html", "no.txt: expected"),
    "page's hypotheses": Case(
        "plot model x --html a.html --nbest 2", "not exceed --beam, which is 1"
    ),
    "argument that is not UTF-8": Case("plot model \udcff", "TEXT: expected UTF-8"),
}
RECIPES = {
    "unknown recipe": Case("train date", "There is no recipe 'date'; the nearest is 'dates'"),
    "own recipe": Case("train mine", "recipe 'mine'; the nearest is mine.toml", {"mine.toml": b""}),
    "pairs": Case("train a.tsv", "a.tsv: expected a recipe, a .toml file.", {"a.tsv": GOOD}),
    "run": Case("train model", "continue the run, use `keras-attention train model --resume`"),
    "run to compare": Case("compare model --vary units=8", "Its recipe is model/recipe.toml"),
    "folder": Case("train .", ".: expected a recipe, a .toml file. Received: a folder."),
    "missing recipe": Case("train mine.toml", "mine.toml: expected a file that can be read"),
    "unknown data set": Case("data g2", "There is no data set 'g2'; the nearest is 'g2p'"),
    "not TOML": Case("train a.toml", "a.toml: this is not valid TOML", {"a.toml": b"units"}),
    "unknown key": Case(
        "train a.toml", "Unknown key `model.unit`; the nearest is `model.units`",
        {"a.toml": b"[model]\nunit = 3\n"},
    ),
    "unknown key set": Case(f"{TRAIN} --set attentoin=none", "the nearest is `model.attention`"),
    "unknown value": Case(f"{TRAIN} --set attention=loung", "Received: model.attention='loung'"),
    "wrong type": Case(f"{TRAIN} --set epochs=many", "must be an integer of at least 1"),
    "odd units": Case(f"{TRAIN} --set units=33 --set size=9 --set held_out=1", "must be even"),
    "all held out": Case(f"{TRAIN} --set size=9", "`data.held_out` must be below the number of"),
    "nothing to show": Case("quickstart --set held_out=0", "`data.held_out` must be at least 1"),
}  # fmt: skip
DATA = {
    "missing": Case(f"{TSV}=none.tsv", "none.tsv: expected a file that can be read"),
    "missing folder": Case("train g2p --output new", "g2p --fetch`. Received: no such folder."),
    "unknown language": Case(
        "train g2p --output new --set folder=. --set language=xxx",
        "expected this file for data.language='xxx'. Received: a folder with files for: kor.",
        {"kor_train.tsv": GOOD},
    ),
    "data set not there": Case("data g2p", "keras-attention data g2p data/g2p --fetch` downloads"),
    "a folder": Case(f"{TSV}=model", "model/*'. Received: a folder."),
    "unreadable": Case(f"{TSV}=/proc/self/mem", "/proc/self/mem: expected a file that can be"),
    "empty": Case(f"{TSV}=a.tsv", "a.tsv: expected at least one line", {"a.tsv": b""}),
    "one column": Case(
        f"{TSV}=a.tsv", "a.tsv, line 3: expected source, tab, target. Received: one column.",
        {"a.tsv": GOOD + b"one column\n"},
    ),
    "invalid UTF-8": Case(
        f"{TSV}=a.tsv", "a.tsv, line 3: expected UTF-8 text. Received: byte 0xff at column 2",
        {"a.tsv": GOOD + b"a\xff\tb\n"},
    ),
    "damaged gzip": Case(
        f"{TSV}=a.tsv", "a.tsv: damaged gzip file", {"a.tsv": gzip.compress(GOOD)[:-5]}
    ),
    "spreadsheet": Case(
        f"{TSV}=a.xlsx", "a.xlsx: expected UTF-8 text. Received: a ZIP archive or a spreadsheet",
        {"a.xlsx": b"PK\x03\x04" + bytes(40)},
    ),
    "open quote": Case(
        f"{TSV}=a.csv --set format=csv", "a.csv, line 2: expected a row of CSV with closed quoted",
        {"a.csv": b'a,b\nc,"d\n'},
    ),
    "no such column": Case(
        f"{TSV}=a.tsv --set header=true --set source_column=x", "one column named 'x'",
        {"a.tsv": GOOD},
    ),
    "not a date": Case(
        f"{TRAIN} --set data.path=a.txt --set held_out=0", "a.txt, line 1: expected a date",
        {"a.txt": b"1/1/70 1970-01-01\n"},
    ),
    "all too long": Case(
        f"{TSV}=a.tsv --set max_source_length=1",
        "No pair is within the length limits",
        {"a.tsv": GOOD},
    ),
    "held out too long": Case(
        f"{TSV}=a.tsv --set validation_path=b.tsv", "No pair is within the length limits",
        {"a.tsv": GOOD, "b.tsv": b"x" * 99 + b"\ty\n"},
    ),
    "parallel": Case(
        f"{TRAIN} --set format=parallel --set data.path=a.txt --set target_path=b.txt",
        "a.txt with 2, ", {"a.txt": b"a\nb\n", "b.txt": b"a\n"},
    ),
    "parallel to evaluate": Case(
        "evaluate model --data a.txt --target b.txt --format parallel",
        "must have the same number of lines", {"a.txt": b"a\nb\n", "b.txt": b"a\n"},
    ),
    "to evaluate": Case("evaluate model --data none.tsv", "none.tsv: expected a file"),
    "format": Case("evaluate model --data a.tsv --format xml", "--format must be one of dates"),
    "to translate": Case("translate model none", "To translate a text, pass it on standard"),
    "folder to translate": Case("translate model model", "such as 'model/*'. Received: a folder."),
    "line to translate": Case(
        "translate model a.txt", "a.txt, line 2: expected UTF-8", {"a.txt": b"1/1/70\n\xe9\n"}
    ),
    "too long for TFLite": Case(
        "translate model/dates.tflite a.txt",
        "a.txt, line 1: expected at most 1024 tokens including </s>. Received: 1025.",
        {"a.txt": b"1" * 1024},
    ),
    "nothing to verify": Case("verify model a.txt", "at least one line", {"a.txt": b""}),
    "no line to verify": Case(
        "verify model a.txt", "at least one line that is short enough", {"a.txt": b"1" * 1024},
        damage=without_saved_model(lambda folder: None),
    ),
}  # fmt: skip
OUTPUTS = {
    "run exists": Case(f"train dates --output model {' '.join(overrides(*SETTINGS))}", "--resume"),
    "a full folder": Case("train dates --output .", "expected a new or empty folder"),
    "a file": Case("train dates --output a", "expected a new or empty folder", {"a": b""}),
    "under a file": Case(
        "train dates --output a/b --set size=9 --set held_out=1", "a path that can be written",
        {"a": b""},
    ),
    "no run": Case("train dates --output new --resume", "has no run to resume"),
    "no run in the folder": Case("train . --resume", ".: has no run to resume. Expected a folder"),
    "another output": Case("train model --resume --output b", "so leave out --output. Received"),
    "other settings": Case(f"{RESUME} --set units=16", "Received: `units = 16`"),
    "picture under a file": Case("plot model x -o a/b.png", "a/b.png: expected", {"a": b""}),
    "picture's kind": Case("plot model x -o a.gif", "a.gif"),
    "page's kind": Case("plot model x --html a.png", "a.png: a page's suffix must be one of .html"),
    "page under a file": Case("plot model x --html a/b.html", "a/b.html: expected", {"a": b""}),
    "export on a file": Case("export model", "model/1: ", {}, lambda folder: (
        shutil.rmtree(folder / "1"), (folder / "1").write_bytes(b""))),
}  # fmt: skip
MODELS = {
    "missing": Case("translate none a.txt", "none: no such folder", {"a.txt": b""}),
    "missing to export": Case("export none", "none: no such folder"),
    "missing to verify": Case("verify none", "none: no such folder"),
    "file to verify": Case("verify a.tflite", "expected the folder of a", {"a.tflite": b"1"}),
    "file to demonstrate": Case("demo a.toml", "expected the folder of a", {"a.toml": b""}),
    "file to export": Case("export a.tflite", "expected the folder of a", {"a.tflite": b"1"}),
    "untrained": Case("export model", "model: expected a model that keras-att", damage=empty),
    "untrained to translate": Case("translate model", "expected a model that keras", damage=empty),
    "untrained to verify": Case("verify model", "expected a model that keras", damage=empty),
    "only started": Case("export model", "model.keras: no such file", damage=remove("model.keras")),
    "vocabulary missing": Case(
        "export model", "source.vocabulary.txt is missing", damage=remove("source.vocabulary.txt")
    ),
    "truncated": Case("translate model", "model.keras: cannot be read", damage=cut("model.keras")),
    "flipped": Case("export model", "model.keras: cannot be read", damage=flip("model.keras")),
    "random": Case(
        "export model", "model.keras: cannot be read", damage=write("model.keras", b"\x93" * 999)
    ),
    "pickle": Case(
        "export model", "cannot be read", damage=write("model.keras", pickle.dumps({"a": 1}))
    ),
    "a pipe": Case(
        "translate model", "model.keras: expected a file that can be read",
        damage=pipe("model.keras"),
    ),
    "an endless device": Case(
        "translate model", "translator.json: expected a file that can be read",
        damage=endless("translator.json"),
    ),
    "a bomb": Case(
        "translate model", "expected at most 67108864 bytes in config.json", damage=bomb
    ),
    "checkpoint without optimizer": Case(
        RESUME, "expected a training checkpoint",
        damage=lambda folder: shutil.copy(
            folder / "model.keras", folder / "checkpoints" / "epoch-0002.keras"
        ),
    ),
    "another Keras model": Case(
        "export model", "expected a Seq2Seq model", damage=other_keras_model("model.keras")
    ),
    "vocabulary of another model": Case(
        "translate model", "source.vocabulary.txt: expected the file that model.keras was",
        damage=change("source.vocabulary.txt", "\n9\n", "\n9\n한\n"),
    ),
    "vocabulary with a repeated line": Case(
        "translate model", "target.vocabulary.txt, line ",
        damage=change("target.vocabulary.txt", "\n9\n", "\n0\n"),
    ),
    "vocabulary of bytes": Case(
        "translate model", "source.vocabulary.txt, line 1: expected UTF-8",
        damage=write("source.vocabulary.txt", b"\xff\n"),
    ),
    "settings": Case(
        "translate model", "translator.json: damaged", damage=cut("translator.json")
    ),
    "settings' values": Case(
        "translate model", "translator.json: damaged",
        damage=change("translator.json", '"max_length": 16', '"max_length": 0'),
    ),
    "newer format": Case(
        "translate model", "translator.json: expected format 1",
        damage=change("translator.json", '"format": 1', '"format": 2'),
    ),
    "checkpoint truncated": Case(
        RESUME, "epoch-0002.keras: cannot be read", damage=cut("checkpoints/epoch-0002.keras")
    ),
    "checkpoint flipped": Case(
        RESUME, "epoch-0002.keras: cannot be read", damage=flip("checkpoints/epoch-0002.keras")
    ),
    "checkpoint of another model": Case(
        RESUME, "expected a Seq2Seq", damage=other_keras_model("checkpoints/epoch-0002.keras")
    ),
    "run's recipe": Case(RESUME, "recipe.toml: ", damage=write("recipe.toml", b"[model\n")),
    "run's metrics": Case(
        RESUME, "metrics.csv: damaged", damage=write("metrics.csv", b"epoch,loss\n0,a\n1,b\n")
    ),
}  # fmt: skip
EXPORTS = {
    "no export": Case(
        "verify model", "contains no export",
        damage=lambda folder: (shutil.rmtree(folder / "1"), (folder / "dates.tflite").unlink()),
    ),
    "missing TFLite": Case("translate none.tflite", "none.tflite: no such file; expected"),
    "truncated TFLite": Case(
        "translate model/dates.tflite", "dates.tflite: truncated", damage=cut("dates.tflite")
    ),
    "flipped TFLite": Case(
        "verify model", "dates.tflite: damaged", damage=without_saved_model(flip("dates.tflite"))
    ),
    "empty TFLite": Case(
        "translate model/dates.tflite", "expected a TFLite file", damage=write("dates.tflite", b"")
    ),
    "random TFLite": Case(
        "verify model", "expected a TFLite file",
        damage=without_saved_model(write("dates.tflite", b"PK\x05\x06" * 99)),
    ),
    "foreign TFLite": Case(
        "translate model/dates.tflite", "not exported by keras-attention", damage=other_tflite
    ),
    "missing SavedModel": Case("translate model/7", "model/7: no such folder"),
    "truncated SavedModel": Case(
        "translate model/1", "1/saved_model.pb: damaged or changed", damage=cut("1/saved_model.pb")
    ),
    "random SavedModel": Case(
        "verify model", "1/saved_model.pb: damaged", damage=write("1/saved_model.pb", b"\x01" * 99)
    ),
    "SavedModel without weights": Case(
        "translate model/1", "model/1: variables/variables.data-00000-of-00001 is missing",
        damage=remove("1/variables/variables.data-00000-of-00001"),
    ),
    "SavedModel's weights": Case(
        "translate model/1", "variables.data-00000-of-00001: damaged or changed",
        damage=flip("1/variables/variables.data-00000-of-00001"),
    ),
    "SavedModel of another program": Case(
        "verify model", "1: not exported by keras-attention", damage=remove(f"1/{MANIFEST_FILE}")
    ),
    "newer SavedModel": Case(
        "translate model/1",
        "manifest.json: expected format 1, the only one that this version reads. Received: 2.",
        damage=change(f"1/{MANIFEST_FILE}", '"format": 1', '"format": 2'),
    ),
    "SavedModel's manifest": Case(
        "verify model", "manifest.json: damaged", damage=write(f"1/{MANIFEST_FILE}", b"[]")
    ),
    "pipe as TFLite": Case(
        "translate model/dates.tflite", "expected a file that can be read",
        damage=pipe("dates.tflite"),
    ),
    "SavedModel's limits": Case(
        "translate model/1", "`limits.batch` as an integer of at least 1. Received: null.",
        damage=change(f"1/{MANIFEST_FILE}", '"batch": 64', '"batch": null'),
    ),
    "unexpected file": Case(
        "verify model", "unexpected file more", damage=write("1/more", b"")
    ),
}  # fmt: skip
CASES = {
    f"{group}: {name}": case
    for group, cases in {
        "usage": USAGE, "recipe": RECIPES, "data": DATA, "output": OUTPUTS, "model": MODELS,
        "export": EXPORTS,
    }.items()
    for name, case in cases.items()
}  # fmt: skip


def stamps(folder):
    """Return each file's modification time and size, which are faster to read than a hash."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_ends_in_one_sentence_and_changes_no_files(
    case, run, trained, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if case.damage:
        shutil.copytree(trained, "model")
        case.damage(Path("model"))
    else:
        Path("model").symlink_to(trained)
    for name, content in case.files.items():
        Path(name).write_bytes(content)
    before = contents(tmp_path), stamps(trained)
    outcome = run(*case.arguments.split())
    assert outcome.code == 2
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1
    assert case.words in outcome.err
    assert (contents(tmp_path), stamps(trained)) == before
