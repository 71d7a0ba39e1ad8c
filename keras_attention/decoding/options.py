"""The options of a search, each declared once: what it does, its default and its range.

The class that declares an option says who offers it; translators, recipes, stored files, the
command line and the signatures of exports derive from the fields.
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
"""The lowest temperature; log-probabilities divided by less may overflow float32."""

LONGEST = 65_536
"""The largest number of target tokens of an output; arrays of this length are allocated."""

WIDEST_BEAM = 10_000
"""The largest number of hypotheses of a source."""

MOST_LENGTH_PENALTY = 8
"""The largest length penalty: the penalty of the longest output must be a float32."""

MOST_COVERAGE_PENALTY = 10_000
MOST_REPETITION_PENALTY = 1_000
MOST_DIVERSITY = 10_000
"""The largest weights: with more of them, an output ranks like one that does not exist."""


def _is_generator(seed: object) -> bool:
    """Return whether a seed is a `SeedGenerator`; importing Keras to ask would take seconds."""
    return hasattr(seed, "next")


def check_option(option: Setting, value: object) -> Any:
    """Return the value of one option, in the type that it has.

    Raises:
        OptionError: if the value has another type or is out of the option's range.
    """
    try:
        return option.check(value)
    except SettingError:
        received = {option.key: repr(value)}
        raise OptionError(option.key, f"must be {option.expected}", **received) from None


@dataclass(frozen=True, kw_only=True)
class ServedOptions(Settings):
    """The options that an exported SavedModel takes with each request."""

    beam_width: int = setting(
        1,
        "hypotheses of each source (1 = greedy search), or samples",
        minimum=1,
        maximum=WIDEST_BEAM,
    )
    length_penalty: float = setting(
        0.0,
        "exponent of the length penalty that ranks beams (Wu et al. 2016, eq. 14)",
        minimum=0,
        maximum=MOST_LENGTH_PENALTY,
    )


@dataclass(frozen=True, kw_only=True)
class StoredOptions(ServedOptions):
    """The options that a model keeps: recipes, stored models and `evaluate` have all of them."""

    coverage_penalty: float = setting(
        0.0,
        "weight of the coverage penalty that ranks beams (Wu et al. 2016, eq. 14)",
        minimum=0,
        maximum=MOST_COVERAGE_PENALTY,
    )
    min_length: int = setting(
        0, "tokens of the shortest output, the end token included", minimum=0, maximum=LONGEST
    )
    repetition_penalty: float = setting(
        1.0,
        "factor on the log-probability of tokens that the output already has (after Keskar et "
        "al. 2019, 4.1)",
        minimum=1,
        maximum=MOST_REPETITION_PENALTY,
    )
    no_repeat_ngram: int = setting(
        0,
        "size of the n-grams that no output has twice (0 = all may come again)",
        minimum=0,
        maximum=LONGEST,
    )


@dataclass(frozen=True, kw_only=True)
class SearchOptions(StoredOptions):
    """How `search` looks for outputs; the defaults are greedy search.

    Scores stay sums of the model's own log-probabilities whatever the options: these decide which
    hypotheses are kept, and in which order.

    Args:
        {settings}

    Raises:
        SettingError: if an option is out of its range, or has no effect without another.

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
        "tokens of the longest output, the end token included",
        kind=int,
        minimum=1,
        maximum=LONGEST,
    )
    groups: int = setting(
        1,
        "groups of beams that do not compete, a divisor of the beam width (Vijayakumar et al. "
        "2018)",
        minimum=1,
        maximum=WIDEST_BEAM,
    )
    group_diversity: float = setting(
        0.0,
        "penalty on a token for each hypothesis of an earlier group that has it at the same step",
        minimum=0,
        maximum=MOST_DIVERSITY,
    )
    sample: bool = setting(False, "draw independent hypotheses at random instead of searching")
    temperature: float = setting(
        1.0,
        "when sampling, what log-probabilities are divided by; less is nearer to greedy search",
        minimum=LEAST_TEMPERATURE,
    )
    top_k: int = setting(
        0, "when sampling, draw from that many likeliest tokens only (0 = from all)", minimum=0
    )
    top_p: float = setting(
        1.0,
        "when sampling, draw from the fewest likeliest tokens with that probability together",
        above=0,
        maximum=1,
    )
    seed: int | keras.random.SeedGenerator = setting(
        0,
        "when sampling, draw the same each time; in Python also a `SeedGenerator`",
        minimum=0,
        other=_is_generator,
    )

    def check_together(self) -> None:
        """Check options that depend on each other.

        Raises:
            OptionError: if two contradict each other, or one has no effect without another.
        """
        if self.min_length > self.max_length:
            self._refuse("min_length", "must not be above {max_length}", "max_length")
        if self.beam_width % self.groups:
            self._refuse("groups", "must be positive and divide {beam_width}", "beam_width")
        if self.group_diversity and self.groups == 1:
            self._refuse("group_diversity", "requires two {groups} at least", "groups")
        if self.sample and self.groups > 1:
            self._refuse("groups", "must be 1 with {sample}")
        for known in () if self.sample else self.settings():
            if known.key in _OF_SAMPLING and getattr(self, known.key) != known.default:
                self._refuse(known.key, "requires {sample}")

    def _refuse(self, name: str, rule: str, *others: str) -> None:
        raise OptionError(name, rule, **{each: getattr(self, each) for each in (name, *others)})


document(SearchOptions, SearchOptions)

_OF_SAMPLING = ("temperature", "top_k", "top_p", "seed")
"""Options without effect on a search that does not sample."""
