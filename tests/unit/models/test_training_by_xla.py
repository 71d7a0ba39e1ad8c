"""Training with XLA equals training without it. Keras chooses XLA if there is one GPU."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from support import MECHANISMS, tensorflow_only

from keras_attention import MaskedAccuracy, MaskedCrossentropy, Seq2Seq
from keras_attention.fast.fused_adam import FusedAdam

SOURCE = np.array([[4, 5, 6, 2], [6, 2, 0, 0], [3, 4, 2, 0]], "int32")
TARGET_IN = np.array([[1, 4, 5], [1, 3, 0], [1, 5, 5]], "int32")
TARGET_OUT = np.array([[4, 5, 2], [3, 2, 0], [5, 5, 2]], "int32")

POINTERS, GUIDE = (np.random.default_rng(n).random((3, 3, 4)).astype("float32") for n in range(2))

# On a GPU, Keras does not use XLA for its own LSTM, because cuDNN has a kernel for it.
MODELS = {
    # The settings of the recipes `eng-kor`, `g2p` and `multi30k-en-de`, without dropout.
    "recipe": {
        "layer_norm": True,
        "input_feeding": True,
        "deep_output": True,
        "attention_units": 4,
        "tie_embeddings": "target",
    },
    "gnmt over a transformer": {
        "encoder": "transformer",
        "heads": 2,
        "decoder": "gnmt",
        "layer_norm": True,
    },
    "transformer over gnmt": {
        "encoder": "gnmt",
        "layer_norm": True,
        "decoder": "transformer",
        "heads": 2,
        "max_target_length": 5,
    },
    "copying with alignment losses": {
        "layer_norm": True,
        "copying": True,
        "input_feeding": True,
        "coverage_loss": 0.7,
        "guided_alignment": 0.3,
        "r_drop": 0.5,
        "dropout": 1e-9,  # so small that it drops nothing
    },
}


@pytest.fixture
def one_gpu(monkeypatch):
    """Make TensorFlow list a GPU, which is the only condition that Keras checks for XLA."""
    import tensorflow as tf

    listed, gpu = tf.config.list_physical_devices, SimpleNamespace(device_type="GPU", name="GPU:0")
    monkeypatch.setattr(
        tf.config,
        "list_physical_devices",
        lambda kind=None: listed(kind) if kind else [*listed(), gpu],
    )


def batches(settings):
    """Return a data set of one repeated batch, whose sizes are unknown to the graph."""
    import tensorflow as tf

    ids, floats = tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None,) * 3, "float32")
    names = "copying", "guided_alignment"
    given = [x for x, name in zip((POINTERS, GUIDE), names, strict=True) if settings.get(name)]
    return tf.data.Dataset.from_generator(
        lambda: iter([((SOURCE, TARGET_IN, *given), TARGET_OUT)]),
        output_signature=((ids, ids, *(floats for _ in given)), ids),
    ).repeat()


def trained(settings, **options):
    keras.utils.set_random_seed(1)
    mechanism = "coverage" if settings.get("decoder") == "transformer" else "bahdanau"
    model = Seq2Seq(7, 6, units=8, embedding=4, attention=MECHANISMS[mechanism](), **settings)
    model.build()
    if settings.get("copying"):
        model.copy_output.set_targets([0, 1, 2, 3, 4, 5, 3])
    optimizer = keras.optimizers.SGD(0.5)
    if settings is MODELS["recipe"]:
        # This is the optimizer of recipes. A small epsilon would amplify rounding differences.
        optimizer = FusedAdam(0.1, epsilon=1.0, global_clipnorm=1.0, use_ema=True)
    loss = MaskedCrossentropy(label_smoothing=0.1)
    model.compile(optimizer, loss, metrics=[MaskedAccuracy()], **options)
    history = model.fit(batches(settings), steps_per_epoch=1, verbose=0, shuffle=False).history
    return model, history["loss"][0]


@tensorflow_only("JAX always compiles with XLA")
@pytest.mark.parametrize("name", MODELS)
def test_training_with_xla_equals_training_without(name, one_gpu):
    # Without graphs, because tracing a second one takes longer than one step.
    plain, expected = trained(MODELS[name], run_eagerly=True)
    model, loss = trained(MODELS[name])
    assert model.jit_compile and not plain.jit_compile
    assert loss == pytest.approx(expected, rel=1e-5)
    for actual, expected in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)
