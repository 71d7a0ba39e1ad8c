"""Searches limited by an automaton are compared with all its outputs, scored one by one."""

import itertools

import numpy as np
import pytest
from decoding_models import possible
from option_reference import SOURCE, STEPS, VOCABULARY, TableModel
from support import cases, tensorflow_only, to_numpy

from keras_attention import search
from keras_attention.decoding.automata.automaton import Automaton, make_automaton, make_trie
from keras_attention.decoding.hypotheses import IMPOSSIBLE
from keras_attention.errors import OptionError
from keras_attention.special_tokens import END_ID, PAD_ID

SEEDS = range(3)
# The fourth output needs all steps, and the last one needs one step too many.
OUTPUTS = [(4, 5), (4,), (6, 3, 4), (5, 5, 5, 5, 5), (3, 4, 6), (4, 5, 6), (5,) * STEPS]
TRIE = make_trie(OUTPUTS, VOCABULARY)
# Any number of 4s, then at least two tokens that are 5 or 6. Node 3 is a dead end.
CLASSES = np.array([0, 0, 1, 2, 3, 4, 4], "int32")
LOOP = make_automaton(CLASSES, [{3: 0, 4: 1, 2: 3}, {4: 2}, {4: 2, 1: 0}, {3: 3}])


def accepted(automaton):
    """Return all outputs that an automaton accepts and that fit in `STEPS`, by brute force."""
    if automaton is TRIE:
        return {(*output, END_ID) for output in OUTPUTS if len(output) < STEPS}
    found = set()
    for fours, others in itertools.product(range(STEPS), range(2, STEPS)):
        if fours + others < STEPS:
            for end in itertools.product((5, 6), repeat=others):
                found.add((*(4,) * fours, *end, END_ID))
    return found


def score(model, row, output):
    """Return the sum of the model's log-probabilities of an output."""
    return sum(model.after(row, output[:t])[0][token] for t, token in enumerate(output))


def run(model, automaton, **options):
    return to_numpy(search(model, model.source, max_length=STEPS, automaton=automaton, **options))


@cases("automaton", {"trie": TRIE, "loop": LOOP}, elsewhere=["loop"])
def test_the_widest_beam_finds_all_outputs_in_the_order_of_their_scores(automaton):
    automaton = {"trie": TRIE, "loop": LOOP}[automaton]
    outputs = accepted(automaton)
    model = TableModel(*SEEDS)
    hypotheses = run(model, automaton, beam_width=len(outputs) + 3)
    for row in range(len(model.source)):
        scores = {each: score(model, row, each) for each in outputs}
        expected = sorted(outputs, key=lambda each: -scores[each])
        found = possible(hypotheses, row)
        assert [tokens for tokens, _ in found] == expected
        assert [value for _, value in found] == pytest.approx(
            [scores[each] for each in expected], abs=1e-4
        )


@pytest.mark.parametrize("automaton", [TRIE, LOOP])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beam_width": 4, "groups": 2, "group_diversity": 1.0},
        {"beam_width": 3, "repetition_penalty": 3.0, "coverage_penalty": 0.5},
        {"beam_width": 20, "sample": True, "top_p": 0.7, "temperature": 3.0},
    ],
    ids=["greedy", "groups", "penalties", "samples"],
)
def test_every_search_returns_only_complete_outputs_of_the_automaton(automaton, options):
    outputs = accepted(automaton)
    model = TableModel(*SEEDS, end=-8.0)  # without the automaton, few outputs would end
    hypotheses = run(model, automaton, **options)
    for row in range(len(model.source)):
        found = possible(hypotheses, row)
        assert found
        for tokens, value in found:
            assert tokens in outputs
            assert value == pytest.approx(score(model, row, tokens), abs=1e-4)


def test_greedy_search_takes_the_best_token_that_can_still_end_in_time():
    model = TableModel(1, word=20.0)  # the model prefers 4 at every step
    tokens = run(model, LOOP).tokens
    assert (tokens[:, 0, : STEPS - 3] == 4).all()
    assert np.isin(tokens[:, 0, STEPS - 3 : -1], [5, 6]).all()
    assert (tokens[:, 0, -1] == END_ID).all()


def test_samples_have_the_probabilities_of_the_allowed_tokens():
    model = TableModel(0)
    hypotheses = run(
        model, make_trie([(4,), (5,), (6, 5)], VOCABULARY), beam_width=4000, sample=True
    )
    log_probs = model.after(0, ())[0][[4, 5, 6]]
    expected = np.exp(log_probs) / np.exp(log_probs).sum()
    first = hypotheses.tokens[0, :, 0]
    np.testing.assert_allclose([(first == id_).mean() for id_ in (4, 5, 6)], expected, atol=0.03)


def test_a_prefix_limits_the_outputs_further():
    prefix = np.array([[4, 5], [4, 5], [4, 5]], "int32")
    hypotheses = run(TableModel(0), TRIE, beam_width=4, prefix=prefix)
    for row in range(len(SOURCE)):
        assert {tokens for tokens, _ in possible(hypotheses, row)} == {
            (4, 5, END_ID),
            (4, 5, 6, END_ID),
        }


@pytest.mark.parametrize("width", [1, 3])
def test_no_hypothesis_exists_if_no_output_begins_with_the_prefix(width):
    prefix = np.array([[6, 6]] * len(SOURCE), "int32")
    scores = run(TableModel(0), TRIE, beam_width=width, prefix=prefix).scores
    assert (scores < IMPOSSIBLE / 2).all()


def test_a_sparse_output_is_limited_even_if_the_allowed_tokens_have_no_probability():
    model = TableModel(3, mapping="sparsemax")
    hypotheses = run(model, LOOP, beam_width=1)
    outputs = accepted(LOOP)
    for row in range(len(SOURCE)):
        tokens = tuple(int(token) for token in hypotheses.tokens[row, 0] if token != PAD_ID)
        assert tokens in outputs


@pytest.mark.parametrize("name, value", [("min_length", 2), ("no_repeat_ngram", 2)])
def test_options_that_could_forbid_every_output_are_refused(name, value):
    with pytest.raises(OptionError, match=f"`{name}` must be .* if outputs are limited"):
        run(TableModel(0), TRIE, **{name: value})


def test_a_max_length_below_the_shortest_output_is_refused():
    long = make_trie([(4,) * STEPS], VOCABULARY)
    with pytest.raises(OptionError, match="`max_length` must be at least 7, .*max_length=6"):
        run(TableModel(0), long)


def test_a_loaded_automaton_gives_the_same_results():
    loaded = Automaton.from_bytes(LOOP.to_bytes(), "file", VOCABULARY)
    for expected, actual in zip(run(TableModel(0), LOOP), run(TableModel(0), loaded), strict=True):
        np.testing.assert_array_equal(actual, expected)


@tensorflow_only("only TensorFlow graphs drop sources")
def test_a_graph_that_drops_ended_sources_gives_the_same_results():
    import tensorflow as tf

    for width in (1, 3):
        model = TableModel(2)
        graph = tf.function(
            lambda source, *arrays, width=width, model=model: search(
                model,
                source,
                max_length=STEPS,
                beam_width=width,
                automaton=Automaton(*arrays),
            ),
            input_signature=[tf.TensorSpec([None, SOURCE.shape[1]], tf.int32)]
            + [tf.TensorSpec([None] * array.ndim, tf.int32) for array in LOOP],
            autograph=False,
        )
        actual = to_numpy(graph(SOURCE, *LOOP))
        expected = run(model, LOOP, beam_width=width)
        for left, right in zip(actual, expected, strict=True):
            np.testing.assert_allclose(left, right, atol=1e-5)
