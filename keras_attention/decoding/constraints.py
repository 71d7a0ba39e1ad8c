"""What hypotheses may say next, decided on log-probabilities; for greedy search and beams alike."""

from dataclasses import dataclass, replace

from keras import ops

from keras_attention.decoding.hypotheses import IMPOSSIBLE, Tensor, log_probabilities
from keras_attention.decoding.options import StoredOptions
from keras_attention.special_tokens import END_ID, PAD_ID


@dataclass(frozen=True)
class Constraints:
    """All that bounds what `N` hypotheses say.

    Attributes:
        options: of these `min_length`, `repetition_penalty` and `no_repeat_ngram` are read.
        prefix: ids `[N, P]` that each must begin with, 0 where it is free; or None.
    """

    options: StoredOptions
    prefix: Tensor | None = None

    @property
    def need_history(self) -> bool:
        """Whether the tokens said so far are to be kept."""
        return self.options.repetition_penalty != 1 or self.options.no_repeat_ngram > 0

    def of_prefix(self, prefix: Tensor) -> "Constraints":
        """The same of other hypotheses, whose `prefix` is `[M, P]`, or `()` where there is none."""
        return self if isinstance(prefix, tuple) else replace(self, prefix=prefix)

    def __call__(self, log_probs: Tensor, allowed: Tensor, t: Tensor, said: Tensor) -> Tensor:
        """What search ranks by.

        Args:
            log_probs: the model's log-probabilities `[N, V]`.
            allowed: the same with what search never emits ruled out.
            t: the step, counted from 0.
            said: tokens `[N, T]` of the steps before, padded with 0; not read, and so of any
                kind, unless `need_history`.

        Returns:
            `[N, V]`, `IMPOSSIBLE` or less for what must not be said. At least one token of each
            row stays possible: where the options leave none, the hypothesis ends.
        """
        adjusted, options = allowed, self.options
        if options.repetition_penalty != 1:
            adjusted = penalise_repetition(adjusted, said, options.repetition_penalty)
        if options.no_repeat_ngram:
            adjusted = block_ngrams(adjusted, said, t, options.no_repeat_ngram)
        if options.min_length > 1:
            adjusted = require_length(adjusted, t, options.min_length)
            if options.no_repeat_ngram:
                adjusted = _end_where_stuck(adjusted, log_probs)
        if self.prefix is not None:
            adjusted = force_prefix(adjusted, log_probs, self.prefix, t)
        return adjusted


def make_constraints(
    options: StoredOptions, prefix: Tensor | None, copies: int = 1
) -> Constraints | None:
    """The constraints among `options`, or None; `copies` hypotheses of each row of `prefix`."""
    if prefix is not None and copies > 1:
        prefix = ops.repeat(prefix, copies, axis=0)
    constraints = Constraints(options, prefix)
    needed = constraints.need_history or options.min_length > 1 or prefix is not None
    return constraints if needed else None


def prefix_of(constraints: Constraints | None) -> Tensor:
    """What a search carries along of each hypothesis' prefix: `[N, P]`, or `()`."""
    return () if constraints is None or constraints.prefix is None else constraints.prefix


def constrain(
    constraints: Constraints | None, logits: Tensor, t: Tensor, said: Tensor, prefix: Tensor
) -> tuple[Tensor, Tensor]:
    """Log-probabilities `[N, V]` to be reported, the model's own, and those to rank by.

    Args:
        constraints: what bounds the hypotheses, or None.
        logits: `[N, V]`.
        t: the step, counted from 0.
        said: as `Constraints` takes it.
        prefix: what `prefix_of` gave, of these hypotheses.
    """
    log_probs, allowed = log_probabilities(logits)
    if constraints is None:
        return allowed, allowed
    adjusted = constraints.of_prefix(prefix)(log_probs, allowed, t, said)
    return ops.where(adjusted > IMPOSSIBLE / 2, log_probs, IMPOSSIBLE), adjusted


def penalise_repetition(log_probs: Tensor, said: Tensor, penalty: float) -> Tensor:
    """Multiplies the log-probability of what was said by `penalty`.

    Keskar et al. 2019, 4.1, divide logits, which lowers positive ones only and depends on a
    constant that logits are free to have; log-probabilities are at most 0 and have none.
    """
    before = _holds(said, log_probs.shape[-1])
    return ops.where(before, log_probs * penalty, log_probs)


def block_ngrams(log_probs: Tensor, said: Tensor, t: Tensor, size: int) -> Tensor:
    """Rules out each token that would end an n-gram of `size` said before."""
    starts = said.shape[1] - size + 1
    if starts < 1:
        return log_probs
    repeated = ops.ones_like(said[:, size - 1 :], "bool")
    for place in range(size - 1):
        # The tokens just said, which would be the n-gram's first; a step before the first one is
        # never compared with a real n-gram, as then none of `size` exists.
        now = ops.take(said, ops.maximum(t - size + 1 + place, 0), axis=1)
        then = said[:, place : place + starts]
        repeated = ops.logical_and(repeated, ops.equal(then, ops.expand_dims(now, 1)))
    last = ops.where(repeated, said[:, size - 1 :], PAD_ID)
    return ops.where(_holds(last, log_probs.shape[-1]), IMPOSSIBLE, log_probs)


def require_length(log_probs: Tensor, t: Tensor, min_length: int) -> Tensor:
    """Rules out the end token as long as it would come before step `min_length`."""
    early = ops.logical_and(_is(END_ID, log_probs), t + 1 < min_length)
    return ops.where(early, IMPOSSIBLE, log_probs)


def force_prefix(adjusted: Tensor, log_probs: Tensor, prefix: Tensor, t: Tensor) -> Tensor:
    """Rules out all but the token of `prefix` `[N, P]` at step `t`, where it has one."""
    free = ops.full((ops.shape(prefix)[0], 1), PAD_ID, "int32")
    tokens = ops.concatenate([prefix, free], axis=1)
    token = ops.take(tokens, ops.minimum(t, ops.shape(prefix)[1]), axis=1)
    token = ops.expand_dims(token, 1)
    forced = ops.where(_is(token, log_probs), log_probs, IMPOSSIBLE)
    return ops.where(ops.equal(token, PAD_ID), adjusted, forced)


def _end_where_stuck(adjusted: Tensor, log_probs: Tensor) -> Tensor:
    stuck = ops.max(adjusted, axis=-1, keepdims=True) <= IMPOSSIBLE / 2
    return ops.where(ops.logical_and(stuck, _is(END_ID, log_probs)), log_probs, adjusted)


def _is(token: Tensor, log_probs: Tensor) -> Tensor:
    return ops.equal(ops.arange(log_probs.shape[-1]), token)


def _holds(tokens: Tensor, vocabulary: int) -> Tensor:
    """Whether each row of `tokens` `[N, L]` holds each id: `[N, V]`; false for padding."""
    rows = ops.shape(tokens)[0]
    row = ops.expand_dims(ops.arange(rows) * vocabulary, 1)
    places = ops.reshape(ops.cast(row, "int32") + tokens, (-1, 1))
    values = ops.reshape(ops.cast(ops.not_equal(tokens, PAD_ID), "float32"), (-1,))
    counts = ops.scatter(places, values, (rows * vocabulary,))
    return ops.reshape(counts, (-1, vocabulary)) > 0
