"""The section `[data]` of a recipe: the pairs of a run."""

from __future__ import annotations

from dataclasses import dataclass

from keras_attention.decoding.options import LONGEST
from keras_attention.errors import InputError
from keras_attention.settings.setting import setting

from ..tasks.synthetic import TASKS
from .languages import check_languages
from .settings import Section

TABLES = ("tsv", "csv")
"""Values of `data.format` for files with columns."""

RECORDS = ("jsonl", "parquet")
"""Values of `data.format` for files of records with named fields."""

FILE_FORMATS = ("dates", *TABLES, *RECORDS, "parallel")
"""Values of `data.format` for files."""

_FORMATS_WITH = {
    "delimiter": ("csv",),
    "header": TABLES,
    "source_column": (*TABLES, *RECORDS),
    "target_column": (*TABLES, *RECORDS),
}
"""The values of `data.format` with which each of these settings can be used."""


@dataclass(frozen=True)
class DataConfig(Section):
    """The source of the pairs, and the limits on them. `data_paths` resolves the paths."""

    section = "data"
    format: str = setting(
        "dates",
        "format of the files: free-form dates, tab-separated columns (tsv), columns with quoted "
        "fields (csv), a JSON object per line (jsonl), Parquet, or two parallel files; or a task "
        "whose pairs are generated: copy letters, reverse letters, or rewrite the date in a "
        "sentence",
        choices=(*FILE_FORMATS, *TASKS),
    )
    delimiter: str = setting(
        ",", 'character between the columns of a csv file, such as ";" or "\\t"'
    )
    header: bool = setting(False, "the first row of a tsv or csv file holds the column names")
    source_column: str = setting(
        "",
        "tsv and csv: column of the sources, a number counted from 1 or a name in the header "
        "(empty = 1). jsonl and parquet: field with the source, such as en or translation.en "
        "(empty = source)",
        numbers=True,
    )
    target_column: str = setting(
        "",
        "column or field of the targets, as for source_column (empty = 2, or target)",
        numbers=True,
    )
    folder: str = setting(
        "", "folder that relative paths of this section start from; empty: the working folder"
    )
    language: str = setting(
        "",
        "code that replaces {language} in the paths of this section, or several codes, separated "
        "by commas, to read the files of each",
    )
    target_language: str = setting(
        "", "code or codes that replace {target_language} in these paths, as for language"
    )
    source_features: str = setting(
        "",
        "names of source features, such as language, separated by commas. The features language "
        "and target_language get the codes of the file, if these are set. Write other values as "
        "tags into the sources, such as <domain=news>",
    )
    path: str = setting(
        "",
        "training file (parallel: of the sources), or a pattern such as parts/*.tsv for several "
        "files, which are read in the order of their names. Leave it empty for dates and tasks to "
        "generate the pairs",
    )
    target_path: str = setting("", "file of the training targets (parallel only)")
    validation_path: str = setting(
        "",
        "held-out file (parallel: of the sources); empty: hold out data.held_out of the "
        "training pairs",
    )
    validation_target_path: str = setting("", "file of the held-out targets (parallel only)")
    alignment_path: str = setting(
        "",
        "file of alignments for training.guided_alignment, with a line per training pair: in "
        "Pharaoh format, with links i-j between tokens (subword models: words), or a .jsonl file "
        "from align --soft; empty: the known alignments of the task",
    )
    size: int = setting(
        50000, "pairs to generate when path is empty", minimum=1, maximum=10_000_000
    )
    shortest: int = setting(
        4,
        "for the tasks copy, reverse and date-sentences: smallest number of tokens of a source, "
        "without </s>",
        minimum=1,
        maximum=LONGEST,
    )
    longest: int = setting(
        10,
        "for the tasks copy, reverse and date-sentences: largest number of tokens of a source, "
        "without </s>",
        minimum=1,
        maximum=LONGEST,
    )
    held_out: int = setting(
        5000,
        "pairs to hold out after a seeded shuffle when validation_path is empty",
        minimum=0,
    )
    replay: float = setting(
        0.0,
        "with --from: share of the training pairs to draw from the run of the start model, so that "
        "the new model forgets less",
        minimum=0,
        below=1,
    )
    max_source_length: int = setting(
        64,
        "largest number of tokens of a source, including </s>; pairs with longer sources are "
        "dropped",
        minimum=1,
        maximum=LONGEST,
    )
    max_target_length: int = setting(
        64,
        "largest number of tokens of a target, including </s>; pairs with longer targets are "
        "dropped",
        minimum=1,
        maximum=LONGEST,
    )
    in_memory: int = setting(
        100,
        "largest training data to hold in memory, in millions of characters. Larger data is kept "
        "in files, in the folder NAME.store next to the run folder NAME, which later starts reuse",
        minimum=0,
    )

    def check_together(self) -> None:
        """Check the rules that combine several values."""
        self._check_format_has_columns()
        self._check_delimiter()
        self._check_columns()
        check_languages(dict(self.values()), labelled=[*TABLES, *RECORDS, "parallel"])
        if (
            self.format in TASKS
            and not TASKS[self.format].shortest <= self.shortest <= self.longest
        ):
            raise InputError(
                f"`data.shortest` must be at least {TASKS[self.format].shortest} for "
                f"data.format={self.format!r} and not above data.longest. Received: "
                f"data.shortest={self.shortest}, data.longest={self.longest}."
            )

    def _check_format_has_columns(self) -> None:
        defaults = {known.key: known.default for known in self.settings()}
        for name, formats in _FORMATS_WITH.items():
            value = getattr(self, name)
            if value != defaults[f"data.{name}"] and self.format not in formats:
                raise InputError(
                    f"`data.{name}` requires data.format={' or '.join(map(repr, formats))}. "
                    f"Received: data.{name}={value!r}, data.format={self.format!r}."
                )

    def _check_delimiter(self) -> None:
        # In a shell, or in a TOML string in single quotes, a typed \t stays a backslash and a t.
        typed_tab = self.delimiter == r"\t"
        if not typed_tab and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise InputError(
                "`data.delimiter` must be one character other than a double quote or a line end. "
                f"Received: data.delimiter={self.delimiter!r}."
            )

    def _check_columns(self) -> None:
        for name in ("source_column", "target_column"):
            column = getattr(self, name)
            is_number = column.isascii() and column.isdecimal()
            in_range = is_number and len(column) < 10 and int(column) >= 1
            is_name = self.format in RECORDS or (self.header and not is_number)
            if column and not (in_range or is_name):
                raise InputError(
                    f"`data.{name}` must be a number of at least 1, below 1,000,000,000, or a "
                    f"column name with data.header=true. Received: data.{name}={column[:40]!r}, "
                    f"data.header={str(self.header).lower()}."
                )
