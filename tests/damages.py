"""Damaged JSON with valid checksums: keys are missing, or values have the wrong type or size."""

import json

import pytest

from keras_attention.errors import InputError

VALUES = [None, "x", -1, 10**9, 1e9, True, [], [[["x"]]], {}, {"x": {}}]
TEXTS = {
    "nothing": b"",
    "a list": b"[]",
    "nested deeply": b'{"a":' * 100_000,
    "a long integer": b'{"format": ' + b"9" * 5_000 + b"}",
    "bytes": b"\xff",
    "a cut": b'{"format',
}


def change_keys(value, path=()):
    """Yield `(dotted key, whole value)` with one key changed, for every key at any depth."""
    for name in value:
        where = ".".join((*path, name))
        yield where, {key: kept for key, kept in value.items() if key != name}
        for new in VALUES:
            if new != value[name] or type(new) is not type(value[name]):
                yield where, {**value, name: new}
        if isinstance(value[name], dict):
            for key, changed in change_keys(value[name], (*path, name)):
                yield key, {**value, name: changed}


def check_damages(read, value):
    """Check that damage raises no error other than an `InputError` of one sentence.

    Args:
        read: a function that reads a file's content.
        value: the parsed content of an undamaged file.

    Returns:
        For each key, the number of changes that `read` accepts.
    """
    for content in TEXTS.values():
        with pytest.raises(InputError):
            read(content)
    accepted = {}
    for key, changed in change_keys(value):
        try:
            read(json.dumps(changed).encode())
        except InputError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
        else:
            accepted[key] = accepted.get(key, 0) + 1
    return accepted
