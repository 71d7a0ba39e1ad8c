"""Alignments that guide training come from files or tasks, and are matrices in batches."""

import gzip
import json

import numpy as np
import pytest

from keras_attention import InputError, Vocabulary, learn_subwords
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.text.tokenizers import make_tokenizer
from keras_attention.training.batches.guides import read_guides
from keras_attention.training.batches.pair_batches import PairBatches
from keras_attention.training.batches.recipe_batches import training_batches
from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.recipe.data_config import DataConfig
from keras_attention.training.recipe.recipe import Recipe
from keras_attention.training.recipe.text_config import TextConfig
from keras_attention.training.recipe.training_config import TrainingConfig
from keras_attention.training.tasks.known_alignments import known_alignments
from keras_attention.translation.codec import TextCodec

PAIRS = [("a b", "x y z"), ("b", "y"), ("a a b c", "x x"), ("c b", "z y")]
LINES = ["0-0 1-1 1-2", "0-0", "3-1 0p0", ""]
LINKS = [{(0, 0), (1, 1), (1, 2)}, {(0, 0)}, {(3, 1), (0, 0)}, set()]


def codec(kind="word", sources="abc", targets="xyz"):
    source, target = (
        make_tokenizer(kind, learned if kind == "subword" else Vocabulary(learned))
        for learned in (sources, targets)
    )
    return TextCodec(source, target, SearchSettings(9, 9))


