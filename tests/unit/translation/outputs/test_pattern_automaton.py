"""Automata over tokens are compared with `re.fullmatch` on the texts of all short outputs."""

import itertools
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from keras_attention import CharacterTokenizer, Vocabulary, WordTokenizer
from keras_attention.decoding.automata.automaton import FIRST
from keras_attention.errors import OptionError
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from keras_attention.text import SubwordTokenizer, learn_subwords
from keras_attention.translation.outputs import pattern_automaton as module
from keras_attention.translation.outputs.pattern_automaton import pattern_automaton

SUBWORDS = SubwordTokenizer(learn_subwords(["low lower", "new newer", "2 20 26"], 16))
TOKENIZERS = {
    "character": CharacterTokenizer(Vocabulary("ab2 ")),
    "word": WordTokenizer(Vocabulary(["a", "ab", "2", "b2"])),
    "marks": CharacterTokenizer(Vocabulary("ae\u0301é")),
    "decomposed": CharacterTokenizer(Vocabulary("ab2 "), normalization="nfd"),
    "subword": SUBWORDS,
}
PATTERNS = [r"\w+( \w+)*", r"a*b?2?", r".{2,3}", r"(?:low|2 ?)*e?", r"[^a]*", "é+", r"\d+|ab 2"]
EXHAUSTIVE = 5
PAGE = Path(__file__).parents[4] / "docs/how-to/limited-outputs.md"


def blank_tokens(tokenizer, ids):
    """Return how many tokens at the beginning add no text."""
    texts = [tokenizer.decode([id_]) for id_ in ids]
    return len(list(itertools.takewhile(lambda text: not text, texts)))


@pytest.mark.parametrize("name", TOKENIZERS)
def test_an_output_is_accepted_if_its_text_matches(name):
    tokenizer = TOKENIZERS[name]
    size = len(tokenizer.vocabulary)
    longest = EXHAUSTIVE if size < 9 else 3
    tried = 0
    for pattern in PATTERNS:
        try:
            automaton = pattern_automaton(pattern, tokenizer)
        except OptionError as error:
            assert "must match at least one output" in str(error)
            continue
        tried += 1
        for ids in itertools.chain(
            *(itertools.product(range(4, size), repeat=n) for n in range(longest))
        ):
            text = tokenizer.decode(ids)
            expected = re.fullmatch(pattern, text) is not None and blank_tokens(tokenizer, ids) < 2
            if name == "marks":  # é is accepted as one token only
                expected &= text == "".join(tokenizer.vocabulary.tokens[id_] for id_ in ids)
            actual = automaton.follow([*ids, END_ID]) is not None
            assert actual == expected, (pattern, text)
    assert tried >= 4


@pytest.mark.parametrize("name", TOKENIZERS)
def test_special_tokens_are_never_possible(name):
    automaton = pattern_automaton(".*", TOKENIZERS[name])
    assert not automaton.possible(FIRST, steps=9)[[PAD_ID, START_ID, UNKNOWN_ID]].any()
    assert automaton.possible(FIRST, steps=9)[END_ID]


def test_interchangeable_tokens_share_a_class():
    tokenizer = CharacterTokenizer(Vocabulary("0123456789-"))
    automaton = pattern_automaton(r"\d{4}-\d\d", tokenizer)
    digits = tokenizer.vocabulary.encode("0123456789")
    assert len(np.unique(automaton.classes[digits])) == 1
    assert len(automaton.kinds) == 4 and len(automaton.nodes) == 9


def test_a_tokenizer_that_decomposes_letters_is_refused():
    letters = CharacterTokenizer(Vocabulary("\u1112\u1161\u11ab"), normalization="nfd")
    with pytest.raises(OptionError, match="normal form nfc or nfkc; list the outputs instead"):
        pattern_automaton("[가-힣]", letters)


def test_a_pattern_without_outputs_of_known_tokens_is_refused():
    with pytest.raises(OptionError, match="must match at least one output of known target tokens"):
        pattern_automaton("x+", TOKENIZERS["character"])


def test_a_pattern_with_too_many_states_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_NODES", 100)
    with pytest.raises(OptionError, match="must be simpler, with at most 100 states"):
        pattern_automaton("(a|b)*a(a|b){9}", TOKENIZERS["character"])


def accepted_after(prefix, automaton, vocabulary):
    """Yield every accepted output that begins with a prefix."""
    node = automaton.follow(vocabulary.encode(prefix))
    if node is None:
        return
    for token in automaton.possible(node, steps=20).nonzero()[0].tolist():
        if token == END_ID:
            yield prefix
        else:
            yield from accepted_after(prefix + vocabulary.tokens[token], automaton, vocabulary)


def test_the_pattern_of_dates_on_the_page_accepts_exactly_the_dates_that_exist():
    vocabulary = Vocabulary("0123456789-")
    pattern = re.search(r"^\$ cat dates.pattern\n(.+)$", PAGE.read_text("utf-8"), re.MULTILINE)[1]
    automaton = pattern_automaton(pattern, CharacterTokenizer(vocabulary))
    for year in (1900, 1904, 1970, 1996, 1999, 2000, 2001, 2096, 2099):
        accepted = list(accepted_after(f"{year}-", automaton, vocabulary))
        days = [date.fromisoformat(text) for text in accepted]
        assert [str(day) for day in days] == accepted
        length = (date(year + 1, 1, 1) - date(year, 1, 1)).days
        assert sorted(days) == [date(year, 1, 1) + timedelta(day) for day in range(length)]
    for text in ("2001-19-39", "2001-02-29", "1900-02-29", "2001-04-31", "2001-00-01"):
        assert automaton.follow([*vocabulary.encode(text), END_ID]) is None
