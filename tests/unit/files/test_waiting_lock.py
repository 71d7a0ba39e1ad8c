"""Only one process at a time holds the lock of a folder, and an empty folder is removed."""

from filelock import FileLock

from keras_attention.files.waiting_lock import WaitingLock

LOCK_FILE = "store.lock"


def test_a_process_does_not_keep_a_lock_whose_file_was_removed(tmp_path, monkeypatch):
    folder, removed, acquire = tmp_path / "run.store", [], FileLock.acquire
    folder.mkdir()
    (folder / LOCK_FILE).touch()

    def acquire_late(lock, **options):
        acquire(lock, **options)
        if not removed:
            removed.append((folder / LOCK_FILE).unlink())

    monkeypatch.setattr(FileLock, "acquire", acquire_late)
    with WaitingLock(folder, LOCK_FILE).hold():
        assert removed and (folder / LOCK_FILE).exists()
        (folder / "written").touch()
    assert {path.name for path in folder.iterdir()} == {LOCK_FILE, "written"}


def test_an_empty_folder_is_removed_while_the_lock_is_held(tmp_path, monkeypatch):
    folder, left, release = tmp_path / "run.store", [], FileLock.release

    def look_then_release(lock):
        left.append(folder.exists())
        release(lock)

    monkeypatch.setattr(FileLock, "release", look_then_release)
    with WaitingLock(folder, LOCK_FILE).hold():
        assert (folder / LOCK_FILE).exists()
    assert left == [False]
