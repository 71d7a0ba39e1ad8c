"""Checks in a graph. Some of them fail the whole request, others return an error for each row."""

from __future__ import annotations

import tensorflow as tf

from ..graphs.named_memory import Named


def require(condition: tf.Tensor, expected: str, received: tf.Tensor) -> tf.Operation:
    """Return an operation that fails the whole request with a message if a condition is false."""
    return tf.debugging.Assert(condition, [f"{expected} Received:", received], summarize=8)


def require_one_each(given: Named, text: tf.Tensor) -> list[tf.Operation]:
    """Return operations that fail the whole request if an input lacks one value per text."""
    count = tf.shape(text)[0]
    return [
        require(
            tf.equal(tf.shape(each)[0], count),
            f"{name}: expected one value per text.",
            tf.shape(each)[0],
        )
        for name, each in given.items()
    ]


def error_unless(valid: tf.Tensor, expected: str, received: tf.Tensor) -> tf.Tensor:
    """Return the error of each row `[B]`, "" if the row is valid."""
    shown = received if received.dtype == tf.string else tf.strings.as_string(received)
    error = tf.strings.join([f"{expected} Received: ", shown, "."])
    return tf.where(valid, "", error)


def first_error(*errors: tf.Tensor) -> tf.Tensor:
    """Return the first nonempty error of each row, or "" if there is none."""
    first, *others = errors
    for error in others:
        first = tf.where(tf.equal(first, ""), error, first)
    return first
