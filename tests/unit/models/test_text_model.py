"""A `Seq2Seq` with a preprocessor fits and generates texts, and is saved with its tokenizers."""

import sys

import keras
import numpy as np
import pytest
from support import randomize, tensorflow_only

from keras_attention import (
    BahdanauAttention,
    CharacterTokenizer,
    LuongAttention,
    MaskedCrossentropy,
    Seq2Seq,
    SourceFeatures,
    TextPreprocessor,
    Translator,
    Vocabulary,
    search,
)

LETTERS = CharacterTokenizer(Vocabulary("abcdef"))
DIGITS = CharacterTokenizer(Vocabulary("12345"))
SOURCES, TARGETS = ["cab", "", "bad", "feed", "a"], ["312", "", "214", "6554", "1"]
IDS = np.array([[6, 4, 5, 2], [4, 2, 0, 0]])
OPTIONS = {
    "own settings": {},
    "greedy": {"sampler": "greedy"},
    "beam": {"sampler": "beam", "length_penalty": 0.7, "max_length": 5},
    "constraints": {"sampler": "greedy", "min_length": 4, "no_repeat_ngram": 2},
    "sample": {"sampler": "top_k", "top_k": 3, "seed": 5},
}


def make_model(source=LETTERS, *, settings=(), **options):
    preprocessor = TextPreprocessor(
        source, DIGITS, max_length=7, max_source_length=9, **dict(settings)
    )
    sizes = len(source.vocabulary), len(DIGITS.vocabulary)
    return Seq2Seq(*sizes, units=6, embedding=4, preprocessor=preprocessor, **options)


@pytest.fixture(scope="module")
def model():
    model = make_model(attention=LuongAttention("dot"), settings={"beam_width": 2})
    model.build()
    return randomize(model)


@pytest.fixture
def compiled():
    keras.utils.set_random_seed(1)
    model = make_model()
    model.build()
    model.compile(keras.optimizers.SGD(0.5), MaskedCrossentropy(), run_eagerly=True)
    return model


def search_arguments(options, own_width=2):
    """Return the search options that have the effect of these options of `generate`."""
    widths = {"beam": own_width, None: own_width}
    found = {name: value for name, value in options.items() if name != "sampler"}
    found["beam_width"] = widths.get(options.get("sampler"), 1)
    return found | {"sample": True} if options.get("sampler") == "top_k" else found


@pytest.mark.parametrize("case", OPTIONS)
def test_generate_equals_the_translator_on_texts_and_search_on_ids(case, model):
    options, expected = OPTIONS[case], search_arguments(OPTIONS[case])
    translator = Translator.from_model(model)
    assert model.generate(SOURCES, **options) == [
        found.text for found in translator(SOURCES, **expected)
    ]
    ids = search(model, IDS, **{"max_length": 7, **expected}).tokens[:, 0]
    np.testing.assert_array_equal(model.generate(IDS, **options), ids)


def test_one_text_gives_one_text_and_several_give_a_list(model):
    (expected,) = model.generate(["cab"])
    assert model.generate("cab") == expected
    assert model.generate(np.array(["cab", "cab"])) == [expected] * 2
    assert model.generate([b"cab"]) == [expected]
    assert model.generate([]) == []


@tensorflow_only("the test reads a tf.data.Dataset")
@pytest.mark.parametrize("batched", [False, True])
def test_generate_reads_tensors_and_data_sets_of_strings(batched, model):
    import tensorflow as tf

    expected, dataset = model.generate(SOURCES), tf.data.Dataset.from_tensor_slices(SOURCES)
    assert model.generate(dataset.batch(2) if batched else dataset) == expected
    assert model.generate(tf.constant(SOURCES)) == expected


def test_generate_uses_the_weights_that_fit_changed(compiled):
    before = compiled.generate(SOURCES)
    compiled.fit(SOURCES, ["5555"] * 5, epochs=10, verbose=0)
    after = compiled.generate(SOURCES)
    assert after == [found.text for found in Translator.from_model(compiled)(SOURCES)]
    assert after[0].startswith("555") and after != before


def test_a_model_that_diverged_is_refused_each_time(compiled):
    compiled.generate("a")
    compiled.output_projection.bias.assign(compiled.output_projection.bias * np.nan)
    with pytest.raises(ValueError, match="expected a model with finite weights"):
        compiled.generate("a")


