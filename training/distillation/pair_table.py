"""Tables of pairs that `distill` writes: tab-separated, with quotes where a text needs them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from keras_attention.files.atomic_writes import write_atomically

from ..data.data_paths import literal
from ..data.pairs import Pair
from ..data.tables import one_line
from ..recipe.data_config import DataConfig


def format_pairs(pairs: Iterable[Pair]) -> str:
    r"""Return pairs as lines of a table, with spaces in place of line feeds and carriage returns.

    Example:
        >>> format_pairs([("a", "b"), ("c d", "e")])
        'a\tb\nc d\te\n'
    """
    text = io.StringIO()
    rows = (map(one_line, pair) for pair in pairs)
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_table(path: Path, parts: Iterable[str]) -> None:
    """Write the parts of a table as one file, whole or not at all."""
    with write_atomically(path) as temporary_path:
        with open(temporary_path, "w", encoding="utf-8", newline="") as file:
            file.writelines(parts)


def table_data(config: DataConfig, path: Path, held_out: Path | None) -> DataConfig:
    """Return the `[data]` section of a recipe that reads its pairs from tables.

    Args:
        config: the recipe's own section. Its length limits and its names of source features are
            kept. The values of these features are already in the source texts, as tags.
        path: the table of the training pairs.
        held_out: the table of the held-out pairs, if any.
    """
    return DataConfig(
        format="csv",
        delimiter=r"\t",
        path=literal(os.path.abspath(path)),
        validation_path=literal(os.path.abspath(held_out)) if held_out else "",
        held_out=0,
        source_features=config.source_features,
        in_memory=config.in_memory,
        max_source_length=config.max_source_length,
        max_target_length=config.max_target_length,
    )
