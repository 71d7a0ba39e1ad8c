"""The search options of a translator have the same effect as in `search`."""

import shutil

import keras
import numpy as np
import pytest

from keras_attention import (
    CharacterTokenizer,
    InputError,
    LuongAttention,
    Seq2Seq,
    Translator,
    Vocabulary,
    search,
)
from keras_attention.decoding.confidence import Confidence
from keras_attention.decoding.sampling import draw_points
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.special_tokens import END, END_ID
from keras_attention.translation.codec import TextCodec

TEXTS = ["abc", "a", "cc", "bca"]
OPTIONS = [
    {"no_repeat_ngram": 1},
    {"repetition_penalty": 3.0},
    {"min_length": 5},
    {"max_length": 3},
    {"beam_width": 4, "coverage_penalty": 2.0},
    {"beam_width": 4, "groups": 2, "group_diversity": 3.0},
    {"beam_width": 3, "sample": True, "temperature": 0.8, "top_k": 4, "top_p": 0.9, "seed": 5},
]


def make_model(seed):
    model = Seq2Seq(8, 8, units=8, embedding=4, attention=LuongAttention())
    model.build()
    rng = np.random.default_rng(seed)
    model.set_weights([rng.standard_normal(weight.shape) for weight in model.get_weights()])
    model.output_projection.bias.assign(np.where(np.arange(8) == END_ID, -2.0, 0.0))
    return model


def make_translator(seed=0, **settings):
    tokenizer = CharacterTokenizer(Vocabulary("abcd"))
    codec = TextCodec(tokenizer, tokenizer, SearchSettings(16, 6, **settings))
    return Translator(make_model(seed), codec)


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch):
    """Do not compile functions: tracing a graph for each option would take most of the time."""
    compiling = "keras_attention.translation.searches.compiled_search.compile_arrays"
    monkeypatch.setattr(compiling, lambda function, count: function)


@pytest.fixture(scope="module")
def translator():
    return make_translator()


def tokens_of(translations):
    return [[found.tokens for found in translation.hypotheses] for translation in translations]


def searched(translator, texts, **options):
    ids, options = translator.codec.encode(texts), {"max_length": 6, **options}
    if options.get("sample"):
        drawn = options.get("seed", 0), range(len(texts)), options.get("beam_width", 1)
        options["points"] = draw_points(*drawn, options["max_length"])
    found = search(translator.model, ids, **options)
    return translator.codec.translations(texts, *map(keras.ops.convert_to_numpy, found))


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_every_option_has_the_same_effect_as_in_search(translator, options):
    actual, expected = translator(TEXTS, **options), searched(translator, TEXTS, **options)
    assert tokens_of(actual) == tokens_of(expected)
    for one, other in zip(actual, expected, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-5)
        np.testing.assert_allclose(one.alignment, other.alignment, atol=1e-5)
    plain = translator(TEXTS, beam_width=options.get("beam_width", 1))
    assert tokens_of(actual) != tokens_of(plain)


def test_settings_are_the_default_and_can_be_overridden(translator):
    options = {"beam_width": 4, "min_length": 4, "no_repeat_ngram": 1, "repetition_penalty": 2.0}
    own = make_translator(coverage_penalty=1.0, **options)
    assert tokens_of(own(TEXTS)) == tokens_of(translator(TEXTS, coverage_penalty=1.0, **options))
    off = {"coverage_penalty": 0.0, "min_length": 0, "no_repeat_ngram": 0}
    assert tokens_of(own(TEXTS, **off, repetition_penalty=1.0)) == tokens_of(
        translator(TEXTS, beam_width=4)
    )


@pytest.mark.parametrize("width", [1, 3])
def test_outputs_begin_with_the_prefix(translator, width):
    for prefix in ("dab", "aaaaaa"):
        found = translator(TEXTS, prefix=prefix, beam_width=width)
        ids = np.array([translator.codec.target.encode(prefix)[:-1]] * len(TEXTS), "int32")
        assert tokens_of(found) == tokens_of(
            searched(translator, TEXTS, prefix=ids, beam_width=width)
        )
        for translation in found:
            assert all(hypothesis.text.startswith(prefix) for hypothesis in translation.hypotheses)
    assert tokens_of(translator(TEXTS, prefix="")) == tokens_of(translator(TEXTS))


