"""What a trained model keeps of its search options."""

from dataclasses import asdict, dataclass
from typing import Any

from keras_attention.decoding.options import SearchOptions


@dataclass(frozen=True)
class SearchSettings:
    """How a model searches unless it is told otherwise; exports search so too.

    Attributes:
        max_source_length: source tokens that an export with fixed shapes takes, `</s>` included.
        max_length: this and what follows are those of `SearchOptions`.

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

    def __post_init__(self) -> None:
        """Checks the values by making options of them."""
        if type(self.max_source_length) is not int or self.max_source_length < 1:
            raise ValueError(
                "`max_source_length` must be a positive integer. "
                f"Received: max_source_length={self.max_source_length!r}."
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
        del stored["max_source_length"]
        return SearchOptions(**{**stored, **overrides})
