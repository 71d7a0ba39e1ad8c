"""Searches with forced terms are compared with all outputs that contain the terms."""

import itertools

import numpy as np
import pytest
from decoding_models import possible
from option_reference import SOURCE, STEPS, TableModel
from support import cases, tensorflow_only, to_numpy
from term_reference import AB, BORDERS, CA, SETS, TEXTS, A, B, contains

from keras_attention import search
from keras_attention.decoding.automata.automaton import Automaton
from keras_attention.decoding.automata.term_automaton import ForcedTerms, make_term_automaton
from keras_attention.errors import OptionError
from keras_attention.ops.sparse_outputs import sparse_log_probabilities
from keras_attention.special_tokens import END_ID

TERMS = [((A,), (B,)), ((AB,),), ((CA,),)]  # for each source
WIDEST = sum(len(TEXTS) ** length for length in range(STEPS))


def outputs(terms):
    for length in range(STEPS):
        for tokens in itertools.product(TEXTS, repeat=length):
            if contains(tokens, terms):
                yield (*tokens, END_ID)


def score(model, row, output):
    return sum(model.after(row, output[:t])[0][token] for t, token in enumerate(output))


def run(model, terms, beam_width, **options):
    automaton, forced = make_term_automaton(terms, BORDERS, beam_width)
    options = {"max_length": STEPS, "beam_width": beam_width, **options}
    return to_numpy(search(model, model.source, automaton=automaton, terms=forced, **options))


@pytest.fixture(scope="module")
def expected():
    return [list(outputs(terms)) for terms in TERMS]


@tensorflow_only("JAX takes minutes to compile a beam of this width")
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_the_widest_beam_finds_the_best_output_that_contains_the_terms(expected, penalty):
    model = TableModel(0)
    hypotheses = run(model, TERMS, WIDEST, length_penalty=penalty)
    for row, allowed in enumerate(expected):
        scores = [score(model, row, each) for each in allowed]
        ranks = [value / ((5 + len(each)) / 6) ** penalty
                 for value, each in zip(scores, allowed, strict=True)]  # fmt: skip
        best = int(np.argmax(ranks))
        (tokens, value), *_ = possible(hypotheses, row)
        assert tokens == allowed[best] and value == pytest.approx(scores[best], abs=1e-4)


@cases("width", [2, 3, 6], elsewhere=[3])
@pytest.mark.parametrize("options", [{}, {"length_penalty": 1.0, "coverage_penalty": 0.3}])
def test_every_output_contains_the_terms_of_its_source_and_has_the_score_of_the_model(
    width, options
):
    model = TableModel(0, 0, 1, 1, end=3.0)  # the model would end soon
    terms = 2 * [SETS[row % len(SETS)] for row in range(2 * len(SOURCE))]
    hypotheses = run(model, terms, width, **options)
    for row, own in enumerate(terms):
        assert (found := possible(hypotheses, row))
        for tokens, value in found:
            assert tokens[-1] == END_ID and contains(tokens[:-1], own)
            assert value == pytest.approx(score(model, row, tokens), abs=1e-4)


def test_a_beam_of_banks_finds_almost_the_best_output(expected):
    """Without banks, the same beam loses 1.2 nats per output."""
    lost, model = [], TableModel(*range(6), end=4.0)
    hypotheses = run(model, 6 * TERMS, 6)
    for row, allowed in enumerate(6 * expected):
        best = max(score(model, row, each) for each in allowed)
        lost.append(best - hypotheses.scores[row, 0])
    assert min(lost) > -1e-4 and np.mean(lost) < 0.2


def test_a_term_with_a_probability_of_0_may_occur_anywhere():
    """If it could only be written after the likely tokens, a beam would find 5 of the 12 best."""
    model, lost, term = TableModel(*range(4)), [], ((A,),)
    model.logits[:, A.ids[0]] = -50.0
    model.logits = to_numpy(sparse_log_probabilities(model.logits, "sparsemax"))
    hypotheses = run(model, [term] * len(model.source), 6)
    for row in range(len(model.source)):
        best = max(score(model, row, each) for each in outputs(term))
        lost.append(best - hypotheses.scores[row, 0])
    assert min(lost) > -1e-3 and sum(each < 1e-3 for each in lost) >= 10


def test_a_prefix_counts_as_part_of_the_output():
    prefix = np.array([[4, 5]] * len(SOURCE), "int32")
    hypotheses = run(TableModel(0, end=9.0), [((AB,),)] * len(SOURCE), 3, prefix=prefix)
    assert (hypotheses.tokens[:, 0, :3] == [4, 5, END_ID]).all()


def test_the_search_of_a_source_ends_when_no_hypothesis_can_outrank_its_best():
    """Hypotheses without the term cannot end; without this rule they would use all steps."""
    model = TableModel(1, end=6.0)
    short = run(model, [((A,),)] * len(SOURCE), 4)
    for row in range(len(SOURCE)):
        assert len(possible(short, row)[0][0]) < STEPS
        assert (short.tokens[row, :, -1] == 0).all()


@tensorflow_only("only TensorFlow graphs drop sources")
def test_a_graph_that_drops_ended_sources_gives_the_same_results():
    import tensorflow as tf

    model, count = TableModel(2, end=2.0), len(Automaton._fields)

    def find(source, *arrays):
        tables = Automaton(*arrays[:count]), ForcedTerms(*arrays[count:])
        options = {"max_length": STEPS, "beam_width": 4}
        return search(model, source, automaton=tables[0], terms=tables[1], **options)

    automaton, forced = make_term_automaton(TERMS, BORDERS, 4)
    arrays = [*automaton, *forced]
    signature = [tf.TensorSpec([None] * array.ndim, tf.int32) for array in arrays]
    source = tf.TensorSpec([None, SOURCE.shape[1]], tf.int32)
    graph = tf.function(find, input_signature=[source, *signature], autograph=False)
    actual, expected = to_numpy(graph(SOURCE, *arrays)), run(model, TERMS, 4)
    for row in range(len(SOURCE)):
        found, alone = possible(actual, row), possible(expected, row)
        assert [tokens for tokens, _ in found] == [tokens for tokens, _ in alone]
        scores = [value for _, value in alone]
        assert [value for _, value in found] == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"beam_width": 1}, "`beam_width` must be at least 2 to force `terms`"),
        ({"sample": True}, "`terms` requires beam search and cannot be combined with `sample`"),
        ({"beam_width": 4, "groups": 2}, "`groups` must be 1 to force `terms`"),
        ({"min_length": 3}, "`min_length` must be at most 1 to force `terms`"),
        ({"no_repeat_ngram": 2}, "`no_repeat_ngram` must be 0 to force `terms`"),
    ],
)
def test_options_that_cannot_force_terms_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        run(TableModel(0), TERMS, **{"beam_width": 3, **options})


def test_tables_of_terms_that_do_not_belong_to_the_search_are_refused():
    automaton, forced = make_term_automaton(TERMS, BORDERS, 3)
    one = forced._replace(starts=forced.starts[:1])
    for tables, length, message in [
        ({"terms": forced}, STEPS, "`terms` requires the `automaton`"),
        ({"terms": one, "automaton": automaton}, STEPS, "of the 3 sources. Received: terms=those"),
        ({"terms": forced, "automaton": automaton}, 2, "`max_length` must be at least 3"),
    ]:
        with pytest.raises(OptionError, match=message):
            search(TableModel(0), SOURCE, max_length=length, beam_width=3, **tables)
