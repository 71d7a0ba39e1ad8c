"""The scripts in `examples/` learn from little data, and their exports agree with the models."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_attention import SearchOptions, search

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name, draw", [("time_series", "make_series"), ("image_to_text", "draw_pictures")]
)
def test_exports_agree_with_the_model(name, draw, tmp_path):
    example = load(name)
    model, found = example.main(tmp_path, count=64, epochs=1, units=8)
    sources, _ = getattr(example, draw)(3, seed=2)
    tokens, scores, alignments = (np.asarray(part)[:, 0] for part in found)

    served = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    answer = served(source=tf.constant(sources))
    np.testing.assert_array_equal(answer["tokens"], tokens)
    np.testing.assert_allclose(answer["score"], scores, atol=1e-4)
    np.testing.assert_allclose(answer["alignment"], alignments, atol=1e-4)
    texts = [text.decode() for text in answer["text"].numpy()]
    assert texts == [example.TOKENIZER.decode(row) for row in tokens]

    greedy = search(model, sources, SearchOptions(max_length=tokens.shape[1]))
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("greedy")
    for row, source in enumerate(sources):
        found_there = run(source=source[np.newaxis])
        np.testing.assert_array_equal(found_there["tokens"][0], greedy.tokens[row, 0])
        np.testing.assert_allclose(found_there["score"][0], greedy.scores[row, 0], atol=1e-4)
        np.testing.assert_allclose(
            found_there["alignment"][0], greedy.alignments[row, 0], atol=1e-4
        )


def test_the_classifier_finds_months_and_attends_to_the_date():
    example = load("classify_dates")
    tokenizer, attention, accuracy = example.main(count=1000, epochs=4)
    assert accuracy > 0.95
    weights = attention.predict(example.encode(tokenizer, ["9/27/94", "9/27/1994"]), verbose=0)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    assert weights[0].argmax() in (0, 1, 2) and not weights[0, 8:].any()


def test_the_tagger_tags_new_dates():
    assert load("tag_dates").main(count=1000, epochs=2)[2] > 0.95
