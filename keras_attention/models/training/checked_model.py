"""Checks of the ids that a model is trained and evaluated on, before Keras reads them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from types import GeneratorType
from typing import Any

import keras
import numpy as np

from keras_attention.ops.ids import check_ids, concrete
from keras_attention.special_tokens import PAD_ID, START_ID

_ROWS = 1024
"""Number of rows on which the shift of targets is checked."""


class CheckedModel(keras.Model):
    """A Keras model that checks its data, `(source, target_in)` and `target_out`.

    Arrays are checked completely, except that the shift is checked on the first 1024 rows. For a
    `tf.data.Dataset`, a `PyDataset` or a generator, only the first batch is checked.
    """

    @property
    def vocabulary_sizes(self) -> tuple[int | None, int]:
        """The numbers of source ids, `None` for features, and of target ids."""
        raise NotImplementedError

    @property
    def source_features(self) -> tuple[int, ...]:
        """The number of ids of each source feature."""
        raise NotImplementedError

    def check_source_ids(self, source: Any) -> None:
        """Check that the ids of sources and of their features are in their vocabularies.

        Raises:
            ValueError: if an id is not in its vocabulary.
        """
        size, features = self.vocabulary_sizes[0], self.source_features
        ids = concrete(source)
        if size is None or ids is None or ids.ndim != 2:
            return
        for place, number in enumerate(features):
            check_ids(ids[:, place], number, f"source[:, {place}]", f"source_features[{place}]")
        check_ids(ids[:, len(features) :], size, "source", "source_vocabulary_size")

    def fit(
        self, x: Any = None, y: Any = None, *args: Any, class_weight: None = None, **kwargs: Any
    ) -> Any:
        """Train the model as `keras.Model.fit` does, without `class_weight`.

        Raises:
            ValueError: if an id is not in the vocabulary, if `target_in` is not `target_out`
                shifted right, or if `class_weight` is given, because Keras would interpret ids
                `[B, T]` as one-hot rows of `T` classes.
        """
        _refuse_class_weight(class_weight)
        x = self._check_data(x, y)
        validation = kwargs.get("validation_data")
        if isinstance(validation, tuple | list):
            self._check_batch(*validation[:2])
        elif validation is not None:
            kwargs["validation_data"] = self._check_data(validation)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return loss and metrics as `keras.Model.evaluate` does, with the checks of `fit`."""
        # `fit` has checked its validation data, and Keras reads them from an iterator of its own.
        if not kwargs.get("_use_cached_eval_dataset"):
            x = self._check_data(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return logits as `keras.Model.predict` does, after checking that ids are in range."""
        return super().predict(self._check_data(x), *args, **kwargs)

    def train_on_batch(
        self, x: Any, y: Any = None, *args: Any, class_weight: None = None, **kwargs: Any
    ) -> Any:
        """Train on one batch as `keras.Model.train_on_batch` does, with the checks of `fit`.

        Raises:
            ValueError: see `fit`.
        """
        _refuse_class_weight(class_weight)
        self._check_batch(x, y)
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return loss and metrics of one batch, with the checks of `fit`."""
        self._check_batch(x, y)
        return super().test_on_batch(x, y, *args, **kwargs)

    def _check_data(self, x: Any, y: Any = None) -> Any:
        """Check arrays, or the first batch of a data set, and return data that Keras can read."""
        if isinstance(x, GeneratorType):
            first = next(x, None)
            if first is not None:
                self._check_batch(*_inputs_and_targets(first))
                x = _resume(first, x)
        elif isinstance(x, keras.utils.PyDataset):
            self._check_batch(*_inputs_and_targets(x[0]))
        elif hasattr(x, "element_spec") and hasattr(x, "take"):  # a `tf.data.Dataset`
            for batch in x.take(1):
                self._check_batch(*_inputs_and_targets(batch))
        else:
            self._check_batch(x, y)
        return x

    def _check_batch(self, x: Any, y: Any = None) -> None:
        if not isinstance(x, tuple | list) or len(x) < 2:
            return  # `call` explains what is expected
        target_size = self.vocabulary_sizes[1]
        target_in, target_out = concrete(x[1]), concrete(y)
        self.check_source_ids(x[0])
        check_ids(target_in, target_size, "target_in", "target_vocabulary_size")
        if target_out is None or target_out.ndim != 2 or target_out.dtype.kind not in "iu":
            return  # the targets are not ids: the user has a custom loss
        ignored = getattr(self.loss, "ignore_class", None)
        labels = target_out if ignored is None else target_out[target_out != ignored]
        check_ids(labels, target_size, "target_out", "target_vocabulary_size")
        if target_in is not None and target_in.shape == target_out.shape:
            _check_shift(target_in[:_ROWS], target_out[:_ROWS])


def _check_shift(target_in: np.ndarray[Any, Any], target_out: np.ndarray[Any, Any]) -> None:
    """Check that the model does not read the tokens that it must predict.

    Targets that are shifted right are valid, even if both arguments are equal because all tokens
    are the same.
    """
    both = (target_out[:, :-1] != PAD_ID) & (target_out[:, 1:] != PAD_ID)
    if not np.any(both & (target_in[:, 1:] != target_out[:, :-1])):
        return
    ahead = np.all((target_in[:, :-1] == target_out[:, 1:]) | ~both)
    if np.all((target_in == target_out) | (target_out == PAD_ID)) or ahead:
        received = "its next tokens" if ahead else "the same tokens"
        raise ValueError(
            "`target_in` must be `target_out` shifted right by one step, such as "
            f"np.pad(target_out, ((0, 0), (1, 0)), constant_values={START_ID})[:, :-1]; otherwise "
            f"the model reads what it must predict. Received: {received} as `target_in`."
        )


def _inputs_and_targets(batch: Any) -> tuple[Any, Any]:
    x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
    return x, y


def _resume(first: Any, others: Iterator[Any]) -> Iterator[Any]:
    # Keras accepts a generator, but not an `itertools.chain`.
    yield from chain([first], others)


def _refuse_class_weight(class_weight: Any) -> None:
    if class_weight is not None:
        raise ValueError(
            "`class_weight` must be None for a Seq2Seq; weight tokens with `sample_weight` [B, T]. "
            f"Received: class_weight={class_weight!r}."
        )
