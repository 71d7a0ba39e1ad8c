"""What a trained model keeps of its search options."""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from keras_attention.decoding.options import LONGEST, SearchOptions


@dataclass(frozen=True)
class SearchSettings:
    """How a model searches and writes unless it is told otherwise; exports do so too.

    Attributes:
        max_source_length: source tokens that an export with fixed shapes takes, `</s>` included,
            at most `LONGEST`.
        max_length: this and what follows, up to `replace_unknown`, are those of `SearchOptions`;
            at most `LONGEST`.
        beam_width: at most `WIDEST_BEAM`.
        replace_unknown: whether source tokens stand in for `<unk>`; see `TextCodec`.

    Raises:
        ValueError: if a value is out of its range.
    """

    max_source_length: int
    max_length: int
    beam_width: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    min_length: int = 0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    replace_unknown: bool = False

    def __post_init__(self) -> None:
        """Checks the values by making options of them; NumPy's numbers become plain ones."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.integer | np.floating):
                object.__setattr__(self, field.name, value.item())
        length = self.max_source_length
        if type(length) is not int or not 1 <= length <= LONGEST:
            raise ValueError(
                f"`max_source_length` must be an integer from 1 to {LONGEST}. "
                f"Received: max_source_length={length!r}."
            )
        if type(self.replace_unknown) is not bool:
            raise ValueError(
                "`replace_unknown` must be True or False. "
                f"Received: replace_unknown={self.replace_unknown!r}."
            )
        self.options()

    def options(self, **overrides: Any) -> SearchOptions:
        """The options of a search.

        Args:
            **overrides: fields of `SearchOptions`, in place of the settings.

        Raises:
            ValueError: if an option is out of its range, or does not fit the others.
        """
        stored = asdict(self)
        del stored["max_source_length"], stored["replace_unknown"]
        return SearchOptions(**{**stored, **overrides})
