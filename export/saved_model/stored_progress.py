"""Convert the progress of a search to strings, one for each output, and back.

A server returns the strings, and the client sends them with its next request. A string encodes
32-bit floats in little-endian order as base64 (RFC 4648, section 5, without padding). These floats
represent ids and nodes exactly, because both are below 2 ** 24. A string depends only on its own
text, so a server may merge requests for texts of different lengths.
"""

from __future__ import annotations

from math import prod

import tensorflow as tf

from ..graphs.streamed_search import Progress

EXPECTED = "expected the `state` of an answer to the same text, or an empty one."

_BYTES = 4
"""Number of bytes of a float."""


def to_strings(progress: Progress, steps: tf.Tensor) -> tf.Tensor:
    """Convert a progress to strings `[B]`.

    Args:
        progress: the progress.
        steps: number of steps of each source's memory `[B]`.
    """
    layout, flat = _Layout(progress), tf.nest.flatten(progress)
    numbers = [layout.to_rows(place, tf.cast(x, tf.float32)) for place, x in enumerate(flat)]
    fixed = tf.concat([numbers[place] for place in layout.fixed], axis=1)
    if layout.varying:
        varying = tf.concat([numbers[place] for place in layout.varying], axis=2)
        count, most, width = tf.unstack(tf.shape(varying))
        fixed = tf.concat([fixed, tf.reshape(varying, [count, most * width])], axis=1)
    stored = tf.map_fn(
        tf.io.serialize_tensor, fixed, fn_output_signature=tf.TensorSpec([], tf.string)
    )
    # The last bytes of a serialized tensor are its numbers.
    begin = tf.strings.length(stored) - _BYTES * tf.shape(fixed)[1]
    return tf.io.encode_base64(tf.strings.substr(stored, begin, layout.size(steps)))


def from_strings(
    strings: tf.Tensor, fresh: Progress, steps: tf.Tensor
) -> tuple[Progress, tf.Tensor]:
    """Convert strings to a progress, and return whether each string is valid `[B]`.

    Args:
        strings: the strings `[B]`. For an empty or invalid string, the output has no tokens yet.
        fresh: the progress of a new search.
        steps: number of steps of each source's memory `[B]`.
    """
    layout, flat = _Layout(fresh), tf.nest.flatten(fresh)
    characters = (4 * layout.size(steps) + 2) // 3
    given = tf.strings.regex_full_match(strings, "[A-Za-z0-9_-]*")
    given &= tf.equal(tf.strings.length(strings), characters)
    most = layout.most_steps(flat)
    numbers = tf.io.decode_raw(
        tf.io.decode_base64(tf.where(given, strings, "")),
        tf.float32,
        fixed_length=layout.size(most),
    )
    inside = given[:, tf.newaxis] & tf.sequence_mask(steps, most)
    found = []
    for old, new in zip(flat, layout.from_rows(numbers, flat, most), strict=True):
        axis = _varying_axis(old)
        shape = [-1] + [1] * (len(old.shape) - 1)
        if axis is not None:
            shape[axis] = most
        kept = tf.reshape(given if axis is None else inside, shape)
        found.append(tf.where(kept, new, old))
    return tf.nest.pack_sequence_as(fresh, found), given | tf.equal(strings, "")


class _Layout:
    """The order of the numbers in a string.

    The tensors of fixed size come first. Each of the other tensors has an axis for the steps of the
    source. Their numbers are sorted by these steps, so that the padding of a source comes last.

    Args:
        progress: a progress with the static shapes of all its tensors.
    """

    def __init__(self, progress: Progress) -> None:
        flat = tf.nest.flatten(progress)
        axes = [_varying_axis(x) for x in flat]
        self.axes = axes
        self.fixed = [place for place, axis in enumerate(axes) if axis is None]
        self.varying = [place for place, axis in enumerate(axes) if axis is not None]
        self.widths = [prod(size for size in x.shape[1:] if size is not None) for x in flat]

    def size(self, steps: tf.Tensor) -> tf.Tensor:
        """Return the number of bytes of each output, for sources with these numbers of steps."""
        fixed, varying = (
            sum(self.widths[place] for place in places) for places in (self.fixed, self.varying)
        )
        return _BYTES * (fixed + steps * varying)

    def most_steps(self, flat: list[tf.Tensor]) -> tf.Tensor:
        """Return the size of the axis for the steps of the source, or 0 if no tensor has it."""
        return tf.shape(flat[self.varying[0]])[self.axes[self.varying[0]]] if self.varying else 0

    def to_rows(self, place: int, x: tf.Tensor) -> tf.Tensor:
        """Reshape a tensor to `[B, N]`, or to `[B, S, N]` if it has an axis for source steps."""
        axis, width = self.axes[place], self.widths[place]
        if axis is None:
            return tf.reshape(x, [-1, width])
        moved = tf.transpose(x, _moved(len(x.shape), axis))
        return tf.reshape(moved, [tf.shape(x)[0], tf.shape(x)[axis], width])

    def from_rows(
        self, numbers: tf.Tensor, flat: list[tf.Tensor], most: tf.Tensor
    ) -> list[tf.Tensor]:
        """Split `numbers` `[B, N]` into tensors with the shapes and dtypes of `flat`."""
        widths = [self.widths[place] for place in self.fixed]
        fixed = tf.split(numbers[:, : sum(widths)], widths, axis=1)
        found = dict(zip(self.fixed, fixed, strict=True))
        if self.varying:
            sizes = [self.widths[place] for place in self.varying]
            rows = tf.reshape(numbers[:, sum(widths) :], [-1, most, sum(sizes)])
            found |= zip(self.varying, tf.split(rows, sizes, axis=2), strict=True)
        return [self._shaped(place, found[place], x, most) for place, x in enumerate(flat)]

    def _shaped(self, place: int, rows: tf.Tensor, like: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
        axis, sizes = self.axes[place], list(like.shape[1:])
        rows = tf.cast(rows, like.dtype)
        if axis is None:
            return tf.reshape(rows, [-1, *sizes])
        order = _moved(len(like.shape), axis)
        moved = tf.reshape(rows, [-1, most, *(size for size in sizes if size is not None)])
        return tf.transpose(moved, [order.index(place) for place in range(len(order))])


def _varying_axis(x: tf.Tensor) -> int | None:
    """Return the axis for the steps of the source, or None if the tensor has none."""
    axes = [axis for axis, size in enumerate(x.shape) if axis and size is None]
    return axes[0] if axes else None


def _moved(rank: int, axis: int) -> list[int]:
    """Return the permutation of the axes that moves `axis` to the second place."""
    return [0, axis, *(each for each in range(1, rank) if each != axis)]
