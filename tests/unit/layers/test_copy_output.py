import keras
import numpy as np
import pytest
from reference import finite_differences, log_softmax, sigmoid
from support import assert_close, doubles, evaluated, gradients, normal, to_numpy, with_policy

from keras_attention import BahdanauAttention, Seq2Seq, search
from keras_attention.layers import CopyOutput

LOGITS, OUTPUTS = normal(2, 3, 6, seed=1), normal(2, 3, 4, seed=2)
ALIGNMENT = np.exp(log_softmax(normal(2, 3, 5, seed=3))).astype("float32")
COPIES = np.array([[4, 5, 4, 2, 0], [3, 3, 2, 0, 0]], "int32")


def built():
    layer = CopyOutput(9, 6)
    layer.build((None, None, 6), (None, None, 4))
    layer.gate.set_weights([normal(4, 1, seed=4), normal(1, seed=5)])
    return layer


def paper_equation(layer, logits, outputs, alignment, copies):
    """Compute equation 9 of See et al. 2017, one token at a time."""
    w, b = doubles(layer.gate.kernel, layer.gate.bias)
    gate = sigmoid(outputs @ w[:, 0] + b[0])
    mixed = np.zeros(logits.shape)
    for place in np.ndindex(gate.shape):
        from_vocabulary = np.exp(log_softmax(logits[place]))
        for token in range(6):
            copied = alignment[place][copies[place[0]] == token].sum()
            mixed[place][token] = gate[place] * from_vocabulary[token] + (1 - gate[place]) * copied
    return np.log(mixed)


def test_equals_the_papers_equation():
    layer = built()
    expected = paper_equation(layer, LOGITS, OUTPUTS, ALIGNMENT, COPIES)
    actual = evaluated(layer, layer)(LOGITS, OUTPUTS, ALIGNMENT, COPIES)
    assert_close(actual, expected, rtol=1e-4)
    np.testing.assert_allclose(np.exp(to_numpy(actual)).sum(-1), 1, rtol=1e-5)


def test_gradients_equal_finite_differences_of_the_papers_equation():
    layer, pull = built(), normal(2, 3, 6, seed=6)
    points = [x.astype("float64") for x in (LOGITS, OUTPUTS, ALIGNMENT)]
    _, slopes = gradients(
        lambda *x: keras.ops.sum(layer(*x, COPIES) * pull),
        [],
        LOGITS,
        OUTPUTS,
        ALIGNMENT,
    )
    expected = finite_differences(
        lambda: (paper_equation(layer, *points, COPIES) * pull).sum(), *points
    )
    assert_close(slopes, expected, rtol=2e-3, atol=2e-3)


# Id 3 is an unknown source token: positions 1 and 2 in the first source, 0 to 2 in the second.
UNKNOWN_COPIES = np.array([[4, 3, 3, 2, 0], [3, 3, 3, 2, 0]], "int32")
POINTERS = np.zeros((2, 3, 5), "float32")
POINTERS[0, 1, 2] = POINTERS[1, 0, 0] = POINTERS[1, 0, 2] = 1


def pointing_equation(layer, logits, outputs, alignment):
    """Compute equation 9 over the paper's extended vocabulary.

    Where there are pointers, the unknown token keeps only the probability of copying the tokens
    that they mark. The rest of its probability goes to id 0.
    """
    w, b = doubles(layer.gate.kernel, layer.gate.bias)
    probabilities = np.exp(paper_equation(layer, logits, outputs, alignment, UNKNOWN_COPIES))
    for place in np.ndindex(2, 3):
        if POINTERS[place].any():
            gate = sigmoid(outputs[place] @ w[:, 0] + b[0])
            right = (1 - gate) * alignment[place][POINTERS[place] == 1].sum()
            probabilities[place][0] += probabilities[place][3] - right
            probabilities[place][3] = right
    return np.log(probabilities)


def test_an_unknown_token_is_the_source_token_at_its_pointer():
    layer = built()
    expected = pointing_equation(layer, LOGITS, OUTPUTS, ALIGNMENT)
    actual = evaluated(layer, layer)(LOGITS, OUTPUTS, ALIGNMENT, UNKNOWN_COPIES, POINTERS)
    assert_close(actual, expected, rtol=1e-4)
    np.testing.assert_allclose(np.exp(to_numpy(actual)).sum(-1), 1, rtol=1e-5)
    plain = to_numpy(layer(LOGITS, OUTPUTS, ALIGNMENT, UNKNOWN_COPIES))
    assert_close(to_numpy(actual)[0, [0, 2]], plain[0, [0, 2]])


def test_gradients_of_pointing_equal_finite_differences():
    layer, pull = built(), normal(2, 3, 6, seed=6)
    points = [x.astype("float64") for x in (LOGITS, OUTPUTS, ALIGNMENT)]
    _, slopes = gradients(
        lambda *x: keras.ops.sum(layer(*x, UNKNOWN_COPIES, POINTERS) * pull),
        [],
        LOGITS,
        OUTPUTS,
        ALIGNMENT,
    )
    expected = finite_differences(lambda: (pointing_equation(layer, *points) * pull).sum(), *points)
    assert_close(slopes, expected, rtol=2e-3, atol=2e-3)


def test_hypotheses_copy_from_their_own_source():
    layer = built()
    rows = [x.reshape(6, -1) for x in (LOGITS, OUTPUTS, ALIGNMENT)]
    expected = to_numpy(layer(LOGITS, OUTPUTS, ALIGNMENT, COPIES)).reshape(6, 6)
    assert_close(layer(*rows, COPIES), expected)


