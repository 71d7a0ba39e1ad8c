"""The small run that these tests share, and how they look at folders."""

import hashlib

SETTINGS = [
    "size=3000",
    "held_out=300",
    "epochs=2",
    "units=32",
    "embedding=16",
    "batch_size=64",
    "learning_rate=0.01",
]


def overrides(*settings):
    """The settings as arguments."""
    return [argument for setting in settings for argument in ("--set", setting)]


def contents(folder):
    """Every file and folder in a folder, with a hash of what a file holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha1(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in folder.rglob("*")
    }