def test_fit_on_texts_equals_fit_on_their_ids():
    sides = []
    for as_texts in (True, False):
        keras.utils.set_random_seed(2)
        model = make_model()
        model.compile(keras.optimizers.SGD(0.5), MaskedCrossentropy(), run_eagerly=True)
        x, y = SOURCES, ["312", "1", "214", "5554", "1"]
        if not as_texts:
            ids = [
                [6, 4, 5, 2, 0],
                [2, 0, 0, 0, 0],
                [5, 4, 7, 2, 0],
                [9, 8, 8, 7, 2],
                [4, 2, 0, 0, 0],
            ]
            y = [
                [6, 4, 5, 2, 0],
                [4, 2, 0, 0, 0],
                [5, 4, 7, 2, 0],
                [8, 8, 8, 7, 2],
                [4, 2, 0, 0, 0],
            ]
            shifted = [[1, *row[:-1]] for row in y]
            shifted = np.where(np.array(y) == 0, 0, shifted)
            x, y = (np.array(ids), shifted), np.array(y)
        history = model.fit(x, y, batch_size=2, shuffle=False, validation_data=(x, y), verbose=0)
        sides.append([*history.history.values(), *model.get_weights()])
    for text, ids in zip(*sides, strict=True):
        np.testing.assert_allclose(text, ids, rtol=1e-5, atol=1e-6)


@tensorflow_only("the test reads a tf.data.Dataset")
def test_a_data_set_of_texts_trains_as_lists_do(compiled):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((SOURCES, ["12"] * 5)).batch(5)
    expected = compiled.evaluate(SOURCES, ["12"] * 5, batch_size=5, verbose=0)
    assert compiled.evaluate(dataset, verbose=0) == pytest.approx(expected)
    weights = np.array([1.0, 0, 0, 0, 0])
    weighted = tf.data.Dataset.from_tensor_slices((SOURCES, ["12"] * 5, weights)).batch(5)
    first = compiled.test_on_batch(SOURCES[:1], ["12"])
    assert compiled.evaluate(weighted, verbose=0) == pytest.approx(first, rel=1e-5)
    history = compiled.fit(
        dataset, validation_data=dataset, shuffle=False, epochs=3, verbose=0
    ).history
    assert history["val_loss"][-1] < expected


def test_single_batches_may_consist_of_texts(compiled):
    before = compiled.test_on_batch(SOURCES, ["12"] * 5)
    compiled.train_on_batch(SOURCES, ["12"] * 5)
    assert compiled.test_on_batch(SOURCES, ["12"] * 5) < before


def test_source_features_are_read_from_tags_or_arguments():
    features = SourceFeatures({"language": ["eng", "kor"]})
    source = CharacterTokenizer(Vocabulary("abcdef"), features=features)
    model = make_model(source, source_features=features.sizes)
    model.compile("sgd", MaskedCrossentropy(), run_eagerly=True)
    model.fit(["<language=kor> cab"], ["12"], verbose=0)
    assert model.generate("cab", features={"language": "kor"}) == model.generate(
        "<language=kor> cab"
    )


def test_a_model_that_copies_gets_the_target_ids_of_its_tokenizers():
    model = make_model(
        CharacterTokenizer(Vocabulary("12345")), attention=LuongAttention("dot"), copying=True
    )
    model.build()
    targets = keras.ops.convert_to_numpy(model.copy_output.targets)
    assert targets.tolist() == list(range(9))
    assert Translator.from_model(model).codec.settings.replace_unknown


def test_a_built_model_that_copies_gets_the_target_ids_of_a_new_preprocessor():
    source = CharacterTokenizer(Vocabulary("12345"))
    model = make_model(source, attention=LuongAttention("dot"), copying=True)
    preprocessor, model.preprocessor = model.preprocessor, None
    model.build()
    model.preprocessor = preprocessor
    targets = keras.ops.convert_to_numpy(model.copy_output.targets)
    assert targets.tolist() == list(range(9))


