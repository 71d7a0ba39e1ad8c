import keras
import numpy as np
from keras import ops

from keras_attention.ops.no_gradient import without_gradient


def test_results_convert_to_numpy_and_arguments_are_passed_on():
    variable = keras.Variable(np.array([1.0, 2.0], "float32"))

    @without_gradient
    def scaled(by, *, plus=0.0):
        return ops.convert_to_tensor(variable) * by + plus

    result = scaled(3.0, plus=1.0)
    assert not getattr(result, "requires_grad", False)
    np.testing.assert_array_equal(np.asarray(result), [4, 7])
    assert scaled.__name__ == "scaled"
