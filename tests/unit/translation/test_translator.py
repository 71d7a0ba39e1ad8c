import pickle
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from support import live_graphs, random_translator

from keras_attention import (
    BahdanauAttention,
    CharacterTokenizer,
    Ensemble,
    InputError,
    Seq2Seq,
    Translator,
    Vocabulary,
    align_pairs,
)
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.model_files import save_model

TEXTS = ["abc", "", "한 b", "cc", "a", "bca", "b"]


@pytest.fixture(scope="module")
def translator():
    return make_translator()


def make_translator():
    letters = CharacterTokenizer(Vocabulary("abcd"))
    options = {"attention": BahdanauAttention(4), "placement": "before"}
    return random_translator(letters, lengths=(16, 6), **options)


def texts_of(translations):
    return [translation.text for translation in translations]


def test_one_string_returns_one_translation(translator):
    alone, listed = translator("abc"), translator(["abc"])
    assert alone.text == listed[0].text and len(listed) == 1
    assert alone.source == "abc"
    assert alone.source_tokens == ("a", "b", "c", "</s>")
    assert alone.alignment.shape == (len(alone.tokens), 4)
    np.testing.assert_allclose(alone.alignment.sum(axis=1), 1, atol=1e-5)


def test_each_unknown_token_of_a_text_is_reported_once(translator):
    found = translator(["dcba", "x ya", "", "axx"], beam_width=2)
    assert [each.unknown_tokens for each in found] == [(), ("x", " ", "y"), (), ("x",)]
    assert translator.codec.replace_unknown(found[1]).unknown_tokens == ("x", " ", "y")


def test_weights_that_are_not_finite_are_rejected(tmp_path):
    translator = make_translator()
    translator.save(tmp_path)
    Translator.load(tmp_path)
    weight = translator.model.trainable_variables[-1]
    weight.assign(np.where(np.arange(weight.shape[-1]) == 0, np.nan, weight))
    translator.save(tmp_path)
    with pytest.raises(InputError, match=r"model\.keras: expected finite weights"):
        Translator.load(tmp_path)


@pytest.mark.parametrize("texts", [None, 3, b"ab"])
def test_an_argument_that_is_not_several_texts_is_rejected(translator, texts):
    for call in (translator, lambda texts: translator.score(texts, texts)):
        with pytest.raises(
            TypeError, match="must be an iterable of strings. Received: .*, of type"
        ):
            call(texts)


def test_texts_may_be_empty_and_there_may_be_none(translator):
    assert translator([]) == []
    assert translator("").source_tokens == ("</s>",)
    assert translator("").alignment.shape == (1, 1)
    for found in (translator(""), translator(TEXTS, beam_width=3)[1]):
        assert (found.text, found.score, found.tokens) == ("", 0, ("</s>",))
    assert translator("", prefix="ab").tokens == ("a", "b", "</s>")


def test_results_and_their_order_do_not_depend_on_the_batch(translator):
    whole = translator(TEXTS)
    for size in (1, 3):
        batched = translator(iter(TEXTS), batch_size=size)
        assert [translation.source for translation in batched] == TEXTS
        assert texts_of(batched) == texts_of(whole)
        for one, other in zip(batched, whole, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-5)
            np.testing.assert_allclose(one.alignment, other.alignment, atol=1e-5)


def test_stream_reads_one_batch_at_a_time(translator):
    asked = []
    stream = translator.stream((asked.append(text) or text for text in TEXTS), batch_size=2)
    assert asked == []
    next(stream)
    assert asked == TEXTS[:2]


def test_texts_of_similar_length_are_searched_together(translator, monkeypatch):
    widths, search = [], translator._searches

    def spy(ids, *arguments, **options):
        widths.append(ids.shape[1])
        return search(ids, *arguments, **options)

    monkeypatch.setattr(translator, "_searches", spy)
    found = translator(["a", "abcdabcd", "b", "dcbadcba"], batch_size=2)
    assert widths == [2, 9]
    assert [each.source for each in found] == ["a", "abcdabcd", "b", "dcbadcba"]


def test_nbest_is_in_the_order_of_the_penalised_score(translator):
    for penalty in (0.0, 1.5):
        texts = [text for text in TEXTS if text]
        for translation in translator(texts, beam_width=4, length_penalty=penalty):
            ranking = [
                hypothesis.score / ((5 + len(hypothesis.tokens)) / 6) ** penalty
                for hypothesis in translation.hypotheses
            ]
            assert len(ranking) == 4
            assert ranking == sorted(ranking, reverse=True)
            assert len({hypothesis.tokens for hypothesis in translation.hypotheses}) == 4


def test_a_beam_width_of_1_is_greedy_search(translator):
    assert texts_of(translator(TEXTS, beam_width=1, length_penalty=2.0)) == texts_of(
        translator(TEXTS)
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow compiles")
def test_search_is_traced_once_for_all_shapes(translator):
    translator(TEXTS)
    translator(["a" * 40])
    for seed, texts in enumerate((TEXTS, ["a"])):
        translator(texts, sample=True, beam_width=2, seed=seed, prefix="ab")
    translator(["a", "b"], sample=True, beam_width=2, prefix="c")
    for text in ("abc", "a" * 14):
        list(translator.stream(text))
    plain = translator.codec.settings.options()
    searches, counts = translator._searches._compiled, {}
    for (kind, options, inputs), found in searches.items():
        traced = [each.experimental_get_tracing_count() for each in keras.tree.flatten(found)]
        if kind == "steps":
            assert traced == [1, 1]
        else:
            counts[options, tuple(each.name for each in inputs)] = traced[0]
    assert counts[plain, ("source",)] == 1
    assert [count for (options, _), count in counts.items() if options.sample] == [1]


def test_eight_threads_get_the_same_results_as_one(translator):
    """Each thread also draws samples with its own seed."""
    seeds = [0, 1, 2, 3] * 4

    def sampled(seed):
        return texts_of(translator(TEXTS, sample=True, beam_width=2, seed=seed))

    expected = [sampled(seed) for seed in seeds[:4]]
    assert len(set(map(tuple, expected))) == 4
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(sampled, seeds)) == expected * 4


