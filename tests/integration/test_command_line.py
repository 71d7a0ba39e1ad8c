import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from importlib import metadata
from itertools import product
from pathlib import Path

import pytest
from runs import SETTINGS, overrides

from keras_attention import Translator
from keras_attention.export.tflite.conversion import export_tflite
from keras_attention.training.run.run_folder import RunFolder

PROGRAM = Path(sys.executable).with_name("keras-attention")
COMMANDS = "quickstart train compare data translate evaluate score align plot export verify".split()
LINES = ["march 27, 2016", "", "9/27/94", "Tuesday, September 27, 1994"]
TYPED = "".join(f"{line}\n" for line in LINES).encode()


@contextmanager
def started(*arguments, **environment):
    """Start the installed program in a separate process, as a user starts it."""
    inherited = {name: os.environ[name] for name in os.environ if name != "TF_CPP_MIN_LOG_LEVEL"}
    with subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**inherited, **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_translate_reads_a_file_or_stdin(run, trained, translator, tmp_path):
    (tmp_path / "lines.txt").write_bytes(TYPED)
    expected = "".join(f"{translation.text}\n" for translation in translator(LINES))
    assert run("translate", trained, tmp_path / "lines.txt") == (0, expected, "")
    assert run("translate", trained, stdin=TYPED) == (0, expected, "")
    assert run("translate", trained, "-", "--batch-size", 1, stdin=TYPED) == (0, expected, "")
    # The last line may have no line feed. Empty input gives empty output.
    assert run("translate", trained, stdin=TYPED.removesuffix(b"\n")).out == expected
    assert run("translate", trained) == (0, "", "")


def test_translate_prints_the_requested_columns(run, trained, translator):
    columns = ["--scores", "--alignments", "--beam", 3, "--nbest", 2, "--length-penalty", 0.5]
    outcome = run("translate", trained, *columns, stdin=TYPED)
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split("\t") for line in outcome.out.splitlines()]
    expected = [
        (number, hypothesis)
        for number, t in enumerate(translator(LINES, beam_width=3, length_penalty=0.5))
        for hypothesis in t.hypotheses[:2]
    ]
    for (number, score, text, pairs), (line, hypothesis) in zip(lines, expected, strict=True):
        assert (int(number), text) == (line, hypothesis.text)
        assert float(score) == pytest.approx(hypothesis.score, abs=1e-3)
        sources = hypothesis.alignment.argmax(axis=1)
        end = len(translator(LINES[line]).source_tokens) - 1
        written = [(s, t) for t, s in enumerate(sources) if hypothesis.tokens[t] != "</s>"]
        assert pairs == " ".join(f"{s}-{t}" for s, t in written if s != end)


@pytest.mark.parametrize(
    ("runtime", "options"),
    [
        *product(["", "1", "dates.tflite"], [(), ("--beam", 4), ("--stream",)]),
        ("dates.tflite", ("--workers", 2)),
    ],
)
def test_translate_counts_lines_with_unknown_tokens(runtime, options, run, trained, tmp_path):
    (tmp_path / "in.txt").write_text("march 27, 2016\n5 mars 2003 學校\n\n學 校\n")
    plain = run("translate", trained / runtime, *options, stdin=TYPED)
    assert (plain.code, plain.err) == (0, "")
    outcome = run("translate", trained / runtime, tmp_path / "in.txt", *options)
    note = (
        f"note: the model does not know some tokens, such as '學' ({tmp_path}/in.txt, line 2). "
        "Lines with such tokens: 2 of 4; their translations may be wrong.\n"
    )
    assert (outcome.code, outcome.err, outcome.out.count("\n")) == (0, note, 4)


