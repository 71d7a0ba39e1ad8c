"""`translate` with workers gives the output of one process, even after an interruption."""

import os
import signal
import time
from pathlib import Path

import pytest
from test_command_line import started

from keras_attention.training.tasks.dates import generate_dates

DEVICE = Path(__file__).parents[2] / "saved_models" / "pretrained" / "dates.tflite"
COUNT = 2500


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("lines") / "in.txt"
    path.write_text("".join(f"{source}\n" for source, _ in generate_dates(COUNT, 3)))
    return path


@pytest.fixture
def few(lines, tmp_path):
    """Return a file of 150 lines, two of which cannot be used."""
    found = lines.read_bytes().split(b"\n")[:148]
    (tmp_path / "few.txt").write_bytes(b"\n".join([*found[:80], b"\xff", b"9" * 999, *found[80:]]))
    return tmp_path / "few.txt"


def processes_of(parent):
    """Return the child processes of a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # the process has ended
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


@pytest.mark.parametrize("columns", [["--scores"], ["--json"], ["--nbest", 2, "--beam", 4]])
def test_workers_print_what_one_process_prints(columns, run, few):
    options = "translate", DEVICE, few, "--on-error", "empty", "--batch-size", 16, *columns
    alone = run(*options)
    assert alone.code == 0 and alone.err.count(str(few)) == 2
    assert run(*options, "--workers", 3) == alone


def test_workers_draw_the_samples_of_one_process(run, trained, few):
    options = "translate", trained, few, "--on-error", "skip", "--sample", "--seed", 5
    alone = run(*options)
    assert alone.code == 0 and len(set(alone.out.split("\n"))) > 100
    assert run(*options, "--workers", 2) == alone


def test_workers_read_standard_input_and_stop_at_an_unusable_line(run, few):
    alone = run("translate", DEVICE, stdin=few.read_bytes())
    assert alone.code == 2 and alone.err.startswith("error: standard input, line 81: expected UTF")
    assert run("translate", DEVICE, "--workers", 2, stdin=few.read_bytes()) == alone


def test_a_killed_or_interrupted_translation_continues_to_the_same_output(run, lines, tmp_path):
    expected, output = run("translate", DEVICE, lines).out, tmp_path / "out.txt"
    part, record = tmp_path / "out.txt.partial", tmp_path / "out.txt.partial.json"
    options = "translate", DEVICE, lines, "--output", output, "--resume", "--batch-size", 16
    kept = f"{part} has the output of the first {{}} lines; the same command with --resume"
    ends = [
        (
            "worker",
            signal.SIGKILL,
            2,
            "error: a worker process was killed by SIGKILL; if the memory ",
        ),
        ("command", signal.SIGINT, 130, "Stopped. "),
        ("command", signal.SIGKILL, -signal.SIGKILL, ""),
    ]
    for who, number, code, message in ends:
        before = record.read_bytes() if record.exists() else b""
        with started(*options, "--workers", 2) as process:
            wait_until(lambda before=before: record.exists() and record.read_bytes() != before)
            workers = processes_of(process.pid)
            assert len(workers) == 2
            os.kill(workers[0] if who == "worker" else process.pid, number)
            _, error = process.communicate(timeout=60)
        assert process.returncode == code
        wait_until(lambda workers=workers: not any(map(is_running, workers)))
        written = part.read_text()
        assert not output.exists() and expected.startswith(written) and written.endswith("\n")
        shown = kept.format(written.count("\n")) if message else ""
        assert error.decode().startswith(message) and shown in error.decode()
        assert error.count(b"\n") == bool(message)
    assert run(*options) == (0, "", "")
    assert output.read_text() == expected and os.listdir(tmp_path) == ["out.txt"]


def test_a_column_of_a_table_is_translated_by_workers_and_resumed(run, lines, tmp_path):
    sources = lines.read_text().split("\n")[:150]
    expected = run("translate", DEVICE, stdin="\n".join(sources).encode()).out
    rows = [f'"{source}",{number}' for number, source in enumerate(sources)]
    table, output = tmp_path / "in.csv", tmp_path / "out.txt"
    options = "translate", DEVICE, table, "--format", "csv", "--set", "source_column=1"
    options = *options, "--output", output, "--batch-size", 16, "--resume"
    table.write_text("\n".join([*rows[:100], f'"{"9" * 999}",100', *rows[101:]]))
    stopped = run(*options)
    assert stopped.code == 2 and f"{table}, line 101: expected at most" in stopped.err
    assert "has the output of the first 96 lines" in stopped.err
    table.write_text("\n".join(["changed,0", *rows[1:]]))
    assert "requires the same first 96 lines" in run(*options).err
    table.write_text("\n".join(rows))
    assert run(*options, "--workers", 2) == (0, "", "")
    assert output.read_text() == expected


def is_running(process):
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_model_that_cannot_be_loaded_is_reported_in_one_sentence(run, few, tmp_path):
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(DEVICE.read_bytes()[:1000])
    options = "translate", damaged, few, "--output", tmp_path / "out.txt"
    outcome = run(*options, "--workers", 2)
    assert outcome == run(*options) and outcome.code == 2 and outcome.err.count("\n") == 1
    assert not (tmp_path / "out.txt.partial").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--resume"], "--resume requires --output FILE. Received: --resume alone."),
        (["--server", "h:1", "--resume", "-o", "o"], "Received: --resume with --server h:1."),
        (["--server", "h:1", "--workers", 2], "Received: --workers 2 with --server h:1."),
    ],
)
def test_options_that_do_not_fit_are_refused(options, problem, run, few):
    outcome = run("translate", DEVICE, few, *options)
    assert outcome.code == 2 and problem in outcome.err and outcome.err.count("\n") == 1
