from keras_attention.cli.arguments import given


def test_an_option_that_is_given_as_zero_is_passed_on():
    options = given(length_penalty=0.0, min_length=0, beam_width=None, prefix=None)
    assert options == {"length_penalty": 0.0, "min_length": 0}


def test_without_options_nothing_is_passed_on():
    assert given(beam_width=None) == given() == {}
