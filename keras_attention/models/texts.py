"""Texts among the arguments of a model: strings, arrays of strings and data sets of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np


def read_texts(values: Any) -> list[Any] | None:
    """Return the texts in an argument; None if it holds no texts.

    Args:
        values: a string; a list or tuple that begins with a string; an array, tensor or column of
            strings; or a `tf.data.Dataset` of strings or of their batches.

    Raises:
        TypeError: if strings are in an array of more than one axis.

    Example:
        >>> read_texts(np.array(["one", "two"])), read_texts("one"), read_texts(np.array([[4, 2]]))
        (['one', 'two'], ['one'], None)
    """
    if isinstance(values, str):
        return [values]
    if isinstance(values, list | tuple):
        return _decode(values) if values and isinstance(values[0], str | bytes) else None
    if is_text_dataset(values) and not isinstance(values.element_spec, tuple):
        batches = values.as_numpy_iterator()
        return [text for batch in batches for text in _strings(np.atleast_1d(batch))]
    dtype = getattr(values, "dtype", None)
    name = str(getattr(dtype, "name", dtype))
    if not name.startswith(("str", "bytes", "object")):
        return None
    array = np.asarray(values)
    is_text = array.dtype.kind != "O" or isinstance(next(array.flat, None), str | bytes)
    return _strings(array) if is_text else None


def read_column(values: Any) -> list[Any] | None:
    """Return the sources or the targets of `fit`; None if they are not several texts.

    An empty list counts as texts.
    """
    if isinstance(values, str):
        return None
    return [] if isinstance(values, list | tuple) and not values else read_texts(values)


def is_text_dataset(values: Any) -> bool:
    """Return whether an argument is a `tf.data.Dataset` with strings in its elements."""
    if not (hasattr(values, "element_spec") and hasattr(values, "take")):
        return False
    dtypes = [getattr(spec, "dtype", None) for spec in keras.tree.flatten(values.element_spec)]
    return any(getattr(dtype, "name", "") == "string" for dtype in dtypes)


def has_texts(values: Any) -> bool:
    """Return whether an argument, or an item of a list or tuple, contains strings."""
    items = values if isinstance(values, tuple | list) else [values]
    return any(read_texts(item) is not None for item in items)


def _strings(array: Any) -> list[Any]:
    if array.ndim > 1:
        raise TypeError(
            "texts must be an array of one axis, with sources and targets in separate arrays. "
            f"Received: shape {array.shape}."
        )
    return _decode(array.reshape(-1).tolist())


def _decode(texts: Iterable[Any]) -> list[Any]:
    # An invalid byte becomes a lone surrogate, which the error about the text then shows.
    return [
        text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
        for text in texts
    ]
