"""What a trained model keeps of its search options."""

from dataclasses import MISSING, dataclass, fields
from typing import Any

from keras_attention.decoding.options import LONGEST, SearchOptions, StoredOptions
from keras_attention.settings.documented import document
from keras_attention.settings.setting import redeclare, setting


@dataclass(frozen=True)
class SearchSettings(StoredOptions):
    """How a model searches and writes unless it is told otherwise; exports do so too.

    Args:
        {settings}

    Raises:
        SettingError: if a value is out of its range, or does not fit the others.
    """

    max_source_length: int = setting(
        MISSING,
        "tokens of the longest source, `</s>` included, that an export with fixed shapes takes",
        kind=int,
        minimum=1,
        maximum=LONGEST,
    )
    max_length: int = redeclare(SearchOptions, "max_length")
    replace_unknown: bool = setting(
        False, "write the source token with the largest weight in the place of `<unk>`"
    )

    def check_together(self) -> None:
        """Check that the values make `SearchOptions`."""
        self.options()

    def options(self, **overrides: Any) -> SearchOptions:
        """Return the options of a search.

        Args:
            **overrides: fields of `SearchOptions`, in place of the settings.

        Raises:
            SettingError: if an option is out of its range, or does not fit the others.
        """
        names = {field.name for field in fields(SearchOptions)} & set(vars(self))
        return SearchOptions(**{**{name: getattr(self, name) for name in names}, **overrides})


document(SearchSettings, SearchSettings)
