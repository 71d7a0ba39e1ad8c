"""The rules about outputs that a translator has made from arguments, kept for the next calls."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any

from keras_attention.decoding.constraints import check_forced
from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import OptionError, check_texts
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.outputs.output_rule import OutputRule, make_output_rule
from keras_attention.translation.outputs.term_rule import TermRule, term_entries

RULES_KEPT = 8
"""Number of rules of each kind that are kept, so that repeated calls are fast."""


class KeptRules:
    """Makes rules from the arguments of a search; a repeated argument gets the same rule.

    Args:
        source: the tokenizer of the sources.
        target: the tokenizer of the targets.
    """

    def __init__(self, source: Tokenizer, target: Tokenizer) -> None:
        self._make_rule = lru_cache(RULES_KEPT)(partial(make_output_rule, target))
        self._make_terms = lru_cache(RULES_KEPT)(partial(TermRule, source, target))

    def output_rule(self, allowed: Iterable[str] | None, pattern: str | None) -> OutputRule | None:
        """Return the rule for the arguments of `make_output_rule`, or None if both are None."""
        if allowed is None and pattern is None:
            return None
        if allowed is not None:
            allowed = tuple(check_texts(allowed, "allowed"))
        try:
            hash((allowed, pattern))
        except TypeError:  # an argument is not a string; the function without a cache reports it
            return self._make_rule.__wrapped__(allowed, pattern)
        return self._make_rule(allowed, pattern)

    def term_rule(
        self, terms: Any, options: SearchOptions, rule: OutputRule | None
    ) -> TermRule | None:
        """Return the rule for an argument `terms`, or None if it is None.

        Raises:
            OptionError: if the terms cannot be used, or not with the options or the output rule.
            TextError: if a term cannot be used.
        """
        if terms is None:
            return None
        entries = term_entries(terms)
        if rule is not None:
            limits = "must be None with {allowed}, {pattern} or a limit that the model stores"
            raise OptionError("terms", limits, terms=f"{len(entries)} terms")
        check_forced(options)
        return self._make_terms(entries)
