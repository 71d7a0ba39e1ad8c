"""A reference in plain Python for every search option, and a model that consists of tables."""

import functools
import math
from collections import Counter

import numpy as np
from decoding_models import mask_of_rows
from keras import ops
from reference import log_softmax
from support import normal, to_numpy

from keras_attention import Memory
from keras_attention.ops.sparse_outputs import sparse_log_probabilities
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

VOCABULARY, STATES, STEPS, WORD = 7, 53, 6, 4
SOURCE = np.array([[4, 5, 6, 2], [6, 2, 0, 0], [3, 4, 2, 0]], "int32")


class TableModel:
    """A model whose logits and alignments depend on all tokens so far and on the source.

    It has one table per seed, and `source` repeats the sources for each table. A single search of
    all these rows takes no longer than the search of a few rows.
    """

    def __init__(self, *seeds, end=0.0, word=0.0, mapping="softmax"):
        self.source = np.tile(SOURCE, (len(seeds), 1))
        self.logits = np.concatenate(
            [normal(STATES, VOCABULARY, seed=seed, scale=1.5) for seed in seeds]
        )
        self.logits[:, [END_ID, WORD]] += end, word
        if mapping != "softmax":
            self.logits = to_numpy(sparse_log_probabilities(self.logits, mapping))
        shape = STATES, SOURCE.shape[1]
        weights = np.concatenate([np.exp(normal(*shape, seed=n + 99, scale=2.0)) for n in seeds])
        self.weights = weights / weights.sum(-1, keepdims=True)

    @functools.cached_property
    def log_probs(self):
        return log_softmax(self.logits)

    def encode(self, source):
        source = ops.convert_to_tensor(source)
        values = ops.zeros((*ops.shape(source), 1))
        rows = ops.arange(ops.shape(source)[0], dtype="int32")
        state = rows // len(SOURCE) * STATES + source[:, 0] * 5 + source[:, 1]
        return Memory(values, values, ops.not_equal(source, PAD_ID)), state

    def step(self, tokens, state, memory):
        own = state % STATES
        state = state - own + (own * 11 + tokens) % STATES
        weights = ops.where(
            mask_of_rows(memory, tokens), ops.take(self.weights, state, axis=0), 0.0
        )
        return ops.take(self.logits, state, axis=0), state, weights

    def after(self, row, tokens):
        """Return the log-probabilities and the alignment of the step after `tokens`."""
        source = self.source[row]
        state = source[0] * 5 + source[1]
        for token in (START_ID, *tokens):
            state = (state * 11 + token) % STATES
        state += row // len(SOURCE) * STATES
        return self.log_probs[state], np.where(source != PAD_ID, self.weights[state], 0.0)


def candidates(log_probs, tokens, options, prefix=()):
    """Return `{token: adjusted log-probability}` for all tokens that may follow `tokens`."""
    t = len(tokens)
    if t < len(prefix) and prefix[t] != PAD_ID:
        return {prefix[t]: log_probs[prefix[t]]}
    penalty, size = options.get("repetition_penalty", 1), options.get("no_repeat_ngram", 0)
    ngrams = {tokens[i : i + size] for i in range(t - size + 1)} if size else set()
    found = {
        token: log_probs[token] * (penalty if token in tokens else 1)
        for token in range(VOCABULARY)
        if token not in (PAD_ID, START_ID)
        and (*tokens, token)[t + 1 - size :] not in ngrams
        and not (token == END_ID and t + 1 < options.get("min_length", 0))
    }
    found = found or {END_ID: log_probs[END_ID]}
    return {token: gain for token, gain in found.items() if likely(log_probs[token])} or found


def likely(log_prob):
    """Return whether a log-probability stands for a probability above 0."""
    return log_prob > -150


class Beam:
    """A hypothesis: its tokens, score, adjusted score for ranking, and coverage."""

    def __init__(self, tokens=(), score=0.0, adjusted=0.0, coverage=0.0):
        self.tokens, self.score, self.adjusted = tokens, score, adjusted
        self.coverage = coverage

    @property
    def ended(self):
        return END_ID in self.tokens

    def grown(self, model, row, options, prefix):
        """Yield each continuation, and whether its probability is above 0."""
        if self.ended:
            yield self, True
            return
        log_probs, weights = model.after(row, self.tokens)
        for token, gain in candidates(log_probs, self.tokens, options, prefix).items():
            sums = self.score + log_probs[token], self.adjusted + gain
            new = Beam((*self.tokens, token), *sums, self.coverage + weights)
            yield new, likely(log_probs[token])

    def rank(self, row, options):
        length_penalty = ((5 + len(self.tokens)) / 6) ** options.get("length_penalty", 0)
        rank = self.adjusted / length_penalty
        for i in np.flatnonzero(SOURCE[row % len(SOURCE)]):
            if beta := options.get("coverage_penalty", 0):
                rank += beta * math.log(min(self.coverage[i], 1))
        return rank


def beam_search(model, row, options, prefix=()):
    """Return `[(tokens, score)]` of one row, best first (Vijayakumar et al. 2018, algorithm 1)."""
    count = options.get("groups", 1)
    size, diversity = options["beam_width"] // count, options.get("group_diversity", 0)
    groups = [[Beam()] for _ in range(count)]
    for _ in range(STEPS):
        generated = Counter()
        all_grown = [
            [pair for beam in group for pair in beam.grown(model, row, options, prefix)]
            for group in groups
        ]
        any_likely = any(is_likely for grown in all_grown for _, is_likely in grown)
        for number, group in enumerate(groups):
            grown = [
                (beam, 0 if beam in group else generated[beam.tokens[-1]])
                for beam, is_likely in all_grown[number]
                if is_likely or not any_likely
            ]
            ended = {beam for beam in group if beam.ended}
            grown.sort(key=lambda pair: diversity * pair[1] - pair[0].rank(row, options))
            groups[number] = [beam for beam, _ in grown[:size]]
            generated.update(beam.tokens[-1] for beam in groups[number] if beam not in ended)
    beams = sorted(sum(groups, []), key=lambda beam: -beam.rank(row, options))
    return [(beam.tokens, beam.score) for beam in beams]


def distribution(model, row, options, prefix=()):
    """Return `{tokens: probability}` for all outputs that sampling may draw."""
    found, live = {}, {(): 1.0}
    for _ in range(STEPS):
        grown = {}
        for tokens, probability in live.items():
            for token, share in _likely(model.after(row, tokens)[0], tokens, options, prefix):
                where = found if token == END_ID else grown
                where[(*tokens, token)] = probability * share
        live = grown
    return found | live


def _likely(log_probs, tokens, options, prefix):
    adjusted = candidates(log_probs, tokens, options, prefix)
    ordered = sorted(adjusted, key=adjusted.get, reverse=True)
    ordered = ordered[: options.get("top_k") or None]
    weights = [math.exp(adjusted[token] / options.get("temperature", 1)) for token in ordered]
    shares = [weight / sum(weights) for weight in weights]
    kept = 1
    while sum(shares[:kept]) < options.get("top_p", 1) and kept < len(shares):
        kept += 1
    total = sum(shares[:kept])
    return [(token, share / total) for token, share in zip(ordered, shares[:kept], strict=False)]
