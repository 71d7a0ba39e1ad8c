import gc
import os
import signal
import subprocess
import sys
import time
import weakref

import pytest

from keras_attention.cli.stopping import advise_on_stop, report_stop, stop_on_signals

SIGNALS = {signal.SIGINT: "", signal.SIGTERM: " by SIGTERM"}


@pytest.fixture(autouse=True)
def heard(monkeypatch):
    """Restore the default handler of Ctrl-C, because background processes may ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_keyboard_interrupt_and_sets_the_exit_code(number, capsys):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        with advise_on_stop("Goes on."), advise_on_stop("Never.", lambda: False):
            os.kill(os.getpid(), number)
            time.sleep(5)
    assert report_stop() == 128 + number
    assert capsys.readouterr().err == f"Stopped{SIGNALS[number]}. Goes on.\n"
    assert signal.getsignal(number) == before


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


class Watched:
    """An object that a weak reference can watch."""


def stop(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)  # the handler runs here


def destroy():
    class Dying:
        def __del__(self):
            stop()

    Dying()


def collect():
    gc.callbacks.append(stop)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(stop)


def release():
    watched = Watched()
    kept = weakref.ref(watched, stop)
    del watched
    assert kept() is None


@pytest.mark.parametrize("ignore", [destroy, collect, release])
def test_a_signal_is_sent_again_if_python_ignores_the_exception(ignore):
    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        ignore()
        time.sleep(5)
    assert report_stop() == 143
    assert sys.unraisablehook == hook


def test_an_interrupt_during_an_import_prints_one_line(tmp_path):
    (tmp_path / "slow.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(30)\n")
    program = (
        "import signal\nfrom keras_attention.cli.stopping import stop_on_signals\n"
        "with stop_on_signals():\n"
        "    try:\n        import slow\n    except BaseException:\n        pass"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20) == (b"", b"Stopped by SIGTERM.\n")
        assert process.returncode == 143
