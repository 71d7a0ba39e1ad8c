"""`fit` and all other calls that read arrays check ids and shifted targets."""

import keras
import numpy as np
import pytest
from support import tensorflow_only

from keras_attention import Ensemble, MaskedCrossentropy, Seq2Seq, search

SOURCE = np.array([[5, 6, 2], [7, 2, 0]])
TARGET_OUT = np.array([[5, 4, 2], [6, 2, 0]])
TARGET_IN = np.array([[1, 5, 4], [1, 6, 0]])
INPUTS = SOURCE, TARGET_IN


@pytest.fixture(scope="module")
def model():
    model = Seq2Seq(8, 7, units=4, embedding=3)
    model.compile("sgd", loss=MaskedCrossentropy())
    return model


class Batches(keras.utils.PyDataset):
    def __init__(self, *batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def as_dataset(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(2)


FORMS = {
    "arrays": lambda x, y: ((x, y), {}),
    "PyDataset": lambda x, y: ((Batches((x, y)),), {}),
    "generator": lambda x, y: (((batch for batch in [(x, y)]),), {}),
    "dataset": lambda x, y: ((as_dataset(x, y),), {}),
    "validation arrays": lambda x, y: ((INPUTS, TARGET_OUT), {"validation_data": (x, y)}),
    "validation dataset": lambda x, y: (
        (INPUTS, TARGET_OUT),
        {"validation_data": as_dataset(x, y)},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_fit_refuses_targets_that_are_not_shifted(model, form):
    arguments, options = FORMS[form]((SOURCE, TARGET_OUT), TARGET_OUT)
    rule = r"^`target_in` must be `target_out` shifted right by one step, such as np\.pad\("
    with pytest.raises(ValueError, match=rule + r".* Received: the same tokens as `target_in`\.$"):
        model.fit(*arguments, **options, verbose=0)


@pytest.mark.parametrize("form", FORMS)
def test_fit_refuses_an_id_beyond_the_vocabulary(model, form):
    arguments, options = FORMS[form]((SOURCE + 3, TARGET_IN), TARGET_OUT)
    expected = "^`source` must be ids from 0 to 7, because source_vocabulary_size=8. Received: ids "
    with pytest.raises(ValueError, match=f"{expected}from 3 to 10.$"):
        model.fit(*arguments, **options, verbose=0)


@pytest.mark.parametrize("name", ["evaluate", "train_on_batch", "test_on_batch"])
def test_other_calls_refuse_unshifted_targets_and_unknown_ids_too(model, name):
    with pytest.raises(ValueError, match="^`target_in` must be `target_out` shifted right"):
        getattr(model, name)((SOURCE, TARGET_OUT), TARGET_OUT)
    with pytest.raises(ValueError, match="^`target_out` must be ids from 0 to 6, .* from 9 to 15"):
        getattr(model, name)(INPUTS, TARGET_OUT + 9)


def test_targets_that_are_one_step_ahead_or_swapped_are_refused(model):
    with pytest.raises(ValueError, match="Received: its next tokens as `target_in`"):
        model.fit((SOURCE, TARGET_OUT), TARGET_IN)


ALLOWED = {
    "equal tokens": ([[5, 5, 5]], [[5, 5, 5]]),
    "one token": ([[1]], [[1]]),
    "one token and padding": ([[5, 0, 0]], [[5, 0, 0]]),
    "alternating tokens": ([[6, 5, 6, 5]], [[5, 6, 5, 6]]),
    "padding before the tokens": ([[0, 1, 5, 4]], [[0, 5, 4, 2]]),
    "the unknown token as an input": ([[1, 3, 4]], [[5, 4, 2]]),
    "another number of steps": ([[5, 4, 2]], [[5, 4]]),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_targets_that_could_be_shifted_correctly_are_accepted(model, case):
    target_in, target_out = map(np.array, ALLOWED[case])
    model._check_batch((SOURCE[:1], target_in), target_out)


def test_a_generator_loses_no_batch(model):
    losses = []
    for form in ("generator", "arrays", "PyDataset"):
        arguments, options = FORMS[form](INPUTS, TARGET_OUT)
        losses.append(model.evaluate(*arguments, **options, steps=1, verbose=0))
    assert losses[1:] == pytest.approx(losses[:1] * 2)


def test_fit_leaves_every_batch_of_a_validation_generator_to_keras(model):
    batches = [(INPUTS, TARGET_OUT)] * 6
    model.fit(
        INPUTS,
        TARGET_OUT,
        validation_data=(batch for batch in batches),
        validation_steps=3,
        epochs=2,
        verbose=0,
    )
    assert len(model.history.history["val_loss"]) == 2


def test_an_ignored_class_may_be_negative():
    model = Seq2Seq(8, 7, units=4, embedding=3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model.compile("sgd", loss=loss)
    model._check_batch(INPUTS, np.where(TARGET_OUT == 0, -1, TARGET_OUT))
    with pytest.raises(ValueError, match="from -2 to 6"):
        model._check_batch(INPUTS, np.where(TARGET_OUT == 0, -2, TARGET_OUT))


BAD = SOURCE + 3
CALLS = {
    "predict": lambda model: model.predict((BAD, TARGET_IN), verbose=0),
    "call": lambda model: model((BAD, TARGET_IN)),
    "call with features": lambda model: Seq2Seq(None, 7, units=4, source_shape=(None, 2))(
        (np.ones((2, 3, 2)), TARGET_IN - 4)
    ),
    "encode": lambda model: model.encode(BAD),
    "search": lambda model: search(model, BAD, max_length=3),
    "search with an ensemble": lambda model: search(Ensemble([model]), BAD, max_length=3),
    "search with a prefix": lambda model: search(
        model, SOURCE, max_length=3, prefix=np.array([[7], [5]])
    ),
}
RECEIVED = {
    "search with a prefix": "`prefix` must be ids from 0 to 6, because target_vocabulary_size=7. "
    "Received: ids from 5 to 7.",
    "call with features": "`target_in` must be ids from 0 to 6, because target_vocabulary_size=7. "
    "Received: ids from -4 to 2.",
}


@pytest.mark.parametrize("call", CALLS)
def test_every_call_with_arrays_names_an_id_beyond_the_vocabulary(model, call):
    default = "`source` must be ids from 0 to 7, because source_vocabulary_size=8. Received: ids "
    with pytest.raises(ValueError) as error:
        CALLS[call](model)
    assert RECEIVED.get(call, f"{default}from 3 to 10.") in str(error.value)


@tensorflow_only("a graph of TensorFlow")
def test_symbolic_ids_are_not_checked(model):
    import tensorflow as tf

    encode = tf.function(lambda source: model.encode(source)[0].mask)
    assert encode(tf.constant(SOURCE)).numpy().tolist() == [[True, True, True], [True, True, False]]
