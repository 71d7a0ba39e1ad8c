import pytest

from keras_attention.errors import InputError
from keras_attention.export.saved_model.limits import Limits


def test_the_models_own_beam_width_is_allowed():
    assert Limits().with_beams_of(20).beam_width == 20
    assert Limits().with_beams_of(4) == Limits()
    assert Limits(tokens=10).text.tokens == 10


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"batch": 0}, "`batch` must be positive. Received: 0."),
        ({"tokens": -1}, "`tokens` must be positive. Received: -1."),
        ({"beam_width": 33}, "`beam_width` must be from 1 to 32. Received: 33."),
    ],
)
def test_limits_out_of_range_are_refused(numbers, message):
    with pytest.raises(InputError) as error:
        Limits(**numbers)
    assert str(error.value) == message