def test_logits_of_any_size_stay_finite():
    log_probabilities = to_numpy(built()(1e4 * LOGITS, 1e3 * OUTPUTS, ALIGNMENT, COPIES))
    assert np.isfinite(log_probabilities).all()


def test_set_targets_defines_the_target_id_of_each_source_id():
    layer = built()
    assert to_numpy(layer.target_ids(np.array([[0, 8]]))).tolist() == [[3, 3]]
    layer.set_targets([0, 1, 2, 3, 5, 4, 3, 3, 5])
    assert to_numpy(layer.target_ids(np.array([[0, 8, 5]]))).tolist() == [[0, 5, 4]]


@pytest.mark.parametrize(
    "targets, received",
    [
        ([0, 1], "shape (2,) from 0 to 1."),
        ([6] * 9, "shape (9,) from 6 to 6."),
        ([-1] * 9, "shape (9,) from -1 to -1."),
        ([], "shape (0,)."),
    ],
)
def test_targets_must_be_target_ids(targets, received):
    with pytest.raises(ValueError, match=r"`targets` must be 9 ids from 0 to 5\. .*") as caught:
        built().set_targets(targets)
    assert str(caught.value).endswith(f"Received: {received}")


@pytest.mark.parametrize("name", ["source_vocabulary_size", "target_vocabulary_size"])
def test_sizes_must_be_positive_integers(name):
    sizes = {"source_vocabulary_size": 9, "target_vocabulary_size": 6, name: 0}
    with pytest.raises(ValueError, match=rf"`{name}` must be a positive integer\. .*{name}=0\."):
        CopyOutput(**sizes)


SOURCE = np.array([[4, 5, 8, 2], [7, 2, 0, 0]], "int32")


def model():
    options = {"attention": BahdanauAttention(4), "placement": "before", "copying": True}
    model = Seq2Seq(9, 6, units=4, embedding=3, **options)
    model.build()
    trainable = [weight for weight in model.weights if weight.trainable]
    for index, weight in enumerate(trainable):
        weight.assign(normal(*weight.shape, seed=index))
    model.copy_output.set_targets([0, 1, 2, 3, 4, 5, 3, 3, 5])
    return model


def test_steps_of_a_model_equal_teacher_forcing():
    copying, target = model(), np.array([[1, 4, 5], [1, 3, 3]], "int32")
    whole, alignment = to_numpy(copying.teacher_forced(SOURCE, target))
    memory, state = copying.encode(SOURCE)
    for t in range(3):
        logits, state, weights = copying.step(target[:, t], state, memory)
        assert_close((logits, weights), (whole[:, t], alignment[:, t]), rtol=1e-4, atol=1e-5)


def test_a_model_accepts_pointers_before_the_guide():
    copying, target = model(), np.array([[1, 4, 5], [1, 3, 3]], "int32")
    pointers = np.zeros((2, 3, 4), "float32")
    pointers[0, 1, 2] = 1
    plain, pointed = (to_numpy(copying((SOURCE, target, *more))) for more in ((), (pointers,)))
    np.testing.assert_array_equal(np.argwhere(plain != pointed), [[0, 1, 0], [0, 1, 3]])
    config = {**copying.get_config(), "guided_alignment": 0.5}
    guided = Seq2Seq.from_config(config)
    guided.build()
    guided.set_weights(copying.get_weights())
    guide = np.full((2, 3, 4), 0.25, "float32")
    assert_close(guided((SOURCE, target, guide), training=True), plain)
    assert_close(guided((SOURCE, target, pointers, guide), training=True), pointed)
    assert len(guided.losses) == 1


def test_a_file_contains_the_table_of_targets(tmp_path):
    copying = model()
    copying.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.settings == copying.settings
    target = np.array([[1, 4, 5], [1, 3, 3]], "int32")
    assert_close(loaded.teacher_forced(SOURCE, target), copying.teacher_forced(SOURCE, target))


def test_in_mixed_precision_probabilities_are_mixed_in_float32():
    copying, target = model(), np.array([[1, 4, 5], [1, 3, 3]], "int32")
    twin = Seq2Seq.from_config(with_policy(copying.get_config(), "mixed_bfloat16"))
    twin.build()
    twin.set_weights(copying.get_weights())
    logits, _ = twin.teacher_forced(SOURCE, target)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert_close(logits, copying.teacher_forced(SOURCE, target)[0], rtol=0.1, atol=0.1)


@pytest.mark.parametrize("width", [1, 3])
def test_search_scores_are_log_probabilities_of_the_mixture(width):
    copying = model()
    tokens, scores, _ = to_numpy(search(copying, SOURCE, max_length=3, beam_width=width))
    for k in range(width):
        shifted = np.concatenate([np.ones((2, 1), "int32"), tokens[:, k, :-1]], 1)
        logits, _ = to_numpy(copying.teacher_forced(SOURCE, shifted))
        chosen = np.take_along_axis(log_softmax(logits), tokens[:, k, :, None], 2)[..., 0]
        assert_close(scores[:, k], (chosen * (tokens[:, k] != 0)).sum(1), rtol=1e-4)


def test_a_short_list_is_refused():
    copying = model()
    memory, state = copying.encode(SOURCE)
    with pytest.raises(ValueError, match=r"`table` must be None for a model that copies"):
        copying.step(np.array([1, 1]), state, memory, table=copying.output_table(np.arange(4)))


def test_copying_requires_attention():
    with pytest.raises(ValueError, match=r"`copying` requires `attention`\. Received: .*None"):
        Seq2Seq(9, 6, copying=True)