def test_translate_prints_json(run, trained, translator):
    outcome = run("translate", trained, "--json", "--beam", 2, "--nbest", 2, stdin=TYPED)
    objects = [json.loads(line) for line in outcome.out.splitlines()]
    for found, translation in zip(objects, translator(LINES, beam_width=2), strict=True):
        expected = translation.to_json()
        assert found.keys() == expected.keys()
        assert found["source_tokens"] == expected["source_tokens"]
        for one, other in zip(found["hypotheses"], expected["hypotheses"], strict=True):
            assert (one["text"], one["tokens"]) == (other["text"], other["tokens"])
            assert len(one["alignment"]) == len(one["tokens"])


@pytest.mark.parametrize("export", ["1", "dates.tflite"])
def test_translate_runs_beam_search_on_an_export(export, run, trained):
    options = ["--beam", 4, "--nbest", 2, "--scores"]
    expected = run("translate", trained, *options, stdin=TYPED)
    outcome = run("translate", trained / export, *options, stdin=TYPED)
    assert (outcome.code, outcome.err) == (0, "")
    found, wanted = (each.out.splitlines() for each in (outcome, expected))
    assert [line.split("\t")[-1] for line in found] == [line.split("\t")[-1] for line in wanted]


@pytest.mark.parametrize("export", ["1", "dates.tflite"])
def test_translate_and_evaluate_run_an_export(export, run, trained, translator):
    expected = "".join(f"{translation.text}\n" for translation in translator(LINES))
    assert run("translate", trained / export, stdin=TYPED)[:2] == (0, expected)
    outcome = run("evaluate", trained / export, "--errors", 1)
    assert outcome.code == 0
    assert outcome.out.startswith("exact match  ") and "of 300 pairs" in outcome.out


@pytest.mark.parametrize("runtime", ["", "1", "dates.tflite"])
def test_lines_of_any_length_and_any_bytes_are_handled(runtime, run, trained, translator, tmp_path):
    lines = [LINES[0].encode(), b"1" * 1024, b"\xff", LINES[2].encode(), b"1" * 20_000, b""]
    (tmp_path / "in.txt").write_bytes(b"".join(line + b"\n" for line in lines))
    arguments = "translate", trained / runtime, tmp_path / "in.txt"
    first, last = (translator(LINES[n]).text for n in (0, 2))
    problems = [
        "line 2: expected at most 1024 tokens including </s>. Received: 1025.",
        "line 3: expected UTF-8 text. Received: byte 0xff at column 1 of the line.",
        "line 5: expected at most 16384 bytes. Received: 20000.",
    ]
    problems = [f"{tmp_path / 'in.txt'}, {problem}" for problem in problems]
    assert run(*arguments) == (2, f"{first}\n", f"error: {problems[0]}\n")
    skipped = run(*arguments, "--on-error", "skip", "--batch-size", 2)
    count = "skipped 3 lines that cannot be used."
    assert skipped == (0, f"{first}\n{last}\n\n", "\n".join([*problems, count, ""]))
    output = tmp_path / "out.txt"
    emptied = run(*arguments, "--on-error", "empty", "--output", output)
    assert (emptied.code, emptied.out) == (0, "")
    assert output.read_text() == f"{first}\n\n\n{last}\n\n\n"
    assert emptied.err.splitlines() == [*problems, "left empty 3 lines that cannot be used."]
    assert run(*arguments, "--output", output).code == 2
    assert output.read_text() == f"{first}\n\n\n{last}\n\n\n"


def test_translate_accepts_as_many_tokens_as_requested(run, trained):
    typed = b"1" * 1500 + b"\n"
    assert run("translate", trained, "--max-tokens", 1501, stdin=typed).code == 0
    refused = run("translate", trained, "--max-tokens", 1500, stdin=typed)
    sentence = "line 1: expected at most 1500 tokens including </s>. Received: 1501."
    assert (refused.code, refused.err) == (2, f"error: standard input, {sentence}\n")
    assert run("translate", trained / "dates.tflite", "--max-tokens", 1501, stdin=typed).code == 0
    refused = run("translate", trained / "dates.tflite", "--max-tokens", 1500, stdin=typed)
    assert (refused.code, refused.err) == (2, f"error: standard input, {sentence}\n")
    export = run("translate", trained / "1", "--max-tokens", 9, stdin=typed)
    assert export.code == 2 and "--max-tokens requires the model's folder or a TFL" in export.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_translate_answers_line_by_line_and_stops(trained, translator, number):
    with started("translate", trained) as process:
        for line in ("march 27, 2016", "9/27/94"):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline().decode() == translator(line).text + "\n"
        process.send_signal(number)
        shown_message = b"Stopped by SIGTERM.\n" if number == signal.SIGTERM else b""
        expected = (b"", shown_message, 128 + number)
        assert (*process.communicate(timeout=60), process.returncode) == expected


