"""The rule about which outputs a translator may return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_attention.decoding.automata.automaton import MOST_EDGES, Automaton, make_trie
from keras_attention.decoding.constraints import check_limited
from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import OptionError, TextError, check_texts, encode_text
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.outputs.pattern_automaton import pattern_automaton


@dataclass(frozen=True, eq=False)
class OutputRule:
    """The outputs that a translator may return.

    Attributes:
        automaton: the automaton over target ids that accepts them.
        about: the rule in the manifest of an export: `{"pattern": ...}`, or `{"allowed": ...}` with
            the number of outputs.
        longest: the longest output of a closed set, and its number of tokens including `</s>`. The
            number is 0 for a pattern, because its outputs have no common length to check.
        arguments: the arguments of `limit_outputs` that make this rule, which `save` stores: the
            `pattern`, or the texts `allowed`. Empty for a rule that was made from an automaton.
    """

    automaton: Automaton
    about: Mapping[str, Any] = field(default_factory=dict)
    longest: tuple[str, int] = ("", 0)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def check(self, options: SearchOptions, prefix: str = "", ids: Sequence[int] = ()) -> None:
        """Check that a search can return allowed outputs.

        Args:
            options: the search options.
            prefix: the text that every output must begin with.
            ids: the target ids of the prefix.

        Raises:
            OptionError: if an option could forbid every output, an output of a closed set is longer
                than `max_length`, or no output begins with the prefix.
        """
        check_limited(options, self.automaton)
        text, length = self.longest
        if length > options.max_length:
            rule = f"must not be longer than {{max_length}} ({options.max_length} tokens)"
            raise OptionError(
                "allowed", rule, allowed=f"{text!r}, of {length} tokens including </s>"
            )
        node = self.automaton.follow(ids)
        room = options.max_length - len(ids)
        if node is None or not self.automaton.possible(node, room).any():
            rule = "must be the beginning of an allowed output, as the target tokenizer splits it"
            raise OptionError("prefix", rule, prefix=repr(prefix))


def automaton_of(rule: OutputRule | None) -> Automaton | None:
    """Return the automaton of a rule, or None if there is no rule."""
    return None if rule is None else rule.automaton


def make_output_rule(
    tokenizer: Tokenizer, allowed: Iterable[str] | None, pattern: str | None
) -> OutputRule:
    """Return the rule for a closed set of outputs, or for those that match a pattern.

    Args:
        tokenizer: the tokenizer of the targets.
        allowed: the texts that an output may be. Empty ones are ignored.
        pattern: a regular expression that the whole output must match; see `Pattern`.

    Raises:
        OptionError: if both or none are given, or one cannot be used.
        TextError: if one of the texts is not a string, or has an unknown token.
    """
    if allowed is not None and pattern is not None:
        raise OptionError("allowed", "excludes {pattern}; choose one", pattern=repr(pattern))
    if pattern is not None:
        if not isinstance(pattern, str):
            raise OptionError("pattern", "must be a string", pattern=repr(pattern))
        if not pattern:  # such as "$(cat missing)" in a shell
            rule = "must not be empty, because every output would be empty"
            raise OptionError("pattern", rule, pattern=repr(pattern))
        given = {"pattern": pattern}
        return OutputRule(pattern_automaton(pattern, tokenizer), given, arguments=given)
    return _closed_set(tokenizer, check_texts(allowed, "allowed"))


def _closed_set(tokenizer: Tokenizer, texts: Iterable[str]) -> OutputRule:
    outputs: dict[tuple[int, ...], str] = {}
    size = 0
    for position, text in enumerate(texts):
        try:
            encode_text(text)
            ids = tuple(known_ids(tokenizer, text))
        except TextError as error:
            raise TextError(error.problem, position, "allowed output") from None
        if len(ids) > 1:
            outputs.setdefault(ids, text)
        size += len(ids)
        if size > MOST_EDGES:
            rule = f"must have at most {MOST_EDGES} tokens in all"
            raise OptionError("allowed", rule, allowed=f"more, from text {position + 1} on")
    if not outputs:
        raise OptionError("allowed", "must contain at least one text", allowed="none")
    longest = max(outputs, key=len)
    automaton = make_trie([ids[:-1] for ids in outputs], len(tokenizer.vocabulary))
    return OutputRule(
        automaton,
        {"allowed": len(outputs)},
        (outputs[longest], len(longest)),
        {"allowed": list(outputs.values())},
    )


def known_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the ids of a text.

    Raises:
        TextError: if it has a token that the vocabulary lacks.
    """
    ids = tokenizer.encode(text)
    if UNKNOWN_ID in ids:
        unknown = tokenizer.tokens(text)[ids.index(UNKNOWN_ID)]
        raise TextError(
            f"expected tokens of the target vocabulary. Received: {text!r} with the unknown token "
            f"{unknown!r}."
        )
    return ids