def test_samples_depend_on_the_seed_and_differ_between_batches(translator):
    options = {"sample": True, "beam_width": 4, "batch_size": 2}
    first, again, other = (translator(["abc"] * 6, seed=seed, **options) for seed in (1, 1, 2))
    assert tokens_of(first) == tokens_of(again) != tokens_of(other)
    assert len({tuple(row) for row in tokens_of(first)}) == 6
    # Streams that are read alternately do not affect each other.
    streams = [translator.stream(["abc"] * 6, seed=seed, **options) for seed in (1, 2)]
    one, two = zip(*zip(*streams, strict=True), strict=True)
    assert (tokens_of(one), tokens_of(two)) == (tokens_of(first), tokens_of(other))


def test_samples_of_a_seed_do_not_depend_on_the_batches(translator):
    texts, options = ["abc", "a", "bca", "cab", "b"], {"sample": True, "beam_width": 3, "seed": 1}
    expected = tokens_of(translator(texts, **options))
    for batch_size in (1, 3):
        assert tokens_of(translator(texts, batch_size=batch_size, **options)) == expected
    parts = translator(texts[:3], **options) + translator(texts[3:], first=3, **options)
    assert tokens_of(parts) == expected


def test_a_seed_generator_continues_from_call_to_call(translator):
    seed = keras.random.SeedGenerator(3)
    first, then = (translator("abc", sample=True, beam_width=4, seed=seed) for _ in range(2))
    assert tokens_of([first]) != tokens_of([then])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 2}, "`groups` must be positive and divide `beam_width`. Received: groups=2,"),
        ({"top_k": 2}, "`top_k` requires `sample`. Received: top_k=2."),
        ({"min_length": 7}, "`min_length` must not be above `max_length`. Received: min_length=7"),
        ({"sample": True, "seed": -1}, "`seed` must be an integer of at least 0. Received"),
        ({"prefix": "abx"}, "`prefix` must consist of tokens of the target vocabulary. Received"),
        ({"prefix": "abcdabc"}, "`prefix` must not be longer than `max_length` (6 tokens). Rec"),
    ],
)
def test_invalid_options_are_rejected_before_a_text_is_read(translator, options, message):
    def texts():
        raise AssertionError("A text was read.")
        yield ""

    with pytest.raises(ValueError) as caught:
        translator.stream(texts(), **options)
    assert str(caught.value).startswith(message)


