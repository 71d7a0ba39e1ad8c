"""An interrupted translation is continued only for the same model, options and lines."""

import os
from pathlib import Path

import numpy as np
import pytest

from keras_attention.cli.command_parts.minimum_confidence import MinimumConfidence
from keras_attention.cli.lines import OnError
from keras_attention.cli.stopping import report_stop, stop_on_signals
from keras_attention.cli.translate_parts import translated_lines
from keras_attention.cli.translate_parts.job import TranslationJob
from keras_attention.cli.translate_parts.translated_lines import answer_here
from keras_attention.cli.translate_parts.translation_columns import Columns
from keras_attention.errors import InputError
from keras_attention.translation.folders.ensemble_folder import write_members
from keras_attention.translation.result import Hypothesis, Translation

MADE_BY = {"model": "digest", "options": {"beam_width": 4, "as_json": False}}
LINES = b"one\n\xff\ntwo\n\nthrew\nfour\n"
WHOLE = "check\tONE0\n\ncheck\tTWO1\ncheck\t\ncheck\tTHREW3\ncheck\tFOUR4\n"
SKIPPED = ["ONE0", "OK1", "TWO2", "", "THREW4"]
REPORT = [
    "left empty 1 line that cannot be used.",
    "note: the model does not know some tokens, such as 'w' ({file}, line 3). Lines with such "
    "tokens: 2 of 6; their translations may be wrong.",
    "note: lines without output because no hypothesis has a finite score: 1; the model's weights "
    "may be damaged.",
    "lines below a confidence of 1: 5",
]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "in.txt").write_bytes(LINES)
    return tmp_path / "in.txt", tmp_path / "out.txt"


def numbered(first, stop=99):
    """Return a stub that appends numbers to texts in upper case, and is interrupted at `stop`."""
    done = first

    def translate(texts):
        nonlocal done
        for text in texts:
            if done == stop:
                raise KeyboardInterrupt
            found = Hypothesis(f"{text.upper()}{done}", -1.0, (text, "</s>"), np.zeros((2, 1)))
            done += 1
            unknown = tuple(letter for letter in text if letter == "w")
            yield Translation(text, (text,), (found,) if text else (), unknown)

    return translate


def translate(files, stop=99, **options):
    columns = Columns(minimum=MinimumConfidence(1.0))
    answer_all = answer_here(lambda first: numbered(first, stop), columns)
    options = {"on_error": OnError.EMPTY, "made_by": MADE_BY, **options}
    translated_lines.run_translate(
        answer_all, os.fspath(files[0]), 2, columns, output=files[1], **options
    )


def interrupt(files, stop):
    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        translate(files, stop, resume=True)
    report_stop()


def test_a_resumed_translation_has_the_same_output_and_counts(files, capsys):
    report = [line.format(file=files[0]) for line in REPORT]
    translate(files)
    assert files[1].read_text() == WHOLE
    assert capsys.readouterr().err.splitlines()[1:] == report
    files[1].unlink()
    for stop, lines in [(2, 2), (4, 4)]:
        interrupt(files, stop)
        kept = f"Stopped. {files[1]}.partial has the output of the first {lines} lines; the same"
        assert kept in capsys.readouterr().err
        part = Path(f"{files[1]}.partial").read_text()
        assert part == "".join(WHOLE.splitlines(keepends=True)[:lines])
    translate(files, resume=True)
    assert files[1].read_text() == WHOLE
    assert capsys.readouterr().err.splitlines() == report


def test_lines_before_an_unusable_line_are_kept_and_a_corrected_file_continues(files):
    files[0].write_bytes(LINES.replace(b"\xff", b"ok").replace(b"four", b"\xff"))
    with pytest.raises(InputError, match="line 6: expected UTF-8.*has the output of the first 4 l"):
        translate(files, on_error=OnError.STOP)
    files[0].write_bytes(LINES.replace(b"\xff", b"ok"))
    translate(files, on_error=OnError.STOP, resume=True)
    assert files[1].read_text().split("\n")[-2] == "check\tFOUR5"


def test_an_unusable_line_can_be_skipped_when_the_command_continues(files):
    files[0].write_bytes(LINES.replace(b"\xff", b"ok").replace(b"four", b"\xff"))
    made_by = {"model": "digest", "options": {"on_error": "stop"}}
    with pytest.raises(InputError, match="--resume continues after them. To continue after this "):
        translate(files, on_error=OnError.STOP, made_by=made_by)
    made_by = {"model": "digest", "options": {"on_error": "skip"}}
    translate(files, on_error=OnError.SKIP, resume=True, made_by=made_by)
    assert files[1].read_text() == "".join(f"check\t{line}\n" for line in SKIPPED)


