import os

import numpy as np
import pytest
from sacrebleu import BLEU
from sacrebleu.significance import PairedTest

from keras_attention.errors import InputError
from keras_attention.training.metrics.significance import paired_bootstrap

TARGETS = [f"the {n} small dogs play with {n % 7} cats" for n in range(60)]
BETTER = [text.replace("small", "tiny") if n % 6 == 0 else text for n, text in enumerate(TARGETS)]
WORSE = [text.replace("small", "tiny") if n % 2 == 0 else text for n, text in enumerate(TARGETS)]


@pytest.mark.parametrize("name", ["exact_match", "g2p_wer", "wer", "per", "bleu", "chrf"])
def test_a_clear_difference_is_significant_and_no_difference_is_not(name):
    clear = paired_bootstrap(name, BETTER, WORSE, TARGETS, samples=200)
    assert clear.p_value < 0.02
    assert (clear.difference < 0) == clear.first.higher_is_better
    assert clear.difference == pytest.approx(clear.second.value - clear.first.value)
    assert paired_bootstrap(name, BETTER, list(BETTER), TARGETS, samples=200).p_value == 1


@pytest.mark.parametrize("name", ["exact_match", "per", "bleu"])
def test_a_random_difference_is_not_significant(name):
    first, second = ([*TARGETS] for _ in range(2))
    for n in range(0, 20):
        (first if n % 2 else second)[n] = "a wrong line"
    second[20] = "a wrong line"
    assert paired_bootstrap(name, first, second, TARGETS, samples=200).p_value > 0.1


def test_error_rates_are_resampled_as_in_a_plain_bootstrap():
    paired = paired_bootstrap("exact_match", BETTER, WORSE, TARGETS, samples=300, seed=5)
    rng, right = np.random.default_rng(5), [np.array(x) == TARGETS for x in (BETTER, WORSE)]
    draws = [rng.integers(60, size=60) for _ in range(300)]
    gaps = np.array([abs(right[1][rows].mean() - right[0][rows].mean()) for rows in draws])
    observed = abs(right[1].mean() - right[0].mean())
    assert paired.p_value == (np.sum(gaps - gaps.mean() > observed) + 1) / 301
    assert (paired.samples, paired.seed) == (300, 5)


def test_bleu_is_resampled_by_sacrebleu(monkeypatch):
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    close = [*BETTER[:50], *WORSE[50:]]
    systems = [("one", BETTER), ("other", close)]
    _, results = PairedTest(systems, {"bleu": BLEU()}, [TARGETS], test_type="bs", n_samples=100)()
    paired = paired_bootstrap("bleu", BETTER, close, TARGETS, samples=100, seed=7)
    assert paired.p_value == results["BLEU"][1].p_value
    assert paired.second.value == pytest.approx(results["BLEU"][1].score)
    again = paired_bootstrap("bleu", BETTER, close, TARGETS, samples=100, seed=8)
    assert again.p_value != paired.p_value
    assert os.environ["SACREBLEU_SEED"] == "7"


def test_both_implementations_of_resampling_agree_on_equal_metrics():
    # TER without shifts equals the phone error rate if words take the place of phones.
    close = [*BETTER[:54], *WORSE[54:]]
    ours, theirs = (
        paired_bootstrap(name, BETTER, close, TARGETS, samples=300) for name in ("per", "ter")
    )
    assert ours.second.value == pytest.approx(theirs.second.value)
    assert ours.p_value == pytest.approx(theirs.p_value, abs=0.02)
    assert 0.02 < ours.p_value < 0.5


def test_the_seed_variable_is_removed_afterwards(monkeypatch):
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)
    paired_bootstrap("ter", BETTER[:5], WORSE[:5], TARGETS[:5], samples=2)
    assert "SACREBLEU_SEED" not in os.environ


def test_invalid_arguments_are_rejected():
    with pytest.raises(InputError, match="one of the metrics .*Received: 'f1'"):
        paired_bootstrap("f1", BETTER, WORSE, TARGETS)
    with pytest.raises(ValueError, match="must have the same length"):
        paired_bootstrap("wer", BETTER, WORSE[1:], TARGETS)
    with pytest.raises(ValueError, match="samples=0"):
        paired_bootstrap("wer", BETTER, WORSE, TARGETS, samples=0)
