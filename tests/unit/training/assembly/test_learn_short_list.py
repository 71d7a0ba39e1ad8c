from collections import Counter

import numpy as np

from keras_attention import BahdanauAttention, Seq2Seq, Translator, Vocabulary
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.text.tokenizers import CharacterTokenizer
from keras_attention.training.assembly.short_list import COMMON, learn_short_list
from keras_attention.training.batches.pair_batches import PairBatches
from keras_attention.translation.codec import TextCodec

PAIRS = [("abc", "xyz"), ("ab", "xy"), ("c", "zzy"), ("bca", "x"), ("", "y")]


def test_a_short_list_keeps_the_targets_that_each_token_is_aligned_with_most_often():
    source, target = (CharacterTokenizer(Vocabulary(letters)) for letters in ("abc", "xyz"))
    model = Seq2Seq(7, 7, units=8, embedding=4, attention=BahdanauAttention(4), placement="before")
    model.build()
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(weight.shape) for weight in model.get_weights()])
    translator = Translator(model, TextCodec(source, target, SearchSettings(8, 8)))
    counts = {token: Counter() for token in range(7)}
    for pair in PAIRS:
        ids = np.array([source.encode(pair[0])]), target.encode(pair[1])
        shifted = np.array([[1, *ids[1][:-1]]])
        _, alignment = model.teacher_forced(ids[0], shifted)
        for token, weights in zip(ids[1], np.array(alignment)[0], strict=True):
            counts[ids[0][0, weights.argmax()]][token] += 1
    batches = PairBatches(
        PAIRS, source, target, batch_size=2, max_source_length=8, max_target_length=8
    )
    found = learn_short_list(translator, batches.once(), 2)
    assert found.vocabulary_size == 7 and found.by_source.shape == (7, 2)
    for token, counter in counts.items():
        best = sorted(counter, key=lambda other: (-counter[other], other))[:2]
        assert found.by_source[token].tolist() == best + [0] * (2 - len(best))
    totals = sum(counts.values(), Counter())
    expected = sorted(range(7), key=lambda token: (-totals[token], token))
    assert found.common.tolist() == expected[: COMMON * 2]
