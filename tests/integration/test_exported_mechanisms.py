"""The SavedModel and the TFLite file of every mechanism that does more than define a score.

Other tests check the exports of all variants, but only one variant has a recurrent mechanism. These
tests check the graphs that depend most on the mechanism: the single steps, and the loop of a
device's beam search.
"""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from support import MECHANISMS, assert_close
from variants import TEXTS, assert_same, make_translator

from keras_attention.export.device import device_translator as device
from keras_attention.export.graphs import model_functions
from keras_attention.export.graphs.searches import raw_variables
from keras_attention.export.tflite import conversion as tflite

BEFORE, AFTER = {"placement": "before"}, {"placement": "after"}
FEEDING = {**AFTER, "input_feeding": True}
PLACEMENTS = {
    "location-aware": FEEDING,
    "fertility": {**BEFORE, "decoder_layers": 2},
    "local-m": FEEDING,
    "local-p": AFTER,
    "monotonic": FEEDING,
    "chunkwise": AFTER,
    "additive heads": BEFORE,
}


@pytest.fixture(scope="module", params=PLACEMENTS)
def translator(request):
    attention = MECHANISMS[request.param]()
    options = {"attention": attention, **PLACEMENTS[request.param]}
    made = make_translator("abcdefgh ", "0123456789-", **options)
    if hasattr(attention, "r"):
        attention.r.assign(0.0)  # so hard attention stops, but not at the first token
    return made


def test_a_device_returns_the_translators_beams(translator, eagerly, tmp_path, monkeypatch):
    trace = tflite.trace_graphs
    monkeypatch.setattr(tflite, "trace_graphs", lambda *given: {"beam": trace(*given)["beam"]})
    monkeypatch.setattr(device, "SIGNATURES", ("beam",))
    runtime = device.DeviceTranslator.load(
        tflite.export_tflite(translator, tmp_path / "model.tflite")
    )
    texts = [text for text in TEXTS if runtime.fits(text)]
    expected = translator(texts, beam_width=4)
    assert any(len(set(found.alignment.argmax(1))) > 1 for found in expected)
    assert_same(runtime(texts, beam=True), expected)


def test_a_servers_steps_equal_the_models_steps(translator, tmp_path):
    """Use two hypotheses per source; the graphs accept any batch size and length."""
    model, any_source = translator.model, tf.TensorSpec([None, None], tf.int32, "source")
    encode = model_functions.trace(lambda source: model_functions.encode(model, source), any_source)
    specs = model_functions.step_specs(encode.structured_outputs, any_source)
    graphs = {
        "encode": encode,
        "step": model_functions.trace(partial(model_functions.step, model), **specs),
    }
    holder = tf.Module()
    holder.weights = raw_variables(translator.single_model)
    tf.saved_model.save(holder, str(tmp_path), signatures=graphs)
    signatures = tf.saved_model.load(str(tmp_path)).signatures

    source = tf.constant(translator.codec.encode(["abc", "a", "hgfe d"]))
    tokens = np.random.default_rng(1).integers(3, 10, (4, 6)).astype("int32")
    served = served_steps(signatures, source, tokens)
    memory, state = model.encode(source)
    state = tf.nest.map_structure(lambda x: tf.repeat(x, 2, axis=0), state)
    for token, (log_probs, alignment) in zip(tokens, served, strict=True):
        logits, state, expected = model.step(tf.constant(token), state, memory)
        assert_close(alignment, expected, rtol=1e-4, atol=1e-5)
        certain = tf.nn.log_softmax(logits)[:, 3:]  # padding and start are never generated
        assert_close(log_probs[:, 3:] - log_probs[:, 3:4], certain - certain[:, :1], atol=1e-4)
        assert np.any(alignment) and not np.any(alignment[2:4, 2:])


def served_steps(signatures, source, tokens):
    encoded = signatures["encode"](source=source)
    state = {name: tf.repeat(x, 2, 0) for name, x in encoded.items() if name.startswith("state_")}
    memory = {name: x for name, x in encoded.items() if name not in state}
    for token in tokens:
        outputs = signatures["step"](token=tf.constant(token), source=source, **memory, **state)
        state = {name: outputs[name] for name in state}
        yield outputs["log_probabilities"], outputs["alignment"]
