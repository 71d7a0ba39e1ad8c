import numpy as np
import pytest
from keras import ops
from support import normal, tensorflow_only, to_numpy

from keras_attention.ops.indexing import contains, flat, take_places

PLACES = np.array([[3, 0], [1, 1], [2, 3]], "int32")


@pytest.mark.parametrize("width", [(), (5,), (2, 3)])
@pytest.mark.parametrize(
    "rows",
    [3, pytest.param(0, marks=tensorflow_only("Keras on JAX cannot take zero rows along an axis"))],
)
def test_places_are_taken_from_each_row_separately(width, rows):
    x, places = normal(3, 4, *width)[:rows], PLACES[:rows]
    found = to_numpy(take_places(ops.convert_to_tensor(x), ops.convert_to_tensor(places)))
    assert found.shape == (rows, 2, *width)
    for row, chosen in enumerate(places):
        np.testing.assert_array_equal(found[row], x[row, chosen])


@tensorflow_only("only its graphs have unknown shapes")
def test_the_numbers_of_rows_and_entries_can_be_unknown():
    import tensorflow as tf

    graph = tf.function(
        take_places,
        input_signature=[
            tf.TensorSpec([None, None, 2], tf.float32),
            tf.TensorSpec([None, None], tf.int32),
        ],
    )
    x = normal(3, 4, 2)
    np.testing.assert_array_equal(graph(x, PLACES), x[np.arange(3)[:, None], PLACES])


def test_flat_joins_the_last_two_axes():
    np.testing.assert_array_equal(flat(ops.reshape(ops.arange(24), (2, 3, 4)))[1], range(12, 24))


def test_contains_returns_which_numbers_are_in_each_row_without_the_padding():
    numbers = np.array([[3, 0, 1, 3], [0, 0, 0, 0], [4, 2, 4, 0]], "int32")
    expected = [[number > 0 and number in row for number in range(5)] for row in numbers]
    np.testing.assert_array_equal(to_numpy(contains(ops.convert_to_tensor(numbers), 5)), expected)