def test_another_way_to_handle_unusable_lines_is_refused_after_one(files):
    made_by = {"model": "digest", "options": {"on_error": "empty"}}
    with pytest.raises(KeyboardInterrupt):
        translate(files, 2, made_by=made_by)
    other = {"model": "digest", "options": {"on_error": "skip"}}
    with pytest.raises(InputError, match="had --on-error empty. Received: --on-error skip"):
        translate(files, on_error=OnError.SKIP, resume=True, made_by=other)


@pytest.mark.parametrize("lines", [LINES.replace(b"one", b"eins"), b"one\n"])
def test_another_input_is_refused(files, lines):
    interrupt(files, 2)
    files[0].write_bytes(lines)
    with pytest.raises(InputError, match="the same first 2 lines as in the interrupted command"):
        translate(files, resume=True)
    assert Path(f"{files[1]}.partial").read_text() == "check\tONE0\n\n"


@pytest.mark.parametrize(
    ("made_by", "problem"),
    [
        ({"model": "other"}, "Received: a model whose files differ; to begin again, leave out"),
        (
            {"options": {"beam_width": 2, "as_json": False}},
            "which had --beam 4. Received: --beam 2.",
        ),
        ({"options": {"as_json": False}}, "which had --beam 4. Received: no --beam."),
        ({"options": {"beam_width": 4, "as_json": True}}, "had no --json. Received: --json."),
    ],
)
def test_another_model_and_other_options_are_refused(files, made_by, problem):
    interrupt(files, 2)
    with pytest.raises(InputError, match=problem):
        translate(files, resume=True, made_by={**MADE_BY, **made_by})


def test_the_options_contain_all_that_changes_the_output(tmp_path):
    job = TranslationJob(tmp_path, search={"beam_width": 4, "prefix": "a"}, batch_size=3, nbest=2)
    options = job.options()
    assert options["beam_width"] == 4 and options["prefix"] == "a" and options["nbest"] == 2
    assert "batch_size" not in options and "search" not in options


def test_the_fingerprint_depends_on_the_files_of_the_model_only(tmp_path):
    files = ["model.keras", "translator.json", "source.vocabulary.txt"]
    for name in files:
        (tmp_path / name).write_text(name)
    job = TranslationJob(tmp_path)
    before = job.fingerprint()
    (tmp_path / "metrics.csv").write_text("1")
    assert job.fingerprint() == before
    (tmp_path / "confidence.json").write_text("{}")
    assert job.fingerprint() == before
    for name in [*files, "short_list.npz"]:
        (tmp_path / name).write_text("changed")
        assert job.fingerprint() != before
        before = job.fingerprint()
    marked = TranslationJob(tmp_path, min_confidence="auto")
    before = marked.fingerprint()
    (tmp_path / "confidence.json").write_text("changed")
    assert marked.fingerprint() != before


def test_the_fingerprint_of_an_ensemble_depends_on_its_own_limit(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model.keras").write_text("a")
    write_members(tmp_path, {"a": None})
    job = TranslationJob(tmp_path)
    before = job.fingerprint()
    (tmp_path / "outputs.json").write_text("{}")
    assert job.fingerprint() != before


@pytest.mark.parametrize("resume", [False, True])
def test_a_pattern_does_not_match_the_unfinished_output(tmp_path, resume, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    (tmp_path / "in.txt").write_bytes(LINES)
    files = tmp_path / "*", tmp_path / "out.txt"
    interrupt(files, 2)
    assert len(os.listdir(tmp_path)) == 3
    translate(files, resume=resume)
    assert files[1].read_text() == WHOLE
    assert "6/6" in capsys.readouterr().err


def test_the_unfinished_output_is_not_an_input(files):
    interrupt(files, 2)
    part = Path(f"{files[1]}.partial")
    with pytest.raises(InputError, match="--output must not be a file that is read"):
        translate((part, files[1]))
    assert part.read_text() == "check\tONE0\n\n"


def test_all_files_of_a_pattern_are_translated_and_errors_name_the_file(tmp_path, capsys):
    for name, lines in {"b.txt": b"two\n\xff\n", "a.txt": b"one\nten\n"}.items():
        (tmp_path / name).write_bytes(lines)
    files = tmp_path / "?.txt", tmp_path / "out.txt"
    translate(files)
    assert files[1].read_text() == "check\tONE0\ncheck\tTEN1\ncheck\tTWO2\n\n"
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'b.txt'}, line 2: expected UTF-8 text")
    with pytest.raises(InputError, match="--output must not be a file that is read"):
        translate((tmp_path / "?.txt", tmp_path / "b.txt"))
    with pytest.raises(InputError, match="x.*: expected a file, or a pattern that matches at l"):
        translate((tmp_path / "x*", files[1]))