def test_translate_exits_quietly_when_its_output_is_closed(trained, tmp_path):
    (tmp_path / "many.txt").write_text("9/27/94 가\n" * 20_000, encoding="utf-8")
    # Input and output are UTF-8, whatever the locale.
    arguments = "translate", trained, tmp_path / "many.txt", "--json"
    with started(*arguments, PYTHONIOENCODING="ascii") as process:
        assert json.loads(process.stdout.readline())["source"] == "9/27/94 가"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_help_loads_neither_keras_nor_tensorflow():
    program = (
        "import sys; from keras_attention.cli.main import main\n"
        "sys.argv = ['keras-attention', '--help']\n"
        "try: main()\n"
        "finally: print('loaded', sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    for command in COMMANDS:
        assert f" {command} " in done.stdout
    assert "loaded []" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, run):
    outcome = run(command, "--help")
    assert outcome.code == 0
    shown_message = " ".join(outcome.out.split())
    assert "Use it " in shown_message and f"Example: keras-attention {command} " in shown_message
    assert "bool" not in shown_message


def test_the_version_and_a_missing_command_are_handled(run):
    version = run("--version")
    assert (version.code, version.err) == (0, "")
    assert version.out.splitlines() == [
        "keras-attention 0.1.0",
        f"keras {metadata.version('keras')}",
        f"tensorflow {metadata.version('tensorflow')}",
        f"python {platform.python_version()}",
    ]
    without = run()
    assert (without.code, without.err) == (2, "")
    assert "quickstart" in without.out


