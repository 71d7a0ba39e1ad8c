"""A saved model is loaded in a new process."""

import json
import subprocess
import sys

import numpy as np
import pytest

TEXTS = ["march 27, 2016", "", "9/27/94"]

LOAD = """
import json, sys
import keras, numpy as np
folder, checkpoint, texts, options = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])
from keras_attention import Seq2Seq
model = keras.models.load_model(folder + "/model.keras")
source, target = np.array([[5, 6, 2]] * 4), np.array([[5, 2]] * 4)
inputs = source, np.array([[1, 5]] * 4)
logits = model.predict(inputs, verbose=0)
compiled = keras.models.load_model(checkpoint)
evaluation = compiled.evaluate(inputs, target, verbose=0, return_dict=True)
from keras_attention import Translator
translations = Translator.load(folder)(texts, **options)
print(json.dumps({
    "type": type(model).__name__ + " " + type(compiled).__name__,
    "logits": logits.tolist(),
    "evaluation": evaluation,
    "steps": int(compiled.optimizer.iterations),
    "translations": [translation.to_json() for translation in translations],
}))
"""


@pytest.fixture(scope="module")
def answer(trained):
    checkpoint = trained / "checkpoints" / "epoch-0002.keras"
    arguments = [str(trained), str(checkpoint), json.dumps(TEXTS), '{"beam_width": 2}']
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_keras_loads_the_model_and_predicts(answer, translator):
    source, target = np.array([[5, 6, 2]] * 4), np.array([[1, 5]] * 4)
    assert answer["type"] == "Seq2Seq Seq2Seq"
    logits = translator.model.predict((source, target), verbose=0)
    np.testing.assert_allclose(np.array(answer["logits"]), logits, atol=1e-5)


def test_the_checkpoint_is_loaded_compiled(answer):
    assert answer["evaluation"].keys() == {"loss", "masked_accuracy"}
    assert np.isfinite(list(answer["evaluation"].values())).all()
    assert answer["steps"] == 2 * 43


def test_the_translator_returns_the_same_translations(answer, translator):
    for actual, translation in zip(
        answer["translations"], translator(TEXTS, beam_width=2), strict=True
    ):
        expected = translation.to_json()
        assert actual["source_tokens"] == expected["source_tokens"]
        for one, other in zip(actual["hypotheses"], expected["hypotheses"], strict=True):
            assert (one["text"], one["tokens"]) == (other["text"], other["tokens"])
            np.testing.assert_allclose(one["score"], other["score"], atol=1e-4)
            np.testing.assert_allclose(one["alignment"], other["alignment"], atol=2e-4)
