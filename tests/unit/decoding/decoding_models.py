"""Tiny models for tests of search, and functions that list the models' possible outputs."""

import functools
import itertools

import numpy as np
from keras import ops
from reference import log_softmax
from support import MECHANISMS, evaluated, randomize, to_numpy

from keras_attention import Memory, Seq2Seq
from keras_attention.decoding.beam_search import beam_search
from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.hypotheses import IMPOSSIBLE
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

SOURCE = np.array([[4, 5, 6, 2], [6, 2, 0, 0], [3, 4, 2, 0]], "int32")
VOCABULARY = 6
MAX_LENGTH = 4
SPECIAL = {"end": END_ID, "forbidden": (PAD_ID, START_ID)}
# The tokens that may precede the end token.
WORDS = tuple(sorted(set(range(VOCABULARY)) - {PAD_ID, START_ID, END_ID}))

SETTINGS = {
    "before": {"attention": "bahdanau", "placement": "before", "decoder_layers": 2},
    "after": {"attention": "general", "placement": "after"},
    "feeding": {"attention": "dot", "placement": "after", "input_feeding": True},
    "coverage": {"attention": "coverage", "placement": "before"},
    "chunkwise": {"attention": "chunkwise", "placement": "after"},
    "none": {"attention": None},
}


@functools.cache
def build_model(name, **options):
    """Return a model with the decoder `name`, built once per process; `seeded` sets its weights."""
    settings = {**SETTINGS[name], **options}
    attention = settings.pop("attention")
    mechanism = MECHANISMS[attention]() if attention else None
    model = Seq2Seq(7, VOCABULARY, units=4, embedding=3, attention=mechanism, **settings)
    model.build()
    return model


def seeded(name, seed, scale=1.5, **options):
    """Return a model with random weights, large enough to tell hypotheses and alignments apart."""
    return randomize(build_model(name, **options), seed=seed, scale=scale)


@functools.cache
def searcher(function, model, **options):
    """Return `function(model, source, **options)`; where faster, it is compiled for all seeds."""
    return evaluated(lambda source: function(model, source, **options), model)


def found(function, model, source, **options):
    """Return the hypotheses of `function` as arrays."""
    return to_numpy(searcher(function, model, **options)(source))


@functools.cache
def found_once(function, name, seed, **options):
    """Return the hypotheses of `seeded(name, seed)` for `SOURCE`. Search only once per process."""
    return found(function, seeded(name, seed), SOURCE, **options)


@functools.cache
def _teacher_forced(model):
    return evaluated(model.teacher_forced, model)


def teacher_forced(model, source, targets):
    """Return log-probabilities `[N, T, V]` and alignments of targets for one source `[S]` or N."""
    targets = np.asarray(targets, "int32")
    target_in = np.concatenate([np.full_like(targets[:, :1], START_ID), targets[:, :-1]], 1)
    sources = np.broadcast_to(source, (len(targets), np.shape(source)[-1]))
    logits, alignment = to_numpy(_teacher_forced(model)(sources, target_in))
    return log_softmax(logits), alignment


def log_probs_by_prefix(model):
    """Return, for each row of `SOURCE`, a function from prefixes to log-probabilities `[V]`.

    The prefixes have fewer than `MAX_LENGTH` words. Teacher forcing computes all in one batch.
    """
    targets = list(itertools.product(WORDS, repeat=MAX_LENGTH))
    sources = np.repeat(SOURCE, len(targets), axis=0)
    log_probs, _ = teacher_forced(model, sources, targets * len(SOURCE))
    return [
        {
            target[:t]: steps[t]
            for target, steps in zip(targets, rows, strict=True)
            for t in range(MAX_LENGTH)
        }.__getitem__
        for rows in np.split(log_probs, len(SOURCE))
    ]


@functools.cache
def seeded_log_probs(name, seed):
    """Return `log_probs_by_prefix` of `seeded(name, seed)`, computed once per process."""
    return log_probs_by_prefix(seeded(name, seed))


def unpadded(tokens):
    """Return the tokens of a hypothesis `[T]` up to the end token."""
    end = np.flatnonzero(tokens == END_ID)
    return tuple(int(token) for token in tokens[: end[0] + 1 if len(end) else None])


def possible(hypotheses, row):
    """Return `(tokens, score)` of one source's possible hypotheses, best first."""
    tokens, scores, _ = hypotheses
    return [
        (unpadded(ids), score)
        for ids, score in zip(tokens[row], scores[row], strict=True)
        if score > IMPOSSIBLE / 2
    ]


def greedy(model, source, max_length=MAX_LENGTH):
    memory, state = model.encode(source)
    return greedy_search(model.step, state, memory, max_length=max_length)


def beam(model, source, beam_width, length_penalty=0.0, max_length=MAX_LENGTH):
    memory, state = model.encode(source)
    return beam_search(
        model.step,
        state,
        memory,
        beam_width=beam_width,
        length_penalty=length_penalty,
        max_length=max_length,
    )


#   pad   start end   unk   a     b         after
PROBABILITIES = [
    [0.01, 0.01, 0.95, 0.01, 0.01, 0.01],  # pad
    [0.01, 0.01, 0.08, 0.10, 0.50, 0.30],  # start
    [0.01, 0.01, 0.95, 0.01, 0.01, 0.01],  # end
    [0.02, 0.02, 0.90, 0.02, 0.02, 0.02],  # unk
    [0.02, 0.02, 0.20, 0.16, 0.20, 0.40],  # a
    [0.01, 0.01, 0.95, 0.01, 0.01, 0.01],  # b
]


def mask_of_rows(memory, tokens):
    """Return the memory's mask with one row per hypothesis instead of one per source."""
    per_source = ops.shape(tokens)[0] // ops.shape(memory.mask)[0]
    return ops.repeat(memory.mask, per_source, axis=0)


class Markov:
    """A model whose next token depends only on the last one; it counts its steps."""

    def __init__(self):
        self.logits = np.log(np.array(PROBABILITIES, "float32"))
        self.steps = 0

    def encode(self, source):
        values = ops.zeros((*source.shape, 1))
        return Memory(values, values, ops.not_equal(source, PAD_ID)), ops.zeros(source.shape[:1])

    def step(self, tokens, state, memory):
        self.steps += 1
        weights = ops.cast(mask_of_rows(memory, tokens), "float32")
        return ops.take(self.logits, tokens, axis=0), state + 1, weights
