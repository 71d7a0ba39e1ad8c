import pytest

from keras_attention import Ensemble, InputError, LuongAttention, SearchOptions, Seq2Seq, Translator
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


def test_tflite_requires_a_fixed_number_of_steps(tmp_path):
    model = small_model(
        source_vocabulary_size=None, source_shape=(None, 3), attention=LuongAttention()
    )
    message = r"pass `steps`.*source_shape=\(None, 3\), steps=None"
    with pytest.raises(InputError, match=message):
        export_features_tflite(model, tmp_path / "model.tflite", OPTIONS)


def test_a_translator_refuses_a_model_that_reads_features():
    model = small_model(source_vocabulary_size=None, source_shape=(None, 3))
    tokenizer = CharacterTokenizer(Vocabulary(list("abc")))
    with pytest.raises(InputError, match="expected a model with text as its source"):
        Translator.from_model(model, tokenizer, tokenizer, max_source_length=4, max_length=4)
