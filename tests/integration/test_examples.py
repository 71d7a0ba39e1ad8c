"""The scripts in `examples/`, with small models: the exports return the model's results."""

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
