"""The options of a search: their explanations, defaults and ranges.

The class that declares an option determines which interfaces offer it. Translators, recipes, stored
files, the command line and the signatures of exports derive their options from the fields of
these classes.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Any

from keras_attention.errors import OptionError, SettingError
from keras_attention.settings.documented import document
from keras_attention.settings.setting import Setting, Settings, setting

if TYPE_CHECKING:
    import keras

LEAST_TEMPERATURE = 1e-6
"""The lowest temperature; dividing log-probabilities by a lower number may overflow float32."""

LONGEST = 65_536
"""The largest length of an output in tokens, limited because arrays have this size."""

LARGEST_BATCH = 1024
"""Largest number of texts that a TFLite file searches together."""

WIDEST_BEAM = 10_000
"""The largest number of hypotheses per source."""

MOST_LENGTH_PENALTY = 8
"""The largest length penalty; with it, the penalty of the longest output still fits in float32."""

MOST_COVERAGE_PENALTY = 10_000
MOST_REPETITION_PENALTY = 1_000
MOST_DIVERSITY = 10_000
"""The largest weights; with larger weights, a possible output could rank below `IMPOSSIBLE`."""


def _is_generator(seed: object) -> bool:
    """Return whether a seed is a `SeedGenerator`, without the slow import of Keras."""
    return hasattr(seed, "next")


def check_option(option: Setting, value: object) -> Any:
    """Return the value of one option, checked and converted to its type.

    Raises:
        OptionError: if the value has a different type or is out of the option's range.
    """
    try:
        return option.check(value)
    except SettingError:
        received = {option.key: repr(value)}
        raise OptionError(option.key, f"must be {option.expected}", **received) from None


@dataclass(frozen=True, kw_only=True)
class ServedOptions(Settings):
    """The options that a request to an exported SavedModel may set."""

    beam_width: int = setting(
        1,
        "number of hypotheses per source (1 = greedy search), or of samples when sampling",
        minimum=1,
        maximum=WIDEST_BEAM,
    )
    length_penalty: float = setting(
        0.0,
        "exponent of the length penalty that ranks beams; larger values prefer longer outputs (Wu "
        "et al. 2016, eq. 14)",
        minimum=0,
        maximum=MOST_LENGTH_PENALTY,
    )


@dataclass(frozen=True, kw_only=True)
class StoredOptions(ServedOptions):
    """The options that recipes, stored models and `evaluate` accept."""

    coverage_penalty: float = setting(
        0.0,
        "weight of the coverage penalty that ranks beams; larger values prefer outputs that attend "
        "to all of the source (Wu et al. 2016, eq. 14)",
        minimum=0,
        maximum=MOST_COVERAGE_PENALTY,
    )
    min_length: int = setting(
        0,
        "smallest number of tokens of an output, including the end token",
        minimum=0,
        maximum=LONGEST,
    )
    repetition_penalty: float = setting(
        1.0,
        "factor on the log-probability of tokens that the output already contains (1 = no "
        "penalty; after Keskar et al. 2019, 4.1)",
        minimum=1,
        maximum=MOST_REPETITION_PENALTY,
    )
    no_repeat_ngram: int = setting(
        0,
        "size of the n-grams that an output must not repeat (0 = no limit)",
        minimum=0,
        maximum=LONGEST,
    )


@dataclass(frozen=True, kw_only=True)
class SearchOptions(StoredOptions):
    """All options of `search`; the defaults select greedy search.

    The options decide which hypotheses are kept, and in which order. They do not change scores,
    which are always sums of the model's log-probabilities.

    Args:
        {settings}

    Raises:
        SettingError: if an option is out of its range, or has no effect without another option.

    Example:
        >>> SearchOptions(max_length=20, beam_width=4, groups=2).min_length
        0

    Reference:
        https://arxiv.org/abs/1609.08144
        https://arxiv.org/abs/1909.05858
        https://arxiv.org/abs/1610.02424
        https://arxiv.org/abs/1904.09751
    """

    max_length: int = setting(
        MISSING,
        "largest number of tokens of an output, including the end token",
        kind=int,
        minimum=1,
        maximum=LONGEST,
    )
    groups: int = setting(
        1,
        "number of beam groups that search separately; must divide the beam width (Vijayakumar et "
        "al. 2018)",
        minimum=1,
        maximum=WIDEST_BEAM,
    )
    group_diversity: float = setting(
        0.0,
        "penalty on a token for each hypothesis of an earlier group that chose it at the same step",
        minimum=0,
        maximum=MOST_DIVERSITY,
    )
    sample: bool = setting(False, "draw independent hypotheses at random instead of searching")
    temperature: float = setting(
        1.0,
        "when sampling, divisor of the log-probabilities; smaller is closer to greedy search",
        minimum=LEAST_TEMPERATURE,
    )
    top_k: int = setting(
        0, "when sampling, draw only from this many most likely tokens (0 = from all)", minimum=0
    )
    top_p: float = setting(
        1.0,
        "when sampling, draw only from the smallest set of most likely tokens whose probabilities "
        "sum to at least this value",
        above=0,
        maximum=1,
    )
    seed: int | keras.random.SeedGenerator = setting(
        0,
        "when sampling, the seed that makes draws repeatable; in Python also a `SeedGenerator`",
        minimum=0,
        other=_is_generator,
    )

    def check_together(self) -> None:
        """Check options that depend on each other.

        Raises:
            OptionError: if two options contradict each other, or if an option has no effect without
                another option.
        """
        if self.min_length > self.max_length:
            self._refuse("min_length", "must not be above {max_length}", "max_length")
        if self.beam_width % self.groups:
            self._refuse("groups", "must be positive and divide {beam_width}", "beam_width")
        if self.group_diversity and self.groups == 1:
            self._refuse("group_diversity", "requires at least two {groups}", "groups")
        if self.sample and self.groups > 1:
            self._refuse("groups", "must be 1 with {sample}")
        for known in () if self.sample else self.settings():
            if known.key in _SAMPLING_OPTIONS and getattr(self, known.key) != known.default:
                self._refuse(known.key, "requires {sample}")

    def _refuse(self, name: str, rule: str, *others: str) -> None:
        raise OptionError(name, rule, **{each: getattr(self, each) for each in (name, *others)})


document(SearchOptions, SearchOptions)

_SAMPLING_OPTIONS = ("temperature", "top_k", "top_p", "seed")
"""Options that have no effect without `sample`."""
