import os
import signal
import subprocess
import sys
import time

import pytest

from keras_attention.cli.watched_child import run_in_child, wants_child

pytestmark = pytest.mark.skipif(os.name == "nt", reason="on Windows, no child is started")

ABORT = "F0101 client.h:80] Terminating process because the JAX distributed service detected fatal"
ABORT += " errors.\\nmore lines\\n"
CHILD = """
import os, signal, sys, time
from keras_attention.cli.stopping import report_stop, stop_on_signals
from keras_attention.cli.watched_child import Parent
assert "KERAS_ATTENTION_PARENT" in os.environ
parent = Parent()
assert "KERAS_ATTENTION_PARENT" not in os.environ
def abort(message):
    os.write(2, message.encode())
    os.abort()
"""
WAITS = """
with stop_on_signals():
    try:
        print(os.getpid(), flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.5)
        sys.exit(report_stop())
"""


def command(*lines):
    return [sys.executable, "-c", "\n".join([CHILD, *lines])]


def run(*lines):
    return run_in_child([], command(*lines))


def test_an_abort_by_jax_is_reported_in_one_sentence(capfd):
    report = 'parent.report_abort("process 1 of 2: another process has stopped")'
    assert run(report, 'os.write(2, b"a warning\\n")', f'abort("{ABORT}")') == 2
    error = "a warning\nerror: process 1 of 2: another process has stopped\n"
    assert capfd.readouterr().err == error


def test_another_abort_is_not_reported_as_one_by_jax(capfd):
    assert run('parent.report_abort("not so")', 'abort("out of memory\\n")') == 134
    expected = "out of memory\nerror: the training process was ended by signal 6.\n"
    assert capfd.readouterr().err == expected


def test_what_the_child_reports_itself_is_not_reported_again(capfd):
    lines = 'parent.report_abort("not so")', f'os.write(2, b"{ABORT}")'
    assert run(*lines, 'print("error: lost", file=sys.stderr)', "os._exit(2)") == 2
    assert capfd.readouterr().err == "error: lost\n"


@pytest.mark.parametrize("code", [0, 3, 130])
def test_the_exit_code_and_the_arguments_are_those_of_the_child(capfd, code):
    assert run_in_child(["--resume"], command("print(sys.argv[1])", f"sys.exit({code})")) == code
    assert capfd.readouterr() == ("--resume\n", "")


def test_a_killed_child_is_reported(capfd):
    assert run("os.kill(os.getpid(), signal.SIGKILL)") == 137
    assert capfd.readouterr().err == "error: the training process was ended by signal 9.\n"


@pytest.fixture
def parent():
    """Start a process with a child that waits, and read the id of the child."""
    program = "import sys\nfrom keras_attention.cli.watched_child import run_in_child\n"
    program += f"sys.exit(run_in_child([], {command(WAITS)!r}))"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as process:
        process.child = int(process.stdout.readline())
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_and_stops_the_child_once(parent, number):
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        number = signal.SIGTERM  # processes in the background may ignore Ctrl-C
    os.kill(parent.child, number)  # as a terminal or a scheduler does
    parent.send_signal(number)
    _, error = parent.communicate(timeout=30)
    assert parent.returncode == 128 + number
    assert error == ("Stopped by SIGTERM.\n" if number == signal.SIGTERM else "")


def test_a_child_ends_when_its_parent_is_killed(parent):
    parent.kill()
    assert parent.communicate(timeout=30)[1] == "Stopped by SIGTERM.\n"
    deadline = time.monotonic() + 30
    while exists(parent.child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def exists(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_only_training_on_jax_starts_a_child(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert wants_child()
    monkeypatch.setenv("KERAS_ATTENTION_PARENT", "3")
    assert not wants_child()
    monkeypatch.delenv("KERAS_ATTENTION_PARENT")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert not wants_child()