def test_the_error_names_an_unknown_option(translator):
    with pytest.raises(TypeError, match="beam_widht"):
        translator("a", beam_widht=2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the folders of two models, the first with a checkpoint in mixed precision."""
    folder = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(("first", "second")):
        make_translator(seed).save(folder / name)
    mixed = Seq2Seq(8, 8, units=8, embedding=4, attention=None, dtype="mixed_bfloat16")
    mixed.build()
    mixed.compile("adam", "mse")
    mixed.optimizer.build(mixed.trainable_variables)
    (folder / "first" / "checkpoints").mkdir()
    mixed.save(folder / "first" / "checkpoints" / "epoch-0003.keras")
    return folder


def test_checkpoints_are_loaded_with_the_tokenizers_of_their_run(runs, translator, monkeypatch):
    assert tokens_of(Translator.load(runs / "first" / "model.keras")(TEXTS)) == tokens_of(
        translator(TEXTS)
    )
    checkpoint = Translator.load(runs / "first" / "checkpoints" / "epoch-0003.keras")
    assert checkpoint.single_model.compute_dtype == "float32"
    assert len(checkpoint(TEXTS)) == len(TEXTS)
    monkeypatch.chdir(runs / "first" / "checkpoints")
    assert tokens_of(Translator.load("epoch-0003.keras")(TEXTS)) == tokens_of(checkpoint(TEXTS))
    with pytest.raises(InputError, match=r"epoch-0004\.keras: no such file"):
        Translator.load("epoch-0004.keras")
    (runs / "alone.keras").write_bytes(b"")
    with pytest.raises(InputError, match=r"alone\.keras: expected translator\.json and the token"):
        Translator.load(runs / "alone.keras")


def test_an_ensemble_of_the_same_model_twice_returns_its_results(runs, translator):
    twice = Translator.load_ensemble([runs / "first", runs / "first"])
    for options in ({}, {"beam_width": 3}, OPTIONS[-1]):
        actual, expected = twice(TEXTS, **options), translator(TEXTS, **options)
        assert tokens_of(actual) == tokens_of(expected)
        assert actual[0].score == pytest.approx(expected[0].score, abs=1e-4)
    pairs = (TEXTS, ["ab", "", "d", "cab"])
    for one, other in zip(twice.score(*pairs), translator.score(*pairs), strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_an_ensemble_differs_from_its_members(runs, tmp_path):
    both = Translator.load_ensemble([runs / "first", runs / "second"])
    members = [Translator.load(runs / name) for name in ("first", "second")]
    pair = (["abc"], ["a"])
    ends = [member.score(*pair)[0].log_probabilities for member in (both, *members)]
    assert both.score(*pair)[0].tokens == ("a", END)
    np.testing.assert_allclose(np.exp(ends[0]), np.mean(np.exp(ends[1:]), axis=0), rtol=1e-4)
    with pytest.raises(InputError, match=r"expected a single model\. Received: an ensemble of 2 m"):
        assert both.single_model
    assert Translator.load_ensemble([runs / "first"]).single_model


def test_a_saved_ensemble_loads_with_the_same_members(runs, tmp_path):
    both = Translator.load_ensemble([runs / "first", runs / "second"])
    both.save(tmp_path / "both")
    both.save(tmp_path / "both")  # replaces the first ensemble
    again, pairs = Translator.load(tmp_path / "both"), (TEXTS, ["ab", "", "d", "cab"])
    one, second = Translator.load(tmp_path / "both" / "member-2"), Translator.load(runs / "second")
    for loaded, saved in ((again, both), (one, second)):
        values = [
            [pair.log_probabilities for pair in each.score(*pairs)] for each in (loaded, saved)
        ]
        assert values[0] == values[1]
    nested = Translator.load_ensemble([tmp_path / "both", runs / "first"])
    assert len(nested.model.models) == 3


def test_an_ensemble_does_not_read_the_confidences_of_its_members(runs, tmp_path, caplog):
    member = Translator.load(runs / "first")
    member.confidence = Confidence(0.5, 0.6, 0.9, 300)
    member.save(tmp_path)
    assert Translator.load_ensemble([tmp_path]).confidence == member.confidence
    shutil.copy(runs / "second" / "model.keras", tmp_path)  # the confidence is out of date now
    assert Translator.load_ensemble([tmp_path, tmp_path]).confidence == Confidence()
    assert not caplog.records
    assert Translator.load(tmp_path).confidence == Confidence()
    assert "ignored, because it was measured with weights that differ" in caplog.text


def test_a_folder_holds_either_an_ensemble_or_a_single_model(runs, tmp_path):
    single, both = Translator.load(runs / "first"), Translator.load_ensemble([runs / "first"] * 2)
    single.save(tmp_path / "single")
    both.save(tmp_path / "both")
    with pytest.raises(InputError, match=r"single: .*to save an ensemble.*with model\.keras\.$"):
        both.save(tmp_path / "single")
    with pytest.raises(InputError, match=r"both: .*save a single model.*with ensemble\.json\.$"):
        single.save(tmp_path / "both")


def test_a_missing_or_different_member_raises_a_one_sentence_error(runs, tmp_path):
    Translator.load_ensemble([runs / "first"] * 2).save(tmp_path)
    letters = CharacterTokenizer(Vocabulary("abce"))
    second = tmp_path / "member-2"
    Translator(make_model(0), TextCodec(letters, letters, SearchSettings(16, 6))).save(second)
    with pytest.raises(InputError, match=f"^{second}: expected the same tokenizers as in "):
        Translator.load(tmp_path)
    shutil.rmtree(second)
    with pytest.raises(InputError, match=f"^{second}: no such folder; expected a member of the"):
        Translator.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 2, "members": {"a": 1}}', "expected format 1"),
        ('{"format": 1, "members": {}}', "names of folders .* Received: none"),
        ('{"format": 1, "members": {"../a": 1}}', r"names of folders .* Received: '\.\./a'"),
        ('{"format": 1, "members": {"..": 1}}', r"names of folders .* Received: '\.\.'"),
        ('{"format": 1, "members": ["a"]}', "with `members` as an object"),
    ],
)
def test_a_damaged_list_of_members_is_refused(text, message, tmp_path):
    (tmp_path / "ensemble.json").write_text(text)
    with pytest.raises(InputError, match=f"^{tmp_path / 'ensemble.json'}: .*{message}"):
        Translator.load(tmp_path)


def test_models_of_an_ensemble_must_have_the_same_tokenizers(runs, tmp_path):
    letters = CharacterTokenizer(Vocabulary("abce"))
    Translator(make_model(0), TextCodec(letters, letters, SearchSettings(16, 6))).save(tmp_path)
    with pytest.raises(InputError) as caught:
        Translator.load_ensemble([runs / "first", tmp_path])
    assert str(caught.value).startswith(
        f"{tmp_path}: expected the same tokenizers as in {runs / 'first'}"
    )
    with pytest.raises(InputError, match="at least one model"):
        Translator.load_ensemble([])
