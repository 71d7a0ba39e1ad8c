"""Make models with equal weights on every backend, and save their results for `test_backends`."""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_attention import (
    BahdanauAttention,
    Ensemble,
    LuongAttention,
    MaskedCrossentropy,
    MaskedFenchelYoung,
    MonotonicAttention,
    Seq2Seq,
    search,
)
from keras_attention.decoding.sampling import draw_points
from keras_attention.fast.fused_adam import FusedAdam

SOURCE = np.array([[5, 6, 7, 8, 2], [4, 9, 2, 0, 0], [6, 4, 5, 2, 0]], "int32")
TARGET_IN = np.array([[1, 5, 6, 7], [1, 8, 0, 0], [1, 4, 9, 0]], "int32")
TARGET_OUT = np.array([[5, 6, 7, 2], [8, 2, 0, 0], [4, 9, 2, 0]], "int32")
GUIDE = np.random.default_rng(5).dirichlet(np.ones(5), (3, 4)).astype("float32")
AFTER = {"placement": "after", "attention_units": 6}
TRANSFORMER = {"encoder": "transformer", "decoder": "transformer", "max_target_length": 6}
GNMT = {"encoder": "gnmt", "decoder": "gnmt", "encoder_layers": 2, "decoder_layers": 2}
MODELS = {
    "lstm": lambda: {"attention": BahdanauAttention(6), "layer_norm": True},
    "gru": lambda: {"attention": LuongAttention("general"), "rnn": "gru", **AFTER},
    "copying": lambda: {
        **{"attention": LuongAttention("dot"), "input_feeding": True, "copying": True, **AFTER},
        **{"coverage_loss": 0.5, "guided_alignment": 0.5, "l2": 1e-3},
    },
    "sparse": lambda: (
        {"attention": LuongAttention("concat", mapping="entmax15"), **AFTER}
        | {"output_mapping": "entmax15", "tie_embeddings": "target"}
    ),
    "gnmt": lambda: {"attention": BahdanauAttention(6), **GNMT},
    "monotonic": lambda: {"attention": MonotonicAttention(BahdanauAttention(6), noise=0)},
    "transformer": lambda: (
        {"attention": LuongAttention("dot", scale=True), "heads": 2} | TRANSFORMER
    ),
}


def make(name, seed=0):
    """Return a model whose weights are drawn by NumPy."""
    model = Seq2Seq(10, 10, units=6, embedding=6, **MODELS[name]())
    model.build()
    if name == "copying":
        model.copy_output.set_targets(np.arange(10))
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(0.7 * rng.standard_normal(weight.shape))
    return model


def searched(model):
    """Return the results of every kind of search."""
    points = draw_points(3, range(3), 2, 5)
    hypotheses = [
        search(model, SOURCE, max_length=5),
        search(model, SOURCE, max_length=5, beam_width=3, length_penalty=0.6, no_repeat_ngram=2),
        search(model, SOURCE, max_length=5, beam_width=2, sample=True, top_k=5, points=points),
    ]
    return [ops.convert_to_numpy(part) for found in hypotheses for part in found]


def results(name):
    """Return the arrays that a model computes, before, during and after two training steps."""
    model = make(name)
    arrays = searched(model)
    logits, alignment = model.teacher_forced(SOURCE, TARGET_IN)
    arrays += [ops.convert_to_numpy(logits), ops.convert_to_numpy(alignment)]
    sparse = model.settings.output_mapping != "softmax"
    loss = MaskedFenchelYoung("entmax15") if sparse else MaskedCrossentropy(0.1)
    model.compile(FusedAdam(0.01, global_clipnorm=1.0), loss=loss, run_eagerly=True)
    guide = (GUIDE,) if model.settings.guided_alignment else ()
    pointers = (np.zeros((3, 4, 5), "float32"),) if model.settings.copying else ()
    inputs = SOURCE, TARGET_IN, *pointers, *guide
    history = model.fit(inputs, TARGET_OUT, batch_size=3, epochs=2, shuffle=False, verbose=0)
    arrays.append(np.array(history.history["loss"], "float32"))
    return [*arrays, *(ops.convert_to_numpy(weight) for weight in model.trainable_weights)]


def ensemble_results():
    """Return the results of an ensemble of two models with equal vocabularies."""
    return searched(Ensemble([make("lstm"), make("gru", seed=1)]))


def main(folder):
    """Write the results of this backend, and model files that another backend loads."""
    for name in MODELS:
        np.savez(folder / f"{name}.npz", *results(name))
        make(name).save(folder / f"{name}.keras")
        make(name).save_weights(folder / f"{name}.weights.h5")
    np.savez(folder / "ensemble.npz", *ensemble_results())


if __name__ == "__main__":
    keras.config.disable_traceback_filtering()
    main(Path(sys.argv[1]))