def test_a_pickled_translator_returns_the_same_results(translator):
    translator("a")  # compiles functions, which cannot be pickled
    other = pickle.loads(pickle.dumps(translator))
    assert other.max_tokens == translator.max_tokens
    assert texts_of(other(TEXTS)) == texts_of(translator(TEXTS))


@pytest.mark.parametrize(
    "use",
    [
        lambda translator: translator("a"),
        lambda translator: translator.score(["a"], ["b"]),
        lambda translator: list(align_pairs(translator, [("a", "b")])),
    ],
    ids=["translate", "score", "align"],
)
def test_the_error_in_a_forked_process_says_to_spawn(translator, monkeypatch, use):
    pickled = pickle.dumps(translator)
    monkeypatch.setattr("keras_attention.translation.processes._forked", True)
    message = "^a Translator cannot be used in a process forked from one that had loaded a model"
    with pytest.raises(InputError, match=message):
        use(translator)
    with pytest.raises(InputError, match=message):
        pickle.loads(pickled)


def test_a_saved_translator_returns_the_same_results(translator, tmp_path):
    translator.save(tmp_path / "new" / "model")
    loaded = Translator.load(tmp_path / "new" / "model")
    assert loaded.codec.settings == translator.codec.settings
    for one, other in zip(loaded(TEXTS), translator(TEXTS), strict=True):
        assert (one.text, one.tokens) == (other.text, other.tokens)
        np.testing.assert_allclose(one.alignment, other.alignment, atol=1e-6)


def test_tokenizers_of_another_model_are_rejected(translator, tmp_path):
    translator.save(tmp_path)
    checkpoint = tmp_path / "checkpoints" / "epoch-0001.keras"
    save_model(translator.model, checkpoint, codec=translator.codec)
    for path in (tmp_path, checkpoint):
        assert Translator.load(path)("abc").text == translator("abc").text
    vocabulary = tmp_path / "source.vocabulary.txt"
    vocabulary.write_text(vocabulary.read_text().replace("a\nb\n", "b\na\n"))
    for path, name in ((tmp_path, "model.keras"), (checkpoint, "epoch-0001.keras")):
        with pytest.raises(InputError, match=f"vocabulary.txt: expected the file that {name}"):
            Translator.load(path)


def test_changed_search_settings_are_rejected(translator, tmp_path):
    translator.save(tmp_path)
    settings = tmp_path / "translator.json"
    settings.write_text(settings.read_text().replace('"beam_width": 1', '"beam_width": 2'))
    with pytest.raises(InputError, match=r"translator.json: expected the file that model"):
        Translator.load(tmp_path)


def test_a_model_of_an_older_version_has_no_fingerprint(translator, tmp_path):
    translator.save(tmp_path)
    save_model(translator.model, tmp_path / "model.keras")
    assert Translator.load(tmp_path)("abc").text == translator("abc").text


def test_the_optimizer_is_not_saved(translator, tmp_path):
    translator.save(tmp_path / "plain")
    model = Seq2Seq.from_config(translator.model.get_config())
    model.build()
    model.compile(optimizer="adam", loss="mse")
    model.optimizer.build(model.trainable_variables)
    Translator(model, translator.codec).save(tmp_path / "compiled")
    sizes = [(tmp_path / name / "model.keras").stat().st_size for name in ("plain", "compiled")]
    assert sizes[1] < 1.1 * sizes[0]


def test_the_vocabulary_of_another_model_is_rejected(translator):
    other = CharacterTokenizer(Vocabulary("abcde"))
    codec = TextCodec(other, translator.codec.target, translator.codec.settings)
    with pytest.raises(InputError, match="source vocabulary does not belong .* expected 8 tokens"):
        Translator(translator.model, codec)


def test_a_deleted_translator_frees_its_graphs():
    """TensorFlow never frees a graph with a `tf.custom_gradient`, so these must not have one."""
    before = live_graphs()
    translator = make_translator()
    translator(TEXTS)
    translator(TEXTS, beam_width=2)
    translator.score(["abc"], ["ab"])
    assert live_graphs() - before
    del translator
    assert live_graphs() <= before


def test_a_model_that_was_never_built_gets_random_weights_and_a_warning(caplog, tmp_path):
    letters = CharacterTokenizer(Vocabulary("abc"))
    made = [
        Translator.from_model(make(), letters, letters, max_source_length=9, max_length=5),
        Translator(Ensemble([make(), make()]), TextCodec(letters, letters, SearchSettings(9, 5))),
        Translator(make(), TextCodec(letters, letters, SearchSettings(9, 5))),
    ]
    assert caplog.text.count("was never built, so it gets random weights; train it with `fit`") == 4
    made[-1].save(tmp_path)
    for translator in (*made, Translator.load(tmp_path)):
        assert translator("cab").source_tokens == ("c", "a", "b", "</s>")
    assert caplog.text.count("was never built") == 4


def make():
    return Seq2Seq(7, 7, units=4, embedding=4)
