"""Check searches that call `encode` and `step` as in an export, but without exporting a model."""

import numpy as np
import pytest
import tensorflow as tf
from support import random_translator

from keras_attention import CharacterTokenizer, Seq2Seq, Vocabulary, search
from keras_attention.export.graphs import model_functions
from keras_attention.export.graphs.exported_steps import ExportedSteps, check_terms
from keras_attention.special_tokens import PAD_ID, START_ID


def exported(model):
    def encode(source):
        found = model_functions.encode(model, tf.constant(source))
        return {name: tensor.numpy() for name, tensor in found.items()}

    def step(token, source, named):
        names = {"token": token, "source": source, **named}
        given = {name: tf.constant(array) for name, array in names.items()}
        found = model_functions.step(model, **given)
        return {name: tensor.numpy() for name, tensor in found.items()}

    return ExportedSteps(encode, step, features=0, longest=None)


@pytest.mark.parametrize("likely", [5.0, -200.0], ids="bias {}".format)
def test_scores_are_those_of_the_model_even_if_padding_and_start_are_likely(likely):
    model = Seq2Seq(7, 7, units=4, embedding=3)
    model.build()
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(weight.shape) for weight in model.get_weights()])
    special = np.isin(np.arange(7), (PAD_ID, START_ID))
    model.output_projection.bias.assign_add(np.where(special, likely, 0.0))
    source = np.array([[4, 5, 2], [6, 2, 0]], "int32")
    options = {"max_length": 5, "beam_width": 3}
    found, expected = search(exported(model), source, **options), search(model, source, **options)
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)


def test_the_rule_of_a_glossary_is_made_once():
    codec = random_translator(CharacterTokenizer(Vocabulary("abc"))).codec
    options = codec.settings.options(beam_width=2)
    rules = [check_terms({"a": form}, codec, options, limited=False) for form in "bbc"]
    assert rules[0] is rules[1] and rules[1] is not rules[2]
