"""Convert a regular expression to an automaton over the target ids of a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_attention.decoding.automata.automaton import (
    MOST_EDGES,
    Automaton,
    NoOutputError,
    make_automaton,
)
from keras_attention.errors import OptionError
from keras_attention.special_tokens import END_ID, SPECIAL_TOKENS
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.outputs.composed_texts import ComposedTexts, Kind, TextState

_BEFORE = "0"
"""Text to put before a token, to see how the tokenizer joins both; no mark composes with it."""

_END_CLASS, _BEGUN = 1, 2

MOST_NODES = 100_000
"""The largest number of states of a pattern; a closed set of outputs may have more."""

Spelling = tuple[tuple[Kind, ...], tuple[Kind, ...]]
"""The classes of the characters that a token adds: at the beginning of an output, and later."""


class _Place(NamedTuple):
    """The place in an output: the state of its text, and whether the text has begun.

    Attributes:
        state: the state after the text so far.
        tokens: number of tokens so far while the text is empty, 0 or 1; 2 once it has begun.
    """

    state: TextState
    tokens: int


def pattern_automaton(expression: str, tokenizer: Tokenizer) -> Automaton:
    r"""Return the automaton of the outputs whose whole text matches a regular expression.

    It accepts every segmentation of a text into known tokens. At the beginning of an output, one
    token without a text of its own, such as a space, is accepted.

    Args:
        expression: the regular expression; see `Pattern`.
        tokenizer: the tokenizer of the outputs.

    Raises:
        OptionError: if the expression is invalid, not supported or too large, or no output of known
            tokens matches it.

    Example:
        >>> from keras_attention import CharacterTokenizer, Vocabulary
        >>> letters = CharacterTokenizer(Vocabulary("0123456789-"))
        >>> automaton = pattern_automaton(r"\d{4}-\d\d", letters)
        >>> [automaton.follow(letters.encode(text)) is not None for text in ("2016-03", "16-03")]
        [True, False]
    """
    first, later = _texts_of_tokens(tokenizer)
    texts = ComposedTexts(expression, set("".join(first + later)))
    if tokenizer.normalizer.form == "nfd" and texts.composes:
        raise OptionError(
            "pattern",
            "requires a target tokenizer in the normal form nfc or nfkc; list the outputs instead",
            pattern=repr(expression),
        )
    words = dict[Spelling, tuple[str, str]]()
    spellings = []
    for pair in zip(first, later, strict=True):
        begin, rest = (tuple(texts.kinds[each] for each in text) for text in pair)
        words.setdefault((begin, rest), pair)
        spellings.append((begin, rest))
    numbers = {spelling: number for number, spelling in enumerate(words, _END_CLASS + 1)}
    classes = np.zeros(len(tokenizer.vocabulary), "int32")
    classes[END_ID] = _END_CLASS
    classes[len(SPECIAL_TOKENS) :] = [numbers[spelling] for spelling in spellings]
    try:
        return make_automaton(classes, _nodes(texts, list(words.values()), expression))
    except NoOutputError:
        rule = "must match at least one output of known target tokens"
        raise OptionError("pattern", rule, pattern=repr(expression)) from None


def _texts_of_tokens(tokenizer: Tokenizer) -> tuple[list[str], list[str]]:
    """Return the text that each token adds at the beginning of an output, and later."""
    tokens = tokenizer.vocabulary.tokens[len(SPECIAL_TOKENS) :]
    later = [tokenizer.join([_BEFORE, token]).removeprefix(_BEFORE) for token in tokens]
    return [tokenizer.join([token]) for token in tokens], later


def _nodes(
    texts: ComposedTexts, words: Sequence[tuple[str, str]], expression: str
) -> list[dict[int, int]]:
    """Return the nodes of the automaton, each with the next node of each class of tokens.

    Args:
        texts: the automaton over characters.
        words: for each class of tokens, the text that a token adds at the beginning and later.
        expression: the regular expression, for errors.
    """
    places = [_Place(texts.start, 0)]
    numbers = {places[0]: 0}
    nodes: list[dict[int, int]] = []
    edges = 0
    for place in places:  # the loop appends new places
        node = {_END_CLASS: 0} if texts.accepts(place.state) else {}
        for kind, (first, later) in enumerate(words, _END_CLASS + 1):
            following = _read(texts, place, later if place.tokens == _BEGUN else first)
            if following is not None:
                if following not in numbers:
                    numbers[following] = len(places)
                    places.append(following)
                node[kind] = numbers[following]
        nodes.append(node)
        edges += len(node)
        if len(places) > MOST_NODES or edges > MOST_EDGES:
            rule = f"must be simpler, with at most {MOST_NODES} states and {MOST_EDGES} transitions"
            raise OptionError("pattern", rule, pattern=repr(expression))
    return nodes


def _read(texts: ComposedTexts, place: _Place, text: str) -> _Place | None:
    """Return the place after a token that adds a text, or None if no output continues so."""
    if not text:
        return _Place(place.state, 1) if place.tokens == 0 else None
    state: TextState | None = place.state
    for character in text:
        if state is None:
            return None
        state = texts.after(state, character)
    return None if state is None else _Place(state, _BEGUN)
