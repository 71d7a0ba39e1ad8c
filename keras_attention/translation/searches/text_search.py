"""A search for the outputs of texts: of many texts in batches, or of one text token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.search import check_room
from keras_attention.decoding.short_list import Ids, ShortList
from keras_attention.models.ensemble import Ensemble
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.text.batched_texts import EncodedText, map_texts
from keras_attention.text.padded_batches import BATCH_NUMBERS, BATCH_TOKENS
from keras_attention.text.text_limit import TextLimit
from keras_attention.translation.codec import TextCodec, pad
from keras_attention.translation.outputs.output_rule import OutputRule, automaton_of
from keras_attention.translation.outputs.term_rule import TermRule
from keras_attention.translation.result import StreamedToken, Translation
from keras_attention.translation.searches.compiled_search import Searches
from keras_attention.translation.searches.streaming import stream_tokens


@dataclass(frozen=True)
class TextSearch:
    """A search for the outputs of texts, with options that have been checked.

    Attributes:
        model: the model.
        codec: its tokenizers.
        searches: its compiled searches.
        options: the search options.
        prefix: target ids that every output begins with.
        rule: the outputs that are allowed; None allows all.
        short_list: limits the target tokens, unless other limits may need tokens that it lacks.
            Ensembles do not use it.
        max_tokens: largest number of tokens of a text.
    """

    model: Seq2Seq | Ensemble
    codec: TextCodec
    searches: Searches
    options: SearchOptions
    prefix: Sequence[int]
    rule: OutputRule | None
    short_list: ShortList | None
    max_tokens: int

    def translate(
        self,
        texts: Iterable[str],
        terms: TermRule | None,
        *,
        batch_size: int,
        first: int,
        advance: Callable[[int], object],
    ) -> Iterator[Translation]:
        """Yield the translations of texts in their order; see `Translator.stream`."""
        rows, tokens = self._batch_limits(batch_size)

        def translate_batch(batch: Sequence[EncodedText]) -> list[Translation]:
            found = self._translate_batch(batch, terms, first)
            advance(len(batch))
            return found

        return map_texts(
            translate_batch,
            texts,
            self.codec.source,
            TextLimit(self.max_tokens),
            batch_size=batch_size,
            rows=rows,
            tokens=tokens,
            sort=not self.options.sample,  # a sample depends on the number of its text
            grouping=terms.grouping(self.options, self.prefix) if terms else None,
        )

    def _batch_limits(self, batch_size: int) -> tuple[int, int]:
        """Return the largest numbers of sources and of padded tokens in a batch."""
        width, vocabulary = self.options.beam_width, len(self.codec.target.vocabulary)
        rows = max(1, BATCH_NUMBERS // (width * vocabulary))
        tokens = BATCH_NUMBERS // (width * self.options.max_length)
        return min(batch_size, rows), min(BATCH_TOKENS, tokens)

    def _translate_batch(
        self, batch: Sequence[EncodedText], terms: TermRule | None, first: int
    ) -> list[Translation]:
        source = pad([each.ids for each in batch])
        tables: dict[str, Any] = {"automaton": self.rule.automaton} if self.rule else {}
        if terms:
            tables = terms.tables([each.known for each in batch], self.options.beam_width)
        arrays = self.searches(
            source,
            self.options,
            prefix=self.prefix,
            first=first + batch[0].number,
            allowed=None if tables else self._short_listed(source),
            **tables,
        )
        return self.codec.translations([each.text for each in batch], *arrays, prefix=self.prefix)

    def stream(self, text: str) -> Iterator[StreamedToken]:
        """Yield the tokens of the output of a text as soon as they are chosen."""
        source = pad([TextLimit(self.max_tokens).encode(text, self.codec.source)])
        check_room(self.model, self.options.max_length)
        words = self.codec.source.tokens(text)
        steps = self.searches.steps(
            source,
            self.options,
            prefix=self.prefix,
            allowed=None if self.rule else self._short_listed(source),
            automaton=automaton_of(self.rule),
        )
        if len(words) == 1:  # the output of a text without tokens is the prefix
            steps = (step._replace(score=0.0) for step in islice(steps, len(self.prefix)))
        return stream_tokens(self.codec, words, steps)

    def _short_listed(self, source: Ids) -> Ids | None:
        if self.short_list is None or isinstance(self.model, Ensemble):
            return None
        return self.short_list.allowed(self.model.split_features(source)[1], self.prefix)