def recipe(tmp_path, lines=LINES, held_out=0, **data):
    (tmp_path / "pairs.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in PAIRS), "utf-8")
    (tmp_path / "links").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    settings = {"format": "tsv", "path": "pairs.tsv", "alignment_path": "links", **data}
    return Recipe(
        name="guided",
        data=DataConfig(folder=str(tmp_path), held_out=held_out, **settings),
        training=TrainingConfig(guided_alignment=0.5),
    )


def guides_of(guided, codec, pairs):
    return read_guides(guided.data, guided.seed, codec, pairs)


def test_each_training_pair_keeps_its_own_line_when_pairs_are_shuffled(tmp_path):
    guided = recipe(tmp_path, held_out=1)
    training, _ = split_pairs(guided.data, guided.seed)
    guides = guides_of(guided, codec(), training)
    expected = {pair: links for pair, links in zip(PAIRS, LINKS, strict=True)}
    assert [set(links) for links in guides] == [expected[pair] for pair in training]
    assert len(training) == 3


def test_a_link_between_words_links_all_of_their_subwords(tmp_path):
    pieces = learn_subwords(["lo low lower", "na nah nahe"] * 3, 18)
    small = codec("subword", pieces, pieces)
    pairs = [("low lower", "nah lonahelow")]
    tokens = [small.source.split(text) for text in pairs[0]]
    (links,) = guides_of(recipe(tmp_path, ["0-1"]), small, pairs)
    first = [i for i, word in enumerate(small.source.number_words(tokens[0])) if word == 0]
    second = [j for j, word in enumerate(small.target.number_words(tokens[1])) if word == 1]
    assert len(second) > 1
    assert links == {(i, j) for i in first for j in second}


def test_words_in_a_file_of_links_are_separated_only_by_spaces(tmp_path):
    pairs = [("a\u00a0b c", "x y\u00a0z")]
    guided = recipe(tmp_path, ["0-1 1-0"])
    (tmp_path / "pairs.tsv").write_text("\t".join(pairs[0]) + "\n", "utf-8")
    assert guides_of(guided, codec(), pairs) == [{(0, 1), (0, 2), (1, 1), (1, 2), (2, 0)}]
    with pytest.raises(InputError, match=r"links, line 1: .* the 2 words between spaces of"):
        guides_of(recipe(tmp_path, ["2-2"]), codec(), pairs)


def test_a_task_has_known_alignments():
    guided = Recipe(
        name="copy",
        data=DataConfig(format="copy", size=5, held_out=1),
        training=TrainingConfig(guided_alignment=1.0),
    )
    pairs, _ = split_pairs(guided.data, guided.seed)
    letters = sorted({letter for pair in pairs for letter in pair[0]})
    guides = guides_of(guided, codec("character", letters, letters), pairs)
    assert guides == [frozenset((i, i) for i in range(len(source))) for source, _ in pairs]


def test_known_links_between_words_link_all_of_their_characters():
    guided = Recipe(
        name="sentences",
        data=DataConfig(format="date-sentences", size=3, held_out=1),
        training=TrainingConfig(guided_alignment=1.0),
    )
    pairs, _ = split_pairs(guided.data, guided.seed)
    letters = sorted({letter for pair in pairs for text in pair for letter in text})
    small = codec("character", letters, letters)
    for (source, target), links in zip(pairs, guides_of(guided, small, pairs), strict=True):
        assert links
        for i, j in links:
            assert source[i] != " " != target[j]
        words = {(source[:i].count(" "), target[:j].count(" ")) for i, j in links}
        assert words == set(known_alignments("date-sentences", [(source, target)])[0].possible)


def test_known_links_between_characters_require_character_tokenizers():
    guided = Recipe(
        name="copy",
        data=DataConfig(format="copy", size=3, held_out=1),
        training=TrainingConfig(guided_alignment=1.0),
    )
    pairs, _ = split_pairs(guided.data, guided.seed)
    with pytest.raises(InputError, match=r"data\.format='copy' links characters and requires"):
        guides_of(guided, codec("word", ["a"], ["a"]), pairs)


def test_a_wrong_number_of_guides_is_an_error():
    small, options = codec(), {"batch_size": 2, "max_source_length": 4, "max_target_length": 9}
    with pytest.raises(
        ValueError, match=r"`guides` must have one item for each of the 4 pairs\. R"
    ):
        PairBatches(PAIRS, small.source, small.target, guides=[frozenset()], **options)


def test_batches_have_no_guides_without_guided_alignment(tmp_path):
    plain = Recipe(name="plain", data=recipe(tmp_path).data)
    small = codec()
    for inputs, _ in training_batches(plain, small, PAIRS).once():
        assert len(inputs) == 2  # only sources and targets


@pytest.mark.parametrize(
    "lines, message",
    [
        (LINES[:3], r"links: expected a line for each of the 4 pairs of .*\. Received: 3\."),
        (
            [*LINES[:1], "0-7", *LINES[2:]],
            r"links, line 2: .* the 1 words between spaces of 'y', .*: 0-7\.",
        ),
        (["5-0", *LINES[1:]], r"links, line 1: .* the 2 words between spaces of 'a b', .*: 5-0\."),
        (["0=0", *LINES[1:]], r"links, line 1: "),
    ],
)
def test_links_that_do_not_fit_the_pairs_are_an_error(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        guides_of(recipe(tmp_path, lines), codec(), PAIRS)


def test_guided_alignment_without_alignments_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"data\.format='tsv' requires data\.alignment_path"):
        guides_of(recipe(tmp_path, alignment_path=""), codec(), PAIRS)


def test_guided_alignment_with_subword_dropout_is_an_error(tmp_path):
    guided = recipe(tmp_path)
    text = TextConfig(source_tokenizer="subword", subword_type="bpe", source_subword_dropout=0.1)
    dropping = Recipe(name="x", data=guided.data, text=text, training=guided.training)
    with pytest.raises(InputError, match=r"requires text\.source_subword_dropout=0 .*: 0\.1 and 0"):
        training_batches(dropping, codec(), PAIRS)


def test_batches_have_the_links_of_their_own_pairs():
    small = codec()
    guides = [frozenset(links) for links in LINKS]
    options = {"batch_size": 2, "max_source_length": 4, "max_target_length": 9, "guides": guides}
    batches = PairBatches(PAIRS, small.source, small.target, **options)
    assert batches.dropped == 1  # the third pair; its links must be dropped too
    expected = {
        (tuple(small.source.encode(s)), tuple(small.target.encode(t))): links
        for (s, t), links in zip(PAIRS, LINKS, strict=True)
    }
    checked = 0
    for (source, _, given), target in batches.once():
        assert given.shape == (*target.shape, source.shape[1]) and given.dtype == "float32"
        for ids, target_ids, weights in zip(*map(np.asarray, (source, target, given)), strict=True):
            links = expected[tuple(ids[ids != 0]), tuple(target_ids[target_ids != 0])]
            assert {(int(s), int(t)) for t, s in np.argwhere(weights)} == links
            assert set(np.unique(weights)) <= {0, 1}
            checked += 1
    assert checked == 3


SOFT = [
    "[[1, 0, 0], [0, 0.25, 0.75], [0, 0, 0], [0, 0, 1]]",
    "[[1, 0], [0, 1]]",
    "[[0, 0, 0, 1, 0], [0, 0, 0.5, 0.5, 0], [0, 0, 0, 0, 1]]",
    "[[1, 0, 0], [0, 1, 0], [0, 0, 1]]",
]


def soft(tmp_path, lines, **data):
    (tmp_path / "links.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return recipe(tmp_path, alignment_path="links.jsonl", **data)


def test_weights_are_used_unchanged(tmp_path):
    guided, small = soft(tmp_path, SOFT, held_out=1), codec()
    training, _ = split_pairs(guided.data, guided.seed)
    guides = guides_of(guided, small, training)
    options = {"batch_size": 1, "max_source_length": 9, "max_target_length": 9}
    batches = PairBatches(training, small.source, small.target, guides=guides, **options)
    expected = {
        tuple(small.source.encode(pair[0])): np.array(json.loads(line), "float32")
        for pair, line in zip(PAIRS, SOFT, strict=True)
    }
    for (source, _, given), _ in batches.once():
        np.testing.assert_array_equal(given[0], expected[tuple(source.numpy()[0])])


def test_a_compressed_file_of_weights_is_read(tmp_path):
    guided = soft(tmp_path, SOFT)
    plain = guides_of(guided, codec(), PAIRS)
    (tmp_path / "links.jsonl.gz").write_bytes(
        gzip.compress((tmp_path / "links.jsonl").read_bytes())
    )
    packed = recipe(tmp_path, alignment_path="links.jsonl.gz")
    for one, other in zip(guides_of(packed, codec(), PAIRS), plain, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "line, message",
    [
        ("[[1, 0], [0, 1]]", r"jsonl, line 1: expected a matrix of 4 target tokens by 3 .*2 by 2"),
        ("[1, 0]", r"links\.jsonl, line 1: expected a JSON matrix of weights"),
        ("[[-1]]", r"line 1: expected a JSON matrix"),
        ("0-0 1-1", r"line 1: expected a JSON matrix of weights.*Received: '0-0 1-1'\."),
        ("[[1, 0], [0]]", r"line 1: expected a JSON matrix"),
        ("[[NaN]]", r"line 1: expected a JSON matrix"),
        ("", r"line 1: expected a JSON matrix"),
    ],
)
def test_weights_that_do_not_fit_the_pairs_are_an_error(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        guides_of(soft(tmp_path, [line, *SOFT[1:]]), codec(), PAIRS)
