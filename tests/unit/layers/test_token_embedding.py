import keras
import numpy as np
import pytest
from keras import ops
from reference import adam
from support import LayerModel, check_layer, gradients, normal, tensorflow_only, to_numpy

from keras_attention.layers.token_embedding import TokenEmbedding

IDS = np.array([[4, 4, 2, 0], [4, 1, 2, 2]])


def built(**options):
    layer = TokenEmbedding(6, 3, **options)
    layer.build((None, None))
    return layer


@pytest.mark.parametrize("ids", [IDS, IDS[0], IDS[:, :, None]], ids=["[B, T]", "[T]", "[B, T, 1]"])
def test_ids_select_rows_of_the_table(ids):
    layer = built()
    table = to_numpy(layer.embeddings.value)
    np.testing.assert_array_equal(to_numpy(layer(ids)), table[ids])


def test_the_gradient_is_dense_and_sums_every_occurrence():
    layer = built()
    pull = normal(2, 4, 3, seed=1)
    _, (slope,) = gradients(lambda: ops.sum(layer(IDS) * pull), layer.trainable_variables)
    expected = np.zeros((6, 3))
    np.add.at(expected, IDS, pull)
    np.testing.assert_allclose(slope, expected, rtol=1e-6)


def test_adam_is_correct_with_repeated_tokens():
    layer = built()
    table, pull = to_numpy(layer.embeddings.value), normal(2, 12, seed=1)
    model = LayerModel(layer)
    model.compile(
        optimizer=keras.optimizers.Adam(0.1), loss=lambda pull, y: ops.sum(y * pull, axis=-1)
    )
    model.fit((IDS,), pull, epochs=3, verbose=0)
    gradient = np.zeros((6, 3))
    np.add.at(gradient, IDS, pull.reshape(2, 4, 3) / 2)  # the loss is a mean over two rows
    expected = adam(table.astype("float64"), [gradient] * 3, learning_rate=0.1)
    np.testing.assert_allclose(to_numpy(layer.embeddings.value), expected, rtol=1e-4, atol=1e-6)


@tensorflow_only("JAX returns the gradient of a lookup in the lookup's 16-bit dtype")
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_frequent_token_keeps_its_gradient_in_mixed_precision(policy):
    layer = built(dtype=policy)
    ids = np.full((60, 50), 4)  # a sum in bfloat16 would stop at 256
    model = LayerModel(layer, dtype=policy)
    _, (slope,) = gradients(lambda: ops.sum(model((ids,))), layer.trainable_variables)
    np.testing.assert_allclose(slope[4], 3000, rtol=1e-6)


def test_mask_zero_works_as_in_keras():
    mask = built(mask_zero=True).compute_mask(ops.convert_to_tensor(IDS))
    assert to_numpy(mask).tolist() == (IDS != 0).tolist()


def test_passes_the_checks_for_every_layer(tmp_path):
    check_layer(TokenEmbedding(6, 3), IDS, tmp_path=tmp_path)
