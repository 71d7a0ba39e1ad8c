"""Pointers link unknown target tokens to equal source tokens."""

import numpy as np
import pytest

from keras_attention import Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.text.tokenizers import WordTokenizer
from keras_attention.training.batches.pair_batches import PairBatches
from keras_attention.training.batches.pointers import find_pointers
from keras_attention.training.recipe.text_config import TextConfig
from keras_attention.translation.codec import TextCodec

PAIRS = [
    ("my name is Kim", "hello Kim"),  # the target vocabulary has neither "my" nor "Kim"
    ("Ann is Ann", "Ann and Bob"),
    ("my name", "hello"),
]
LINKS = [{(3, 1)}, {(0, 0), (2, 0)}, set()]


@pytest.fixture
def codec():
    source, target = (
        WordTokenizer(Vocabulary(words.split())) for words in ("my name is", "hello and")
    )
    return TextCodec(source, target, SearchSettings(9, 9))


def test_an_unknown_token_points_to_all_equal_source_tokens(codec):
    found = find_pointers(TextConfig(), codec, PAIRS)
    assert [set(links) for links in found] == LINKS


@pytest.mark.parametrize(
    ("settings", "pairs"),
    [
        ({}, PAIRS[2:]),
        (
            {
                "source_tokenizer": "subword",
                "subword_type": "bpe",
                "source_subword_dropout": 0.1,
            },
            PAIRS,
        ),
    ],
)
def test_there_are_no_pointers_without_links_or_with_subword_dropout(settings, pairs, codec):
    assert find_pointers(TextConfig(**settings), codec, pairs) is None


def test_batches_have_pointers_before_guides(codec):
    sizes = {"batch_size": 3, "max_source_length": 9, "max_target_length": 9}
    guides = [frozenset({(0, 0)})] * 3
    batches = PairBatches(
        PAIRS, codec.source, codec.target, pointers=list(map(frozenset, LINKS)), guides=guides,
        **sizes,
    )  # fmt: skip
    (source, _, pointers, guide), _ = next(iter(batches.once()))
    texts = [codec.source.encode(text) for text, _ in PAIRS]
    for row in range(3):
        number = texts.index([id_ for id_ in source[row].numpy().tolist() if id_])
        assert {(s, t) for t, s in np.argwhere(pointers[row])} == LINKS[number]
        assert np.argwhere(guide[row]).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match=r"`pointers` must have one item for each of the 3 p"):
        PairBatches(PAIRS, codec.source, codec.target, pointers=[frozenset()], **sizes)
