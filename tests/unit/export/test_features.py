import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_attention import (
    Ensemble,
    InputError,
    LuongAttention,
    SearchOptions,
    Seq2Seq,
    Translator,
    search,
)
from keras_attention.export.features import export_features_saved_model, export_features_tflite
from keras_attention.text import CharacterTokenizer
from keras_attention.text.vocabulary import Vocabulary

OPTIONS = SearchOptions(max_length=4)


def small_model(**settings):
    return Seq2Seq(**{"target_vocabulary_size": 7, "units": 4, "embedding": 3, **settings})


def test_models_that_read_token_ids_are_refused(tmp_path):
    for export in (export_features_saved_model, export_features_tflite):
        with pytest.raises(InputError, match="expected a Seq2Seq that reads features"):
            export(small_model(source_vocabulary_size=9), tmp_path / "export", OPTIONS)


def test_members_of_an_ensemble_must_read_features_of_the_same_shape(tmp_path):
    members = [
        small_model(source_vocabulary_size=None, source_shape=(None, width)) for width in (3, 4)
    ]
    with pytest.raises(InputError, match=r"same `source_shape` to be exported\. Received: \(None"):
        export_features_saved_model(Ensemble(members), tmp_path, OPTIONS)


def test_a_tflite_file_reads_any_number_of_steps(tmp_path):
    model = small_model(
        source_vocabulary_size=None, source_shape=(None, 3), attention=LuongAttention()
    )
    model.build()
    path = export_features_tflite(model, tmp_path / "model.tflite", OPTIONS)
    greedy = Interpreter(str(path)).get_signature_runner("greedy")
    for steps in (1, 40):
        frames = np.random.default_rng(steps).normal(size=(1, steps, 3)).astype("float32")
        found, expected = greedy(source=frames), search(model, frames, OPTIONS)
        assert found["tokens"].tolist() == np.array(expected.tokens)[:, 0].tolist()
        np.testing.assert_allclose(found["score"], np.array(expected.scores)[:, 0], atol=1e-5)
        assert found["alignment"].shape == (1, 4, steps)


def test_in_a_tflite_file_only_the_number_of_steps_may_be_unknown(tmp_path):
    model = small_model(source_vocabulary_size=None, source_shape=(None, None))
    with pytest.raises(InputError, match=r"only the number of steps, .* source_shape=\(None, None"):
        export_features_tflite(model, tmp_path / "model.tflite", OPTIONS)


def test_a_translator_refuses_a_model_that_reads_features():
    model = small_model(source_vocabulary_size=None, source_shape=(None, 3))
    tokenizer = CharacterTokenizer(Vocabulary(list("abc")))
    with pytest.raises(InputError, match="expected a model with text as its source"):
        Translator.from_model(model, tokenizer, tokenizer, max_source_length=4, max_length=4)
