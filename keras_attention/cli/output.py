"""Log lines and tables that several commands print."""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from keras_attention.export.verify import Agreement

_WIDTH = 160
"""Width of a table, in characters, if the output is not a terminal."""

_BORDERS = 3
"""Characters of a column besides its text: a border and a space on either side."""


def print_table(rows: Sequence[Sequence[str]], *, justify: Literal["left", "right"]) -> None:
    """Print a table whose texts are wrapped, never cut, to the width of the terminal.

    Words are only divided if the longest words of all columns do not fit next to each other. The
    first row is the header, and `justify` is the side of the texts in all columns but the first.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    table = Table()
    for head, width in zip(rows[0], _fit(rows, console.width - 1), strict=True):
        table.add_column(Text(head), overflow="fold", width=width)
    for column in table.columns[1:]:
        column.justify = justify
    for row in rows[1:]:
        table.add_row(*map(Text, row))
    console.print(table)


def _fit(rows: Sequence[Sequence[str]], room: int) -> list[int | None]:
    """Return widths at which no word is divided; None for every column if there is no room."""
    columns = list(zip(*rows, strict=True))
    widths = [max(_longest_word(text) for text in column) for column in columns]
    spare = room - sum(widths) - _BORDERS * len(widths)
    if spare < 0:
        return [None] * len(widths)
    for number, column in enumerate(columns):
        more = min(spare, max(map(cell_len, column)) - widths[number])
        widths[number] += more
        spare -= more
    return [*widths]


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def log_to_console() -> None:
    """Print the library's log messages on standard error, without a prefix."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("keras_attention")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)


def print_evaluation(evaluation: Any, seen: set[str], errors: int) -> None:
    """Print the share of exact matches, over all pairs and over pairs with an unseen source."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"exact match  {evaluation.exact_match:.2%}  of {evaluation.pairs} pairs")
    unseen = evaluation.without(seen)
    if seen and not unseen.pairs:
        console.print("             the training pairs contain the source of each of these pairs")
    elif seen and unseen.pairs < evaluation.pairs:
        console.print(
            f"             {unseen.exact_match:.2%}  of the {unseen.pairs} pairs whose source is "
            "not in the training pairs"
        )
    print_wrong(evaluation, errors)


def print_wrong(evaluation: Any, errors: int) -> None:
    """Print the first wrong outputs, at most `errors` of them."""
    console = Console(highlight=False, soft_wrap=True)
    for source, target, output in evaluation.wrong[:errors]:
        console.print(f"wrong        {source!r} gave {output!r}, expected {target!r}", markup=False)


def print_agreements(agreements: "Sequence[Agreement]") -> bool:
    """Print the table of `verify`, and return whether all exports agree."""
    rows = [
        (
            agreement.runtime,
            str(agreement.lines),
            f"{agreement.exact_match:.2%}",
            f"{agreement.score_difference:.1e}",
            _verdict(agreement),
        )
        for agreement in agreements
    ]
    head = ("export", "lines", "equal texts", "largest score difference", "")
    print_table([head, *rows], justify="left")
    return all(agreement.agrees for agreement in agreements)


def _verdict(agreement: "Agreement") -> str:
    if not agreement.agrees:
        return "DIFFERS"
    return "agrees" if agreement.precision == "float32" else f"rounded, {agreement.precision}"
