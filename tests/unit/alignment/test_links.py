import random

import numpy as np
import pytest

from keras_attention.alignment.links import (
    AlignmentQuality,
    GoldAlignment,
    check_threshold,
    format_links,
    hard_links,
    link_words,
    measure_alignments,
    parse_links,
    read_links,
)
from keras_attention.errors import InputError

WEIGHTS = np.array(
    [
        [0.6, 0.3, 0.1],
        [0.2, 0.3, 0.5],  # attends to </s> most
        [0.4, 0.4, 0.2],
        [0.0, 0.0, 0.0],
        [0.9, 0.0, 0.1],  # </s>
    ],
    "float32",
)


def links(text):
    return parse_links(text).sure


def test_a_target_token_is_linked_to_the_source_token_with_the_largest_weight():
    assert hard_links(WEIGHTS) == links("0-0 0-2")
    assert hard_links(WEIGHTS, ended=False) == links("0-0 0-2 0-4")
    assert hard_links(np.zeros((3, 4))) == links("")


def test_with_a_threshold_every_weight_that_reaches_it_is_a_link():
    assert hard_links(WEIGHTS, 0.3) == links("0-0 1-0 1-1 0-2 1-2")
    assert hard_links(WEIGHTS, 0.41) == links("0-0")
    assert hard_links(WEIGHTS, threshold=0.41, ended=False) == links("0-0 0-4")
    assert hard_links([[0.25, 0.75], [0.0, 1.0]], 0.25) == links("0-0")


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01, float("nan")])
def test_a_threshold_out_of_range_is_rejected(threshold):
    with pytest.raises(InputError, match="`threshold` must be over 0 and at most 1. Received: "):
        hard_links(WEIGHTS, threshold)
    with pytest.raises(InputError, match="--threshold must be"):
        check_threshold(threshold, "--threshold")
    check_threshold(None)
    check_threshold(1)


def test_links_are_written_in_the_order_of_the_target():
    assert format_links(links("2-0 0-2 3-1 1-1")) == "2-0 1-1 3-1 0-2"


def test_sure_and_possible_links_are_parsed():
    gold = parse_links(" 10-2 3?0\t0p0 3-1 ")
    assert gold.sure == {(10, 2), (3, 1)}
    assert gold.possible == {(10, 2), (3, 1), (3, 0), (0, 0)}
    assert parse_links(format_links(gold.sure)).sure == gold.sure
    assert parse_links("") == GoldAlignment(frozenset(), frozenset())
    assert parse_links("1-1 1p1").sure == {(1, 1)}


@pytest.mark.parametrize(
    "text", ["1", "1-", "1--2", "a-1", "1-2,3-4", "1x2", "²-1", "1-" + "9" * 9999]
)
def test_a_malformed_link_is_rejected(text):
    with pytest.raises(ValueError, match="expected links such as 0-2"):
        parse_links(f"0-0 {text}")


def test_an_empty_line_of_a_file_is_a_pair_without_links(tmp_path):
    path = tmp_path / "gold.txt"
    path.write_bytes(b"0-0 1p1\r\n\n2-1")
    read = read_links(path)
    assert [gold.sure for gold in read] == [{(0, 0)}, set(), {(2, 1)}]
    assert [gold.possible for gold in read] == [{(0, 0), (1, 1)}, set(), {(2, 1)}]
    path.write_text("0-0\n0-1 1:1\n")
    with pytest.raises(InputError, match=r"gold.txt, line 2: expected links .* Received: '1:1'"):
        read_links(path)
    with pytest.raises(InputError, match="none.txt: expected a file"):
        read_links(tmp_path / "none.txt")


def test_a_sure_link_must_be_possible():
    with pytest.raises(ValueError, match=r"every sure link. Received: the sure link \(0, 0\),"):
        GoldAlignment(frozenset({(0, 0)}), frozenset())


def test_quality_follows_the_definitions_of_och_and_ney_over_all_pairs():
    rng = random.Random(1)
    found, gold, cells = [], [], [(i, j) for i in range(4) for j in range(3)]
    a_p = a_s = a = s = 0
    for _ in range(20):
        possible = {cell for cell in cells if rng.random() < 0.5}
        sure = {cell for cell in possible if rng.random() < 0.5}
        chosen = {cell for cell in cells if rng.random() < 0.3}
        found.append(frozenset(chosen))
        gold.append(GoldAlignment(frozenset(sure), frozenset(possible)))
        a_p += sum(cell in possible for cell in chosen)
        a_s += sum(cell in sure for cell in chosen)
        a, s = a + len(chosen), s + len(sure)
    quality = measure_alignments(iter(found), iter(gold))
    assert quality == AlignmentQuality(20, a, s, a_s, a_p)
    assert quality.precision == pytest.approx(a_p / a)
    assert quality.recall == pytest.approx(a_s / s)
    assert quality.error == pytest.approx(1 - (a_s + a_p) / (a + s))


@pytest.mark.parametrize(
    ("found", "gold", "precision", "recall", "error"),
    [
        ("0-0 1-1", "0-0 1-1", 1, 1, 0),
        ("", "0-0", 1, 0, 1),
        ("0-0", "1p1", 0, 1, 1),
        ("0-0", "0p0", 1, 1, 0),
        ("0-0", "", 0, 1, 1),
        ("", "0p0", 1, 1, 0),
        ("", "", 1, 1, 0),
    ],
)
def test_quality_is_defined_without_found_or_sure_links(found, gold, precision, recall, error):
    quality = measure_alignments([links(found)], [parse_links(gold)])
    assert (quality.precision, quality.recall, quality.error) == (precision, recall, error)


def test_quality_is_perfect_without_pairs():
    quality = measure_alignments([], [])
    assert (quality.pairs, quality.precision, quality.recall, quality.error) == (0, 1, 1, 0)


def test_found_and_gold_links_must_have_the_same_number_of_pairs():
    with pytest.raises(ValueError, match="shorter"):
        measure_alignments([links("0-0")], [])


def test_words_are_linked_if_any_of_their_tokens_are_linked():
    source, target = [0, 0, None, 1], [0, 1, None, 1]
    assert link_words(links("0-0 1-0 3-3 1-1"), source, target) == links("0-0 1-1 0-1")
    assert link_words(links("2-0 0-2 2-2"), source, target) == links("")
