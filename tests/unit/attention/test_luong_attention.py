import numpy as np
import pytest
from reference import attend, finite_differences
from support import assert_close, check_layer, doubles, gradients, normal, randomize, weighted_sum

from keras_attention import LuongAttention

MEMORY = normal(2, 5, 6, seed=2)
MASK = np.arange(5) < np.array([[5], [3]])
OPTIONS = {
    "dot": {},
    "general": {},
    "concat": {"units": 7},
    "location": {"max_source_length": 8},
}
QUERY = {score: normal(2, 3, 6 if score == "dot" else 4, seed=1) for score in OPTIONS}
CASES = [(score, scale) for score in OPTIONS for scale in (False, True)]


def built(score, **options):
    layer = LuongAttention(score, **{**OPTIONS[score], **options})
    layer.build(QUERY[score].shape, MEMORY.shape)
    return randomize(layer)


def weights_of(layer):
    own = {
        "dot": lambda: (),
        "general": lambda: (layer.key_projection.kernel,),
        "concat": lambda: (
            layer.query_projection.kernel,
            layer.key_projection.kernel,
            layer.v.kernel,
        ),
        "location": lambda: (layer.query_projection.kernel,),
    }
    return *own[layer.score](), *((layer.g,) if layer.scale else ())


def paper_score(name, scale, weights):
    """Compute contexts and alignments (Luong et al. 2015, equation 8; for location, equation 7)."""
    scores = {
        "dot": lambda h, k, s: h @ k,
        "general": lambda h, k, s: h @ (weights[0].T @ k),
        "concat": lambda h, k, s: (
            weights[2][:, 0] @ np.tanh(np.vstack(weights[:2]).T @ np.concatenate([h, k]))
        ),
        "location": lambda h, k, s: (weights[0].T @ h)[s],
    }
    if not scale:
        return scores[name]
    return lambda h, k, s: weights[-1] * scores[name](h, k, s)


@pytest.mark.parametrize("score, scale", CASES)
@pytest.mark.parametrize("mask", [None, MASK])
def test_equals_the_papers_equation(score, scale, mask):
    layer = built(score, scale=scale)
    equation = paper_score(score, scale, doubles(*weights_of(layer)))
    expected = attend(equation, QUERY[score], MEMORY, mask)
    assert_close(layer(QUERY[score], MEMORY, memory_mask=mask), expected)


@pytest.mark.parametrize("score, scale", CASES)
def test_gradients_equal_finite_differences_of_the_papers_equation(score, scale):
    layer = built(score, scale=scale)
    variables = weights_of(layer)
    pull = normal(2, 3, 6, seed=3), normal(2, 3, 5, seed=4)

    def loss(query, memory):
        context, alignment = layer(query, memory, memory_mask=MASK)
        return weighted_sum((context, alignment), pull)

    points = [*doubles(*variables), QUERY[score].astype("float64"), MEMORY.astype("float64")]

    def reference():
        context, alignment = attend(paper_score(score, scale, points[:-2]), *points[-2:], MASK)
        return (context * pull[0]).sum() + (alignment * pull[1]).sum()

    value, slopes = gradients(loss, variables, QUERY[score], MEMORY)
    assert value == pytest.approx(reference(), rel=1e-4)
    assert_close(slopes, finite_differences(reference, *points), rtol=1e-3, atol=2e-4)


def test_location_gives_zero_weight_to_positions_beyond_max_source_length():
    layer = built("location", max_source_length=3)
    query = QUERY["location"]
    context, alignment = layer(query, MEMORY)
    equation = paper_score("location", False, doubles(*weights_of(layer)))
    near_context, near_alignment = attend(equation, query, MEMORY[:, :3])
    assert_close(context, near_context)
    assert_close(alignment, np.pad(near_alignment, ((0, 0), (0, 0), (0, 2))))


def test_location_positions_skip_padding():
    layer = built("location", max_source_length=3)
    mask = np.array([[True, True, False, True, True], [False, False, False, True, True]])
    _, alignment = layer(QUERY["location"], MEMORY, memory_mask=mask)
    equation = paper_score("location", False, doubles(*weights_of(layer)))
    expected = np.zeros((2, 3, 5))
    for row, places in enumerate(([0, 1, 3], [3, 4])):
        one = slice(row, row + 1)
        _, weights = attend(equation, QUERY["location"][one], MEMORY[one, places])
        expected[row][:, places] = weights[0]
    assert_close(alignment, expected)


def test_concat_has_the_width_of_the_query_by_default():
    layer = LuongAttention("concat")
    layer.build((2, 3, 4), (2, 5, 6))
    assert layer.v.kernel.shape == (4, 1)


def test_scale_starts_at_one():
    layer = LuongAttention("dot", scale=True)
    memory = normal(2, 5, 6)
    plain = LuongAttention("dot")(memory, memory)
    assert_close(layer(memory, memory), plain)


@pytest.mark.parametrize("score", OPTIONS)
def test_passes_the_checks_of_every_layer(score, tmp_path):
    layer = LuongAttention(score, scale=True, **OPTIONS[score])
    check_layer(layer, QUERY[score], MEMORY, MASK, tmp_path=tmp_path)


def test_the_error_for_an_unknown_score_lists_the_known_ones():
    message = r"`score` must be one of 'dot', 'general', 'concat', 'location'\. Received: score='c"
    with pytest.raises(ValueError, match=message):
        LuongAttention("cosine")


def test_dot_requires_equal_widths():
    message = r"score='dot' requires .* the same width; .*query width 4, memory width 6\."
    with pytest.raises(ValueError, match=message):
        LuongAttention("dot")(normal(2, 4), normal(2, 5, 6))


def test_location_requires_max_source_length():
    message = r"score='location' requires `max_source_length`, a positive integer"
    with pytest.raises(ValueError, match=message):
        LuongAttention("location")


@pytest.mark.parametrize("length", [0, -3, 1.5])
def test_max_source_length_must_be_a_positive_integer(length):
    message = rf"`max_source_length` must be a positive integer\. Received: .*={length}\."
    with pytest.raises(ValueError, match=message):
        LuongAttention("location", max_source_length=length)


@pytest.mark.parametrize(
    "score, name, owner",
    [("dot", "units", "concat"), ("concat", "max_source_length", "location")],
)
def test_an_argument_of_another_score_is_rejected(score, name, owner):
    message = rf"`{name}` requires score='{owner}'\. Received: {name}=3, score='{score}'\."
    with pytest.raises(ValueError, match=message):
        LuongAttention(score, **{name: 3})


def test_units_of_concat_must_be_a_positive_integer():
    with pytest.raises(ValueError, match=r"`units` must be a positive integer\. Received: units=0"):
        LuongAttention("concat", units=0)