def test_train_shows_the_recipe_with_explanations(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run("train", "dates", "--show", "--set", "attention=luong", "--set", "units=6")
    assert (outcome.code, outcome.err) == (0, "")
    assert 'attention = "luong"\n' in outcome.out
    assert "a Transformer: an integer of at least 1 and at most 16384\nunits = 6\n" in outcome.out
    (tmp_path / "again.toml").write_text(outcome.out)
    assert run("train", "again.toml", "--show").out == outcome.out
    assert [path.name for path in tmp_path.iterdir()] == ["again.toml"]


@pytest.mark.parametrize(
    ("trained", "advice"),
    [
        (None, "No validation was completed, so --resume will start from the beginning."),
        (".", "Use --resume to continue after the last validation."),
        ("seed-2", "Use --resume to continue after the last validation."),  # of an ensemble
    ],
)
def test_an_interrupted_run_prints_how_to_resume(run, tmp_path, monkeypatch, trained, advice):
    def stopped(recipe, folder, **options):
        RunFolder(folder).start(recipe)
        if trained is not None:
            checkpoint = RunFolder(folder / trained).checkpoint(1)
            checkpoint.parent.mkdir(parents=True)
            checkpoint.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_attention.training.train.train", stopped)
    outcome = run("train", "dates", "--output", tmp_path / "run")
    assert (outcome.code, outcome.err) == (130, f"Stopped. {advice}\n")


def test_train_accepts_a_file_without_held_out_pairs(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = "".join(f"{word}\t{word[::-1]}\n" for word in ("abc", "한국", "xyz", "ab") * 4)
    Path("pairs.tsv").write_text(pairs)
    recipe = '[data]\nformat = "tsv"\npath = "pairs.tsv"\nheld_out = 0\n[training]\nepochs = 1\n'
    Path("mine.toml").write_text(recipe)
    outcome = run(
        "train", "mine.toml", *overrides("units=8", "embedding=4", "mixed_precision=true")
    )
    assert outcome.code == 0
    advice = (
        "Trained. Next, with a file of other pairs: keras-attention evaluate saved_models/mine "
        "--data FILE\n"
    )
    assert outcome.out.endswith(advice)
    assert {"model.keras", "metrics.csv", "versions.json"} < set(os.listdir("saved_models/mine"))
    assert any("tfevents" in path.name for path in Path("saved_models/mine/logs").rglob("*"))
    refused = run("evaluate", "saved_models/mine")
    assert (
        refused.code == 2 and "its recipe holds out no pairs; give a file of pairs." in refused.err
    )
    assert run("evaluate", "saved_models/mine", "--data", "pairs.tsv").code == 0
    for command, words in {
        ("verify", "saved_models/mine"): "no pairs; give a FILE with one text per line.",
        ("export", "saved_models/mine", "--tflite", "best"): "no pairs; --tflite best compares "
        "precisions on them, so use --tflite float32.",
    }.items():
        refused = run(*command)
        assert refused.code == 2 and words in refused.err


def test_evaluate_prints_the_metrics_of_the_model(run, trained, translator, tmp_path):
    outcome = run("evaluate", trained, "--errors", 2)
    assert (outcome.code, outcome.err) == (0, "")
    assert "of 300 pairs" in outcome.out and outcome.out.count("wrong ") == 2
    texts = [translation.text for translation in translator(LINES)]
    (tmp_path / "in.txt").write_text("".join(f"{line or 'x'}\n" for line in LINES))
    (tmp_path / "out.txt").write_text("".join(f"{text or 'x'}\n" for text in texts))
    files = ["--data", tmp_path / "in.txt", "--target", tmp_path / "out.txt"]
    parallel = run("evaluate", trained, *files, "--format", "parallel", "--beam", 1)
    assert parallel.code == 0
    assert parallel.out.startswith("exact match  75.00%  of 4 pairs\n")


def test_plot_writes_a_picture(run, trained, tmp_path):
    picture = tmp_path / "new folder" / "picture.png"
    outcome = run("plot", trained, "march 27, 2016", "-o", picture)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith(f"Wrote {picture}\n")
    assert "</s>" in outcome.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_plot_notes_that_a_text_is_the_name_of_a_file(run, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("3503").touch()
    outcome = run("plot", trained, "3503")
    assert (outcome.code, outcome.err) == (
        0,
        "note: the text '3503' is also the name of a file; to plot its lines, use "
        "--file 3503 --html PAGE.\n",
    )


@pytest.fixture
def copied(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "copied"))


def test_verify_exits_with_1_if_an_export_belongs_to_another_model(run, copied):
    shutil.rmtree(copied / "1")
    other = Translator.load(copied)
    other.model.set_weights([1.5 * weight for weight in other.model.get_weights()])
    export_tflite(other, copied / "dates.tflite")
    outcome = run("verify", copied, "--lines", 20)
    assert (outcome.code, outcome.err.count("error")) == (1, 0)
    assert "DIFFERS" in outcome.out


def test_a_finished_run_resumes_for_more_epochs(run, copied):
    weights = (copied / "model.keras").read_bytes()
    arguments = ["train", "dates", "--output", copied, "--resume", *overrides(*SETTINGS)]
    assert run(*arguments).code == 0
    assert (copied / "model.keras").read_bytes() == weights
    fewer = run(*arguments, *overrides("epochs=1"))
    assert fewer.code == 2
    assert "the run already has 2 validations; increase `training.epochs`" in fewer.err
    assert "epochs = 2" in (copied / "recipe.toml").read_text()
    assert run("train", copied, "--resume", *overrides("epochs=3")).code == 0
    assert (copied / "metrics.csv").read_text().count("\n") == 4
    assert "epochs = 3" in (copied / "recipe.toml").read_text()
    assert [path.name for path in (copied / "checkpoints").iterdir()] == ["epoch-0003.keras"]