def test_a_saved_model_keeps_its_tokenizers_settings_and_sampler(tmp_path):
    model = make_model(attention=BahdanauAttention(4), settings={"min_length": 3})
    sampler = {"beam_width": 3, "length_penalty": 0.5}
    model.compile("sgd", MaskedCrossentropy(), run_eagerly=True, sampler=sampler)
    model.train_on_batch(SOURCES, ["12"] * 5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.generate(SOURCES) == [
        found.text for found in Translator.from_model(model)(SOURCES, **sampler)
    ]
    assert loaded.preprocessor.codec.settings == model.preprocessor.codec.settings
    steps = [each.train_on_batch(SOURCES, ["12"] * 5) for each in (model, loaded)]
    assert steps[0] == pytest.approx(steps[1])  # the optimizer is restored too


@pytest.mark.parametrize("sampler", [None, "beam", {"sample": True}])
def test_a_sampler_is_part_of_the_compile_config(sampler):
    model = make_model()
    assert model.get_compile_config() == {}
    model.compile("sgd", sampler=sampler)
    other = make_model()
    other.compile_from_config(keras.saving.serialize_keras_object(model.get_compile_config()))
    assert other.get_compile_config().get("sampler") == sampler


def test_loading_a_model_imports_the_class_of_its_preprocessor(model, monkeypatch):
    config = model.get_config()
    name = TextPreprocessor.__module__
    # As in a new process: Keras does not know the class, whose module was never imported.
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(keras.saving.get_custom_objects(), "keras_attention>TextPreprocessor")
    loaded = Seq2Seq.from_config(config)
    assert type(loaded.preprocessor).__name__ == "TextPreprocessor"
    monkeypatch.setitem(sys.modules, name, sys.modules[name])


def test_a_loaded_translator_sets_the_tokenizers_of_its_model(model, tmp_path):
    translator = Translator.from_model(model, max_length=5)
    translator.save(tmp_path)
    loaded = Translator.load(tmp_path)
    assert loaded.model.generate(SOURCES) == [found.text for found in loaded(SOURCES)]
    assert loaded.model.preprocessor.codec.settings.max_length == 5


def test_the_preprocessor_can_be_replaced(model):
    other = Seq2Seq.from_config(model.get_config())
    other.build()
    other.set_weights(model.get_weights())
    assert max(map(len, other.generate(SOURCES))) > 2
    other.preprocessor = TextPreprocessor(LETTERS, DIGITS, max_length=2)
    assert all(len(text) <= 2 for text in other.generate(SOURCES))
    other.preprocessor = None
    with pytest.raises(TypeError, match="a model without a `preprocessor` reads ids, not texts"):
        other.generate(SOURCES)


def one_batch():
    yield SOURCES, TARGETS


TEXTS_IN_FORM = r"texts must be given as lists or arrays of strings"
REFUSED = {
    "one text": (lambda model: model.fit("cab", "1"), TEXTS_IN_FORM),
    "pairs": (lambda model: model.fit([("cab", "1")]), TEXTS_IN_FORM),
    "both in x": (lambda model: model.fit((SOURCES, TARGETS)), TEXTS_IN_FORM),
    "a generator": (lambda model: model.fit(one_batch()), TEXTS_IN_FORM),
    "predict": (lambda model: model.predict(SOURCES), TEXTS_IN_FORM + ".* call `generate`"),
    "no targets": (lambda model: model.fit(SOURCES), "`y` must be the targets, .* NoneType"),
    "ids as targets": (lambda model: model.fit(SOURCES, IDS), "`y` must be the targets"),
    "fewer targets": (lambda model: model.fit(SOURCES, ["1"]), "5 sources and 1 targets"),
    "no texts": (lambda model: model.fit([], []), "at least one. Received: 0 sources and 0 targ"),
    "no targets for texts": (lambda model: model.fit(SOURCES, []), "5 sources and 0 targets"),
    "long target": (
        lambda model: model.fit(SOURCES, ["1"] * 4 + ["1" * 7]),
        r"^target 5: expected at most 7 tokens including </s>. Received: 8.$",
    ),
    "validation": (
        lambda model: model.fit(SOURCES, ["1"] * 5, validation_data=(SOURCES, ["1" * 7] * 5)),
        "^target 1: expected at most 7 tokens",
    ),
    "no text": (lambda model: model.fit(["a", 3], ["1", "1"]), "^source 2: expected a string"),
    "two axes": (lambda model: model.fit(np.array([["a", "1"]])), r"one axis, .* shape \(1, 2\)"),
    "generate nothing": (lambda model: model.generate(None), "`inputs` must be texts, ids .*None"),
    "generate flat ids": (lambda model: model.generate([1, 2]), r"`source` must be ids \[B, S\]"),
    "misspelt": (lambda model: model.generate("a", beam=2), "the nearest is 'beam_width'"),
    "misspelt for ids": (lambda model: model.generate(IDS, beam=2), "the nearest is 'beam_width'"),
    "sampler": (lambda model: model.generate("a", sampler="bem"), "`sampler` must be one of"),
    "compile": (lambda model: model.compile(sampler="bem"), "`sampler` must be one of"),
    "preprocessor": (
        lambda model: Seq2Seq(9, 9, preprocessor=LETTERS),
        "`preprocessor` must be a TextPreprocessor. Received: CharacterTokenizer",
    ),
    "sizes": (
        lambda model: Seq2Seq(9, 9, preprocessor=model.preprocessor),
        "the source vocabulary does not belong to this model: expected 9 tokens. Received: 10",
    ),
    "ragged ids": (
        lambda model: model.generate(np.array([[1], [1, 2]], object)),
        "`inputs` must be texts, ids .* Received: ndarray",
    ),
    "no length": (
        lambda model: Seq2Seq(9, 9, units=4).generate(IDS),
        "`max_length` must be given to a model without a `preprocessor`",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_a_sentence(case, compiled):
    call, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError), match=message):
        call(compiled)


@tensorflow_only("the test reads a tf.data.Dataset")
def test_a_data_set_of_single_pairs_must_be_batched(compiled):
    import tensorflow as tf

    with pytest.raises(TypeError, match="use `batch` for single pairs"):
        compiled.fit(tf.data.Dataset.from_tensor_slices((SOURCES, TARGETS)))
