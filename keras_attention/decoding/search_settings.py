"""The search settings that are stored with a trained model."""

from dataclasses import MISSING, dataclass, fields
from typing import Any

from keras_attention.decoding.options import LONGEST, SearchOptions, StoredOptions
from keras_attention.settings.documented import document
from keras_attention.settings.setting import redeclare, setting


@dataclass(frozen=True)
class SearchSettings(StoredOptions):
    """The default search options and limits of a trained model and its exports.

    Args:
        {settings}

    Raises:
        SettingError: if a value is out of its range, or contradicts another one.
    """

    max_source_length: int = setting(
        MISSING,
        "largest number of tokens of a source, including `</s>`, in a runtime with fixed shapes",
        kind=int,
        minimum=1,
        maximum=LONGEST,
    )
    max_length: int = redeclare(SearchOptions, "max_length")
    replace_unknown: bool = setting(
        False, "replace each `<unk>` with the source token of the largest weight"
    )

    def check_together(self) -> None:
        """Check the values with the rules of `SearchOptions`."""
        self.options()

    def options(self, **overrides: Any) -> SearchOptions:
        """Return the options of a search.

        Args:
            **overrides: fields of `SearchOptions` that replace the settings.

        Raises:
            SettingError: if an option is out of its range, or contradicts another one.
        """
        names = {field.name for field in fields(SearchOptions)} & set(vars(self))
        return SearchOptions(**{**{name: getattr(self, name) for name in names}, **overrides})


document(SearchSettings, SearchSettings)
