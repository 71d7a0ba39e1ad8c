"""All options of `search` in one value that is checked once."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING

from keras_attention.files.schema import is_finite

if TYPE_CHECKING:
    import keras

LEAST_TEMPERATURE = 1e-6
"""The lowest temperature; log-probabilities divided by less may overflow float32."""

LONGEST = 65_536
"""The largest number of target tokens of an output; arrays of this length are allocated."""

WIDEST_BEAM = 10_000
"""The largest number of hypotheses of a source."""

LARGEST = 2**31 - 1
"""The largest value of any other integer option, the largest int32."""

MOST_LENGTH_PENALTY = 8
"""The largest length penalty: the penalty of the longest output must be a float32."""

MOST_COVERAGE_PENALTY = 10_000
MOST_REPETITION_PENALTY = 1_000
MOST_DIVERSITY = 10_000
"""The largest weights: with more of them, an output ranks like one that does not exist."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How `search` looks for outputs; the defaults are plain greedy search.

    Scores stay sums of the model's own log-probabilities whatever the options: what follows
    decides which hypotheses are kept, and in which order. Lengths count the end token.

    Attributes:
        max_length: target steps at most; from 1 to 65,536.
        beam_width: hypotheses a source, from 1 to 10,000; 1 is greedy search. Default 1.
        length_penalty: exponent of the length penalty that ranks beams (Wu et al. 2016, eq. 14),
            from 0 to 8. Default 0.
        coverage_penalty: weight of the coverage penalty that ranks beams (Wu et al. 2016,
            eq. 14), from 0 to 10,000. Default 0.
        min_length: target steps at least. Default 0.
        repetition_penalty: factor, from 1 to 1,000, on the log-probability of what was said before
            (after Keskar et al. 2019, 4.1). Default 1.
        no_repeat_ngram: size of the n-grams that no hypothesis may hold twice; 0 allows all.
            Default 0.
        groups: groups of beams that are kept apart (Vijayakumar et al. 2018), a divisor of
            `beam_width`. Default 1.
        group_diversity: what a token loses for each hypothesis of an earlier group that says it
            at the same step, from 0 to 10,000; wants several `groups`. Default 0.
        sample: draw `beam_width` independent hypotheses rather than search. Default false.
        temperature: of sampling, at least 1e-6; lower values are nearer to greedy search. Default
            1.
        top_k: draw from that many likeliest tokens only; 0 draws from all. Default 0.
        top_p: draw from the fewest likeliest tokens that have that probability together, in
            (0, 1]. `top_k` and `top_p` keep the lower ids of equally likely tokens. Default 1.
        seed: of sampling: an integer in [0, 2 ** 31), which draws the same each time, or a
            `keras.random.SeedGenerator`. Default 0.

    Raises:
        ValueError: if an option is out of its range, or has no effect without another.

    Example:
        >>> SearchOptions(max_length=20, beam_width=4, groups=2).min_length
        0

    Reference:
        https://arxiv.org/abs/1609.08144
        https://arxiv.org/abs/1909.05858
        https://arxiv.org/abs/1610.02424
        https://arxiv.org/abs/1904.09751
    """

    max_length: int
    beam_width: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    min_length: int = 0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    groups: int = 1
    group_diversity: float = 0.0
    sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int | keras.random.SeedGenerator = 0

    def __post_init__(self) -> None:
        """Checks each option alone, then those that belong together."""
        for name in ("max_length", "beam_width", "groups", "min_length", "no_repeat_ngram"):
            _check_integer(name, getattr(self, name))
            _check_most(name, getattr(self, name), _MOST[name])
        if self.beam_width < 1 or self.max_length < 1:
            raise ValueError(
                "`beam_width` and `max_length` must be positive. "
                f"Received: beam_width={self.beam_width}, max_length={self.max_length}."
            )
        _check_integer("top_k", self.top_k)
        _check_most("top_k", self.top_k, LARGEST)
        for name in ("min_length", "no_repeat_ngram", "top_k"):
            _check_least(name, getattr(self, name), 0)
        for name, (least, most) in _RANGES.items():
            _check_number(name, getattr(self, name))
            _check_least(name, getattr(self, name), least)
            _check_most(name, getattr(self, name), most)
        self._check_lengths_and_groups()
        self._check_sampling()

    def _check_lengths_and_groups(self) -> None:
        if self.min_length > self.max_length:
            raise ValueError(
                "`min_length` must not be above `max_length`. "
                f"Received: min_length={self.min_length}, max_length={self.max_length}."
            )
        if self.groups < 1 or self.beam_width % self.groups:
            raise ValueError(
                "`groups` must be positive and divide `beam_width`. "
                f"Received: groups={self.groups}, beam_width={self.beam_width}."
            )
        if self.group_diversity and self.groups == 1:
            raise ValueError(
                "`group_diversity` wants two `groups` at least. "
                f"Received: group_diversity={self.group_diversity}, groups=1."
            )

    def _check_sampling(self) -> None:
        if not isinstance(self.sample, bool):
            raise ValueError(f"`sample` must be True or False. Received: sample={self.sample!r}.")
        _check_number("temperature", self.temperature)
        _check_number("top_p", self.top_p)
        _check_least("temperature", self.temperature, LEAST_TEMPERATURE)
        if not 0 < self.top_p <= 1:
            raise ValueError(
                f"`top_p` must be above 0 and at most 1. Received: top_p={self.top_p}."
            )
        # A seed generator is told by its method: importing Keras here would take seconds.
        if not hasattr(self.seed, "next"):
            _check_integer("seed", self.seed)
            if not 0 <= self.seed < 2**31:  # type: ignore[operator]
                raise ValueError(
                    f"`seed` must be at least 0 and below 2 ** 31. Received: seed={self.seed}."
                )
        if self.sample and self.groups > 1:
            raise ValueError(
                f"`groups` are of beam search, not of sampling. Received: groups={self.groups}."
            )
        for name, off in (("temperature", 1), ("top_k", 0), ("top_p", 1), ("seed", 0)):
            value = getattr(self, name)
            if not self.sample and value != off:
                raise ValueError(f"`{name}` wants `sample=True`. Received: {name}={value}.")


_MOST = {
    "max_length": LONGEST,
    "beam_width": WIDEST_BEAM,
    "groups": WIDEST_BEAM,
    "min_length": LONGEST,
    "no_repeat_ngram": LONGEST,
}


_RANGES = {
    "length_penalty": (0, MOST_LENGTH_PENALTY),
    "coverage_penalty": (0, MOST_COVERAGE_PENALTY),
    "repetition_penalty": (1, MOST_REPETITION_PENALTY),
    "group_diversity": (0, MOST_DIVERSITY),
}


def _check_most(name: str, value: float, most: int) -> None:
    if value > most:
        short = value <= LARGEST or not isinstance(value, Integral)
        received = value if short else "an integer of more than 31 bits"
        raise ValueError(f"`{name}` must be at most {most}. Received: {name}={received}.")


def _check_integer(name: str, value: object) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"`{name}` must be an integer. Received: {name}={value!r}.")


def _check_number(name: str, value: object) -> None:
    if not isinstance(value, Real) or isinstance(value, bool) or not is_finite(value):
        raise ValueError(f"`{name}` must be a finite number. Received: {name}={value!r}.")


def _check_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise ValueError(f"`{name}` must be at least {least}. Received: {name}={value}.")
