import io
import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import keras_attention.cli.main
import keras_attention.cli.commands as commands
module = sys.modules["keras_attention.cli.main"]

def act(standalone_mode):
    {}

commands.app = act
module._prepare_tensorflow = lambda: None
module.main()
"""


def ran(act, **streams):
    program = PROGRAM.format(act)
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, **streams)
    return done.returncode, done.stderr.decode()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("act", ["print('x')", "print('x', flush=True)", "print('x' * 100_000)"])
def test_unwritable_output_is_a_one_line_error(act):
    with open("/dev/full", "wb") as full:
        assert ran(act, stdout=full) == (
            2,
            "error: standard output or a file: cannot be read or written. "
            "Received: No space left on device.\n",
        )


def test_an_error_on_a_full_disk_names_the_file():
    act = "raise OSError(28, 'No space left on device', 'metrics.csv')"
    code, message = ran(act)
    assert code == 2 and message.startswith("error: metrics.csv: ") and message.count("\n") == 1


def test_garbage_is_collected_rarely():
    assert ran("import gc; assert gc.get_threshold()[0] == 20_000") == (0, "")


def test_other_errors_keep_their_traceback():
    code, message = ran("raise TypeError('ours')")
    assert code == 1 and "Traceback" in message


@pytest.mark.skipif(os.name == "nt", reason="needs a Unix shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_may_be_closed(tmp_path, closed):
    """Files that are opened later must not get the file descriptors of closed standard streams."""
    act = "file = open('new', 'w'); print('lost'); print('lost', file=sys.stderr); file.close()"
    (tmp_path / "program.py").write_text(PROGRAM.format(act))
    done = subprocess.run(
        ["sh", "-c", f'"$0" program.py {closed}', sys.executable], cwd=tmp_path, check=False
    )
    assert done.returncode == 0
    assert (tmp_path / "new").read_text() == ""


def test_a_warning_has_no_place_in_the_source_code():
    warn = "import warnings; warnings.warn('no font'); warnings.warn('old', FutureWarning)"
    code, message = ran(warn)
    first, second = message.splitlines()[:2]
    assert code == 0
    assert first == "warning: no font" and second.endswith("FutureWarning: old")


def test_an_interrupt_before_any_work_prints_nothing():
    assert ran("raise KeyboardInterrupt") == (130, "")


def test_streams_without_a_file_are_not_changed(monkeypatch):
    from keras_attention.cli.main import _drop_output

    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    _drop_output()
    assert sys.stdout is stream and not stream.closed
