"""Batches of texts: their order, their sizes, and what is read ahead."""

import pytest

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.errors import TextError
from keras_attention.text.batched_texts import map_texts
from keras_attention.text.padded_batches import SORTED_BATCHES
from keras_attention.text.text_limit import TextLimit

LETTERS = CharacterTokenizer(Vocabulary("abc"))
TEXTS = ["abc", "a", "", "cab", "ab"]


def batches_of(texts, *, limit=9, **options):
    """Return the results for the texts, which are their lengths and numbers, and the batches."""
    batches = []

    def function(batch):
        batches.append([each.text for each in batch])
        assert [each.ids for each in batch] == [LETTERS.encode(each.text) for each in batch]
        return [(len(each.text), each.number) for each in batch]

    found = map_texts(function, texts, LETTERS, TextLimit(limit), **options)
    return found, batches


def test_results_have_the_order_of_the_texts_and_batches_are_sorted_by_length():
    found, batches = batches_of(TEXTS, batch_size=2)
    assert list(found) == [(len(text), number) for number, text in enumerate(TEXTS)]
    assert batches == [["", "a"], ["ab", "abc"], ["cab"]]


@pytest.mark.parametrize(("options"), [{"rows": 1}, {"tokens": 4}])
def test_batches_are_limited_by_rows_and_by_padded_tokens(options):
    found, batches = batches_of(TEXTS, batch_size=5, **options)
    assert len(list(found)) == 5
    assert all(len(batch) == 1 or len(batch) * (len(batch[-1]) + 1) <= 4 for batch in batches)
    assert sum(batches, []) == sorted(TEXTS, key=len)


def test_without_sorting_batches_keep_the_order_of_the_texts():
    found, batches = batches_of(TEXTS, batch_size=2, sort=False)
    assert len(list(found)) == 5
    assert batches == [["abc", "a"], ["", "cab"], ["ab"]]


def test_only_some_batches_of_a_list_are_sorted_together():
    texts = ["ab"] * 2 * SORTED_BATCHES + ["a"]
    found, batches = batches_of(texts, batch_size=2)
    assert [number for _, number in found] == list(range(len(texts)))
    assert batches[-1] == ["a"]


def test_one_batch_of_a_generator_is_read_at_a_time():
    read = []
    found, batches = batches_of((read.append(text) or text for text in TEXTS), batch_size=2)
    assert next(found) == (3, 0) and read == TEXTS[:2]
    assert len(list(found)) == 4 and batches == [["a", "abc"], ["", "cab"], ["ab"]]


def test_an_error_has_the_number_of_its_text_and_follows_the_results_before_it():
    found, _ = batches_of(["a", "b", "abc", "a"], limit=3, batch_size=2, sort=False)
    assert [next(found), next(found)] == [(1, 0), (1, 1)]
    with pytest.raises(TextError, match=r"^text 3: expected at most 3 tokens including </s>\. "):
        next(found)
