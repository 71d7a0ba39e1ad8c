"""A text is streamed token by token, and the tokens are those of the whole output."""

import numpy as np
import pytest
from support import random_translator

from keras_attention import (
    BahdanauAttention,
    CharacterTokenizer,
    Ensemble,
    InputError,
    LuongAttention,
    SourceFeatures,
    Translator,
    Vocabulary,
)
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import OptionError, TextError
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.result import StreamedToken
from keras_attention.translation.searches.streaming import text_parts

LETTERS = CharacterTokenizer(Vocabulary("abcd"))
TEXTS = ["abc", "", "dda", "a" * 9]


def copying():
    settings = SearchSettings(16, 8, beam_width=3, no_repeat_ngram=2, replace_unknown=True)
    found = random_translator(
        LETTERS, CharacterTokenizer(Vocabulary("ab")), attention=LuongAttention("dot"), copying=True
    )
    return Translator(found.model, TextCodec(found.codec.source, found.codec.target, settings))


def short_listed():
    found = random_translator(LETTERS, lengths=(16, 6), seed=2)
    found._allowed = lambda ids, prefix: np.array([0, 1, 2, 3, 4, 5, 7], "int32")
    return found


def ensemble():
    one, other = (random_translator(LETTERS, lengths=(16, 6), seed=seed) for seed in (3, 4))
    return Translator(Ensemble([one.model, other.model]), one.codec)


MODELS = {
    "attention": lambda: random_translator(
        LETTERS, lengths=(16, 6), ends=2.0, attention=BahdanauAttention(4), placement="before"
    ),
    "copying, constraints and a beam": copying,
    "short list": short_listed,
    "ensemble": ensemble,
}


@pytest.fixture(scope="module", params=MODELS)
def translator(request):
    return MODELS[request.param]()


@pytest.mark.parametrize(
    "options", [{}, {"prefix": "ba", "max_length": 5, "min_length": 4}], ids=["own", "prefix"]
)
def test_the_streamed_tokens_are_those_of_the_whole_output(options, translator):
    for text in TEXTS:
        whole = translator(text, beam_width=1, **options)
        steps = list(translator.stream(text, **options))
        ended = whole.tokens[-1] == "</s>"
        assert tuple(step.token for step in steps) == whole.tokens[: -1 if ended else None]
        assert [step.text for step in steps][-1:] == [whole.text] * bool(steps)
        for step, weights in zip(steps, whole.alignment, strict=False):
            np.testing.assert_allclose(step.alignment, weights, atol=1e-6)
        assert ended or steps[-1].score == pytest.approx(whole.score, abs=1e-5)


def test_each_token_is_yielded_before_the_next_is_computed():
    translator, counts = random_translator(LETTERS, ends=-9.0), []
    list(translator.stream("abc"))
    ((key, (begin, advance)),) = translator._searches._compiled.items()
    counted = lambda *arguments: counts.append(1) or advance(*arguments)  # noqa: E731
    translator._searches._compiled[key] = begin, counted
    for number, _ in enumerate(translator.stream("abc"), start=1):
        assert len(counts) == number


def test_features_may_be_passed_separately_from_the_text():
    features = SourceFeatures({"language": ["eng", "kor"]})
    tokenizer = CharacterTokenizer(Vocabulary("abcd"), features=features)
    translator = random_translator(tokenizer, source_features=features.sizes)
    tokens = [step.token for step in translator.stream("ab", features={"language": "kor"})]
    assert tokens == [step.token for step in translator.stream("<language=kor> ab")]
    with pytest.raises(TextError, match="^text 1: "):
        translator.stream("ab")


REFUSED = {
    "beam": ({"beam_width": 2}, OptionError, "`beam_width` must be 1 to stream the tokens of a"),
    "sample": ({"sample": True}, OptionError, "`sample` must be False to stream the tokens"),
    "misspelt": ({"beam": 2}, TypeError, "the nearest is 'beam_width'"),
    "prefix": ({"prefix": "z"}, InputError, "`prefix` must consist of tokens"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_streamed_is_refused_at_once(case):
    options, error, message = REFUSED[case]
    translator = random_translator(LETTERS)
    with pytest.raises(error, match=message):
        translator.stream("abc", **options)
    translator.max_tokens = 3
    with pytest.raises(TextError, match="^text 1: expected at most 3 tokens including </s>"):
        translator.stream("abc")


def test_a_transformer_streams_no_more_steps_than_it_has_room_for():
    translator = random_translator(
        LETTERS,
        attention=LuongAttention("dot"),
        decoder="transformer",
        heads=2,
        max_target_length=12,
    )
    with pytest.raises(OptionError, match="`max_length` must be at most 12"):
        translator.stream("abc", max_length=13)


STEPS = {
    "letters": ["a", "ab", "abc"],
    "jamo": ["\u1112", "\ud558", "\ud55c", "\ud55c\u1100", "\ud55c\uad6d"],
    "marks": ["e", "\u1eb9", "\u1eb9\u0301", "\u1eb9\u0301a"],
    "words": ["le", "le chat", "le chat dort"],
    "nothing": [],
}


@pytest.mark.parametrize("case", STEPS)
def test_printed_parts_join_to_the_whole_text(case):
    steps = [StreamedToken("", text, 0.0, np.zeros(1)) for text in STEPS[case]]
    parts = list(text_parts(steps))
    assert "".join(parts) == (STEPS[case] or [""])[-1]
    assert len(parts) > 1 or len(STEPS[case]) < 2 or case == "marks"
