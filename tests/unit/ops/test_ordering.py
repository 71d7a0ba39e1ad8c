import numpy as np
import pytest
from keras import ops
from support import to_numpy

from keras_attention.ops.ordering import largest


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_equal_values_are_in_the_order_of_their_places(count):
    x = np.array([[3, 7, 7, 1, 7, 3], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]], "float32")
    values, places = to_numpy(largest(ops.convert_to_tensor(x), count))
    expected = np.argsort(-x, axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(x, expected, axis=1))
    assert places.dtype == "int32"
