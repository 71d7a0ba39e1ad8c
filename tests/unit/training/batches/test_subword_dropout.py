import pytest

from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import CharacterTokenizer, SubwordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.batches.pair_batches import PairBatches

SENTENCES = ["low lower lowest slow", "new newer newest renew", "wide wider widest", "ever never"]


@pytest.fixture(scope="module")
def merges():
    return SubwordTokenizer(learn_subwords(SENTENCES * 3, 40, model_type="bpe"))


def make_batches(source, target, **settings):
    """Return batches of one pair each; the target of each pair is its source."""
    pairs = [(text, text) for text in SENTENCES]
    limits = {"max_source_length": 40, "max_target_length": 40}
    return PairBatches(pairs, source, target, batch_size=1, **limits, **settings)


def _sampled(merges, dropout, seed=1, first_step=0, steps=8):
    batches = make_batches(merges, merges, subword_dropout=dropout, seed=seed)
    return [
        (source.numpy()[0].tolist(), target.numpy()[0].tolist())
        for (source, _), target in batches.stream(first_step).take(steps)
    ]


def test_subword_dropout_splits_the_same_text_differently_each_epoch(merges):
    pairs = _sampled(merges, (0.5, 0.5))
    assert sorted(merges.decode(source) for source, _ in pairs) == sorted(SENTENCES * 2)
    assert all(merges.decode(source) == merges.decode(target) for source, target in pairs)
    assert any(source != target for source, target in pairs)
    whole = [merges.encode(text) for text in SENTENCES]
    assert any(source not in whole for source, _ in pairs)
    first, second = (sorted(pairs[part]) for part in (slice(4), slice(4, 8)))
    assert first != second


def test_subword_dropout_of_one_side_does_not_change_the_other(merges):
    whole = [merges.encode(text) for text in SENTENCES]
    assert all(target in whole for _, target in _sampled(merges, (0.5, 0.0)))
    assert all(source in whole for source, _ in _sampled(merges, (0.0, 0.5)))


def test_subword_dropout_depends_only_on_the_seed_and_the_epoch(merges):
    all_steps = _sampled(merges, (0.3, 0.3))
    assert all_steps == _sampled(merges, (0.3, 0.3))
    assert all_steps[5:] == _sampled(merges, (0.3, 0.3), first_step=5, steps=3)
    assert all_steps != _sampled(merges, (0.3, 0.3), seed=2)


def test_validation_batches_have_no_subword_dropout(merges):
    batches = make_batches(merges, merges, subword_dropout=(0.9, 0.9))
    sources = [source.numpy()[0].tolist() for (source, _), _ in batches.once()]
    assert sorted(sources) == sorted(merges.encode(text) for text in SENTENCES)


def test_subword_dropout_requires_bpe_merges(merges):
    letters = CharacterTokenizer(Vocabulary("abc"))
    with pytest.raises(ValueError, match="requires a subword tokenizer. Received: 'character'"):
        make_batches(merges, letters, subword_dropout=(0.0, 0.1))
    unigram = SubwordTokenizer(learn_subwords(SENTENCES * 3, 20))
    with pytest.raises(ValueError, match="requires BPE. Received: 'unigram'"):
        make_batches(unigram, merges, subword_dropout=(0.1, 0.0))
