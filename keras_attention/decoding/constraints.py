"""Constraints on the next token, applied to log-probabilities in every search."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import ops

from keras_attention.decoding.automata.automaton import FIRST, Automaton
from keras_attention.decoding.automata.automaton_steps import next_nodes, possible_tokens
from keras_attention.decoding.automata.term_automaton import ForcedTerms
from keras_attention.decoding.hypotheses import (
    IMPOSSIBLE,
    Tensor,
    choosable,
    log_probabilities,
)
from keras_attention.decoding.options import SearchOptions, StoredOptions
from keras_attention.errors import OptionError
from keras_attention.ops.indexing import contains
from keras_attention.special_tokens import END_ID, PAD_ID


@dataclass(frozen=True)
class Constraints:
    """The constraints on the next tokens of `N` hypotheses.

    Attributes:
        options: `min_length`, `repetition_penalty` and `no_repeat_ngram` are used.
        prefix: ids `[N, P]` that the hypotheses must begin with, 0 where any token may follow; or
            None.
        automaton: the automaton that accepts the allowed outputs, or None if all are allowed.
        max_length: the number of tokens by which an output must have ended; only used with an
            automaton.
        terms: the terms of each source, if `automaton` is that of forced terms.
    """

    options: StoredOptions
    prefix: Tensor | None = None
    automaton: Automaton | None = None
    max_length: int = 0
    terms: ForcedTerms | None = None

    @property
    def need_history(self) -> bool:
        """Whether the constraints depend on the tokens generated so far."""
        return self.options.repetition_penalty != 1 or self.options.no_repeat_ngram > 0

    def with_prefix(self, prefix: Tensor) -> "Constraints":
        """Return the constraints with another `prefix` `[M, P]`, or unchanged if it is `()`."""
        return self if isinstance(prefix, tuple) else replace(self, prefix=prefix)

    def __call__(
        self, log_probs: Tensor, allowed: Tensor, t: Tensor, generated: Tensor, node: Tensor = ()
    ) -> Tensor:
        """Return the log-probabilities that search ranks by.

        Args:
            log_probs: the model's log-probabilities `[N, V]`.
            allowed: a copy of `log_probs` with `IMPOSSIBLE` for tokens that search never generates.
            t: the step, counted from 0.
            generated: the tokens so far `[N, T]`, padded with 0; not used if `need_history` is
                False.
            node: the node of each hypothesis in the automaton `[N]`, or `()` without one.

        Returns:
            `[N, V]`, `IMPOSSIBLE` or less for forbidden tokens. Each row has at least one possible
            token: if the options forbid all tokens, the end token is allowed. The exception is a
            prefix that no output of the automaton begins with.
        """
        adjusted, options = allowed, self.options
        if options.repetition_penalty != 1:
            adjusted = penalise_repetition(adjusted, generated, options.repetition_penalty)
        if options.no_repeat_ngram:
            adjusted = block_ngrams(adjusted, generated, t, options.no_repeat_ngram)
        if options.min_length > 1:
            adjusted = require_length(adjusted, t, options.min_length)
            if options.no_repeat_ngram:
                adjusted = _end_if_stuck(adjusted, log_probs)
        if self.prefix is not None:
            adjusted = force_prefix(adjusted, log_probs, self.prefix, t)
        if self.automaton is not None:
            possible = possible_tokens(self.automaton, node, self.max_length - t)
            adjusted = ops.where(possible, adjusted, IMPOSSIBLE)
        return adjusted

    def follow(self, node: Tensor, tokens: Tensor) -> Tensor:
        """Return the nodes `[N]` after tokens `[N]`, or `()` without an automaton."""
        return () if self.automaton is None else next_nodes(self.automaton, node, tokens)


def make_constraints(
    options: SearchOptions,
    prefix: Tensor | None,
    per_source: int = 1,
    automaton: Automaton | None = None,
    terms: ForcedTerms | None = None,
) -> Constraints | None:
    """Return the constraints in `options` and the other arguments, or None if there are none.

    Each row of `prefix` is repeated for `per_source` hypotheses.
    """
    if prefix is not None and per_source > 1:
        prefix = ops.repeat(prefix, per_source, axis=0)
    constraints = Constraints(options, prefix, automaton, options.max_length, terms)
    limited = prefix is not None or automaton is not None
    needed = constraints.need_history or options.min_length > 1 or limited
    return constraints if needed else None


def check_limited(options: SearchOptions, automaton: Automaton) -> None:
    """Check that search options leave at least one of the outputs that an automaton accepts.

    Raises:
        OptionError: if every output is longer than `max_length`, or if an option could forbid all
            of them.
    """
    _check_no_minimum(options, "if outputs are limited")
    if automaton.shortest > options.max_length:
        rule = f"must be at least {automaton.shortest}, the length of the shortest allowed output"
        raise OptionError("max_length", rule, max_length=options.max_length)


def check_forced(options: SearchOptions) -> None:
    """Check that search options allow forced terms, which require beam search.

    Raises:
        OptionError: if they do not.
    """
    if options.sample:
        rule = "requires beam search and cannot be combined with {sample}"
        raise OptionError("terms", rule, sample=True)
    if options.beam_width < 2:
        rule = "must be at least 2 to force {terms}; 5 or more is better"
        raise OptionError("beam_width", rule, beam_width=options.beam_width)
    if options.groups > 1:
        raise OptionError("groups", "must be 1 to force {terms}", groups=options.groups)
    _check_no_minimum(options, "to force {terms}")


def check_term_tables(
    options: SearchOptions, automaton: Automaton | None, terms: ForcedTerms, rows: int | None
) -> None:
    """Check that the tables of forced terms belong together and to a batch of `rows` sources.

    Raises:
        OptionError: if they do not, or if terms do not fit into `max_length`.
    """
    if automaton is None:
        rule = "requires the {automaton} that `make_term_automaton` returns with it"
        raise OptionError("terms", rule, automaton=None)
    count = terms.starts.shape[0]
    if None not in (count, rows) and count != rows:
        rule = f"must have the terms of each of the {rows} sources"
        raise OptionError("terms", rule, terms=f"those of {count}")
    if isinstance(terms.starts, np.ndarray):  # tensors in a graph were checked before
        needed = max(automaton.shortest_from(start) for start in set(terms.starts.tolist()))
        if needed > options.max_length:
            rule = f"must be at least {needed}, the length of the shortest output with {{terms}}"
            raise OptionError("max_length", rule, max_length=options.max_length)


def _check_no_minimum(options: SearchOptions, when: str) -> None:
    for name, most in (("min_length", 1), ("no_repeat_ngram", 0)):
        if (value := getattr(options, name)) > most:
            expected = f"at most {most}" if most else "0"
            rule = f"must be {expected} {when}, because it could forbid all outputs"
            raise OptionError(name, rule, **{name: value})


def carried_prefix(constraints: Constraints | None) -> Tensor:
    """Return the prefix `[N, P]` that a search carries in its state, or `()`."""
    return () if constraints is None or constraints.prefix is None else constraints.prefix


def first_nodes(constraints: Constraints | None, shape: Any) -> Tensor:
    """Return the first node of each hypothesis `[B, ...]`, or `()` without an automaton."""
    if constraints is None or constraints.automaton is None:
        return ()
    if constraints.terms is None:
        return ops.full(shape, FIRST, "int32")
    return ops.repeat(constraints.terms.starts[:, None], shape[1], axis=1)


def constrain(
    constraints: Constraints | None,
    logits: Tensor,
    t: Tensor,
    generated: Tensor,
    prefix: Tensor,
    node: Tensor = (),
    advancing: Tensor = (),
) -> tuple[Tensor, Tensor]:
    """Return the log-probabilities `[N, V]` to add to scores, and those to rank by.

    Args:
        constraints: the constraints, or None.
        logits: `[N, V]`.
        t: the step, counted from 0.
        generated: the tokens so far, as for `Constraints`.
        prefix: the rows of `carried_prefix` for these hypotheses.
        node: the node of each hypothesis in the automaton `[N]`, or `()` without one.
        advancing: which tokens reduce the number of tokens that the terms still need `[N, V]`, or
            `()` without terms. They stay possible if a sparse output gives all of them the
            probability 0.
    """
    log_probs, allowed = log_probabilities(logits)
    adjusted = allowed
    if constraints is not None:
        adjusted = constraints.with_prefix(prefix)(log_probs, allowed, t, generated, node)
    possible = choosable(log_probs, adjusted > IMPOSSIBLE / 2)
    if not isinstance(advancing, tuple):
        among = ops.logical_and(advancing, adjusted > IMPOSSIBLE / 2)
        possible = ops.logical_or(possible, choosable(log_probs, among))
    plain, adjusted = (ops.where(possible, x, IMPOSSIBLE) for x in (log_probs, adjusted))
    return plain, adjusted


def penalise_repetition(log_probs: Tensor, generated: Tensor, penalty: float) -> Tensor:
    """Multiply by `penalty` the log-probabilities of tokens that were generated before.

    Keskar et al. 2019, 4.1, divide logits. That lowers only positive logits, and adding a constant
    to all logits changes the result. Log-probabilities do not have these problems.
    """
    repeated = contains(generated, log_probs.shape[-1])
    return ops.where(repeated, log_probs * penalty, log_probs)


def block_ngrams(log_probs: Tensor, generated: Tensor, t: Tensor, size: int) -> Tensor:
    """Forbid each token that would repeat an n-gram of `size` tokens."""
    starts = generated.shape[1] - size + 1
    if starts < 1:
        return log_probs
    repeated = ops.ones_like(generated[:, size - 1 :], "bool")
    for place in range(size - 1):
        # Compare the latest tokens with those of every earlier n-gram. Clipping the index at 0 is
        # safe: if an index is below 0, no complete n-gram exists yet.
        latest = ops.take(generated, ops.maximum(t - size + 1 + place, 0), axis=1)
        earlier = generated[:, place : place + starts]
        repeated = ops.logical_and(repeated, ops.equal(earlier, ops.expand_dims(latest, 1)))
    last = ops.where(repeated, generated[:, size - 1 :], PAD_ID)
    return ops.where(contains(last, log_probs.shape[-1]), IMPOSSIBLE, log_probs)


def require_length(log_probs: Tensor, t: Tensor, min_length: int) -> Tensor:
    """Forbid the end token if the output would have fewer than `min_length` tokens."""
    early = ops.logical_and(_is(END_ID, log_probs), t + 1 < min_length)
    return ops.where(early, IMPOSSIBLE, log_probs)


def force_prefix(adjusted: Tensor, log_probs: Tensor, prefix: Tensor, t: Tensor) -> Tensor:
    """Forbid all tokens except the one that `prefix` `[N, P]` has at step `t`, if it has one."""
    free = ops.full((ops.shape(prefix)[0], 1), PAD_ID, "int32")
    tokens = ops.concatenate([prefix, free], axis=1)
    token = ops.take(tokens, ops.minimum(t, ops.shape(prefix)[1]), axis=1)
    token = ops.expand_dims(token, 1)
    forced = ops.where(_is(token, log_probs), log_probs, IMPOSSIBLE)
    return ops.where(ops.equal(token, PAD_ID), adjusted, forced)


def _end_if_stuck(adjusted: Tensor, log_probs: Tensor) -> Tensor:
    stuck = ops.max(adjusted, axis=-1, keepdims=True) <= IMPOSSIBLE / 2
    return ops.where(ops.logical_and(stuck, _is(END_ID, log_probs)), log_probs, adjusted)


def _is(token: Tensor, log_probs: Tensor) -> Tensor:
    return ops.equal(ops.arange(log_probs.shape[-1]), token)
