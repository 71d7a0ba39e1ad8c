"""The files that match a pattern with wildcards, such as `parts/*.tsv`."""

from __future__ import annotations

import glob
import os

from keras_attention.errors import InputError


def has_wildcard(path: str) -> bool:
    """Return whether a path contains `*` or `?`."""
    return "*" in path or "?" in path


def matching_files(path: str, folder: str = "") -> list[str]:
    """Return the files that a path names: the path itself, or all files that match a pattern.

    Args:
        path: A path, or a pattern: `*` matches any text without `/`, `?` any one character, and
            `**` any folders. If a file has exactly this name, only that file is returned.
        folder: The folder that a relative path starts from; its name is never a pattern.

    Returns:
        The files, sorted by their paths. A path without wildcards need not exist.

    Raises:
        InputError: If the path is a folder, or no file matches a pattern.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for name in ("b.tsv", "a.tsv", "a.txt"):
        ...     pathlib.Path(folder, name).touch()
        >>> [os.path.basename(path) for path in matching_files("*.tsv", folder)]
        ['a.tsv', 'b.tsv']
    """
    whole = os.path.join(folder, path)
    if os.path.isdir(whole):
        raise InputError(
            f"{whole}: expected a file, or a pattern for several files, such as "
            f"'{os.path.join(whole, '*')}'. Received: a folder."
        )
    if not has_wildcard(path) or os.path.lexists(whole):
        return [whole]
    pattern = os.path.join(glob.escape(folder), path.replace("[", "[[]"))
    found = sorted(each for each in glob.glob(pattern, recursive=True) if os.path.isfile(each))
    if not found:
        raise InputError(
            f"{whole}: expected a file, or a pattern that matches at least one file. "
            "Received: no matching file."
        )
    return found
