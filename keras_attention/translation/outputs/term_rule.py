"""The rule about which terms an output must contain, depending on its source."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

import numpy as np

from keras_attention.decoding.automata.term_automaton import (
    MOST_TERMS,
    Borders,
    Form,
    Term,
    Terms,
    make_term_automaton,
    most_edges,
    most_edges_of_node,
)
from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import OptionError, TextError, encode_text
from keras_attention.special_tokens import UNKNOWN
from keras_attention.text.batched_texts import Cut, Grouping
from keras_attention.text.padded_batches import BATCH_NUMBERS
from keras_attention.text.subword_tokenizer import even_spaces
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.outputs.output_rule import known_ids

_BEFORE = "0"
"""A text before a token, to see how the tokenizer joins them."""

_LETTER = "a"

_ANY = "*"
"""Written after a term whose last word may continue."""

_EDGES_TOGETHER = 1 << 20
"""Number of edges of an automaton above which a batch is split."""

_NEEDS_KEPT = 1024


class TermEntry(NamedTuple):
    """One entry of a glossary.

    Attributes:
        source: the source term; None if every output must contain the target term.
        forms: the forms of the target term, at least one.
    """

    source: str | None
    forms: tuple[str, ...]


def term_entries(terms: Any) -> tuple[TermEntry, ...]:
    """Return the entries of an argument `terms`.

    Args:
        terms: a mapping from source terms to target terms, or an iterable of target terms; each
            target term is a string or a sequence of several forms.

    Raises:
        OptionError: if it is anything else, or empty.
        TextError: if a term is not a string.
    """
    if isinstance(terms, Mapping):
        entries = tuple(TermEntry(source, _forms_of(forms)) for source, forms in terms.items())
        _check_strings([(entry.source, *entry.forms) for entry in entries])
    elif isinstance(terms, Iterable) and not isinstance(terms, str | bytes):
        entries = tuple(TermEntry(None, _forms_of(forms)) for forms in terms)
        _check_strings([entry.forms for entry in entries])
    else:
        rule = "must be a mapping from source terms to target terms, or a list of target terms"
        raise OptionError("terms", rule, terms=repr(terms))
    if not entries:
        raise OptionError("terms", "must contain at least one term", terms="none")
    return entries


def repeated_term(source: str) -> str:
    """Return the problem with a source term that a glossary already has."""
    return f"expected each source term once. Received: {source!r} again."


def _check_strings(rows: Sequence[tuple[object, ...]]) -> None:
    for position, row in enumerate(rows):
        for text in row:
            try:
                encode_text(text)
            except TextError as error:
                raise TextError(error.problem, position, "term") from None


def _forms_of(forms: Any) -> tuple[str, ...]:
    several = isinstance(forms, Iterable) and not isinstance(forms, str | bytes)
    return tuple(forms) if several else (forms,)


class TermRule:
    """The terms that the output of each source must contain.

    A source contains a source term if the normalized term occurs in the normalized source, between
    the borders of words. Where several terms fit, the longest one counts. Its target term must then
    be in the output, in one of its forms.

    Args:
        source: the tokenizer of the sources.
        target: the tokenizer of the targets.
        entries: the glossary. A term that ends with `*` may be the beginning of a longer word.

    Raises:
        TextError: if a term is empty, if two entries have the same source term, or if a target term
            has an unknown token. The position in the error is the index of the entry.

    Example:
        >>> from keras_attention import Vocabulary, WordTokenizer
        >>> english = WordTokenizer(Vocabulary(["the", "house"]), lowercase=True)
        >>> german = WordTokenizer(Vocabulary(["das", "Haus", "Häuser"]))
        >>> rule = TermRule(english, german, term_entries({"house*": ["Haus", "Häuser"]}))
        >>> [[form.ids for form in term] for term in rule.of("The Houses")]
        [[(5,), (6,)]]
        >>> rule.of("the lighthouse")
        ()
    """

    def __init__(self, source: Tokenizer, target: Tokenizer, entries: Sequence[TermEntry]) -> None:
        self._source, self._target = source, target
        self._borders = _word_borders(target)
        self._always: list[Term] = []
        self._glossary: dict[str, tuple[Term, bool]] = {}
        for position, entry in enumerate(entries):
            try:
                self._add(entry)
            except TextError as error:
                raise TextError(error.problem, position, "term") from None
        self._lengths = sorted({len(text) for text in self._glossary}, reverse=True)
        self._needed = lru_cache(_NEEDS_KEPT)(self._count_needed)

    def of(self, text: str) -> Terms:
        """Return the terms that the output of a source must contain."""
        text, place = self._written(text), 0
        found = dict.fromkeys(self._always)
        while place < len(text):
            term, end = self._longest_at(text, place)
            if term:
                found[term] = None
            place = max(end, place + 1)
        return tuple(found)

    def find_until_refused(
        self, texts: Iterable[str], max_length: int, prefix: Sequence[int] = ()
    ) -> tuple[list[Terms], TextError | None]:
        """Return the terms of the sources before the first unusable one, and the error about it.

        Args:
            texts: the sources.
            max_length: largest number of tokens of an output; a source whose terms need more
                tokens is unusable, and so is one with too many terms.
            prefix: target ids that every output begins with.
        """
        found: list[Terms] = []
        for position, text in enumerate(texts):
            terms = self.of(text)
            if len(terms) > MOST_TERMS:
                problem = f"expected at most {MOST_TERMS} terms. Received: {len(terms)}."
                return found, TextError(problem, position)
            if terms and (needed := self._needed(terms, tuple(prefix))) > max_length:
                return found, TextError(
                    f"expected terms that fit into an output of {max_length} tokens (the largest "
                    f"length). Received: terms that need at least {needed}.",
                    position,
                )
            found.append(terms)
        return found, None

    def grouping(self, options: SearchOptions, prefix: Sequence[int] = ()) -> Grouping:
        """Return how sources are divided into batches for a search with the terms."""
        find = partial(self.find_until_refused, max_length=options.max_length, prefix=prefix)
        return Grouping(find, partial(self.batches, beam_width=options.beam_width))

    def batches(
        self, order: Sequence[int], terms: Sequence[Terms], cut: Cut, *, beam_width: int = 2
    ) -> Iterator[list[int]]:
        """Yield batches of sources; those without terms are not mixed with the others.

        Args:
            order: the places of the sources.
            terms: the terms of each source.
            cut: splits places into batches. A batch is split further if its automaton would be too
                large, or if a search step would read too many edges of the automaton.
            beam_width: number of hypotheses per source.
        """
        yield from cut([place for place in order if not terms[place]])
        for places in cut([place for place in order if terms[place]]):
            yield from _split(places, terms, beam_width)

    def tables(self, terms: Sequence[Terms], beam_width: int) -> dict[str, Any]:
        """Return the arguments `automaton` and `terms` of the search of a batch.

        The result is empty if the sources have no terms.
        """
        if not any(terms):
            return {}
        automaton, forced = make_term_automaton(terms, self._borders, beam_width)
        return {"automaton": automaton, "terms": forced}

    def _add(self, entry: TermEntry) -> None:
        term = tuple(self._form(text) for text in entry.forms)
        if not term:
            raise TextError("expected a target term. Received: none.")
        if entry.source is None:
            self._always.append(term)
            return
        text, open_end = _without_star(entry.source)
        text = self._written(text)
        if not text:
            raise TextError(f"expected a source term. Received: {entry.source!r}.")
        if text in self._glossary:
            raise TextError(repeated_term(entry.source))
        self._glossary[text] = term, open_end

    def _form(self, text: str) -> Form:
        term, open_end = _without_star(text)
        *ids, _ = known_ids(self._target, term)
        if not ids:
            raise TextError(f"expected a target term. Received: {text!r}.")
        return Form(tuple(ids), open_end)

    def _written(self, text: str) -> str:
        """Return a source without features, in its normal form, with single spaces."""
        return even_spaces(self._source.normalize(self._source.features.text_of(text)))

    def _longest_at(self, text: str, place: int) -> tuple[Term, int]:
        """Return the longest term at a place and its end, or `()` and the place."""
        if _is_border(text, place):
            for length in self._lengths:
                end = place + length
                term, open_end = self._glossary.get(text[place:end], ((), False))
                if term and (open_end or _is_border(text, end)):
                    return term, end
        return (), place

    def _count_needed(self, terms: Terms, prefix: tuple[int, ...]) -> int:
        """Return the number of tokens of the shortest output that contains the terms."""
        automaton, forced = make_term_automaton([terms], self._borders, beam_width=2)
        node = automaton.follow(prefix, int(forced.starts[0]))
        return len(prefix) + automaton.shortest_from(cast(int, node))  # any token may follow


def _without_star(text: str) -> tuple[str, bool]:
    """Return a term without white space at its ends and without the `*`, and whether it had one."""
    term = text.strip()
    return term.removesuffix(_ANY).rstrip(), term.endswith(_ANY)


def _split(places: list[int], terms: Sequence[Terms], beam_width: int) -> Iterator[list[int]]:
    if len(places) == 1 or _is_small([terms[place] for place in places], beam_width):
        yield places
        return
    half = len(places) // 2
    yield from _split(places[:half], terms, beam_width)
    yield from _split(places[half:], terms, beam_width)


def _is_small(terms: Sequence[Terms], beam_width: int) -> bool:
    """Return whether a search can take sources with these terms together."""
    # A step considers 2 K candidates for each of K hypotheses, and reads all edges of the node of
    # each candidate.
    edges_read = len(terms) * 2 * beam_width**2 * most_edges_of_node(terms)
    return most_edges(terms) <= _EDGES_TOGETHER and 3 * edges_read <= BATCH_NUMBERS


def _word_borders(tokenizer: Tokenizer) -> Borders:
    """Return whether each target token begins, and whether it ends, with a character of a word."""
    # An unknown token counts as a letter, because it may stand for any text.
    tokens = [_LETTER if token == UNKNOWN else token for token in tokenizer.vocabulary.tokens]
    texts = [tokenizer.join([_BEFORE, token]).removeprefix(_BEFORE) for token in tokens]
    return Borders(
        np.array([_is_inside(text[:1]) for text in texts]),
        np.array([_is_inside(text[-1:]) for text in texts]),
    )


def _is_border(text: str, place: int) -> bool:
    return not (_is_inside(text[max(place - 1, 0) : place]) and _is_inside(text[place : place + 1]))


def _is_inside(character: str) -> bool:
    """Return whether a character belongs to a word: letters, digits, `_` and marks on letters."""
    if not character:
        return False
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"
