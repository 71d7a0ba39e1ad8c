"""Log lines and tables that several commands print."""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from keras_attention.export.verify import Agreement


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
    table = Table("export", "lines", "equal texts", "largest score difference", "")
    table.columns[0].overflow = "fold"  # names differ at their ends
    for agreement in agreements:
        table.add_row(
            agreement.runtime,
            str(agreement.lines),
            f"{agreement.exact_match:.2%}",
            f"{agreement.score_difference:.1e}",
            _verdict(agreement),
        )
    Console(highlight=False).print(table)
    return all(agreement.agrees for agreement in agreements)


def _verdict(agreement: "Agreement") -> str:
    if not agreement.agrees:
        return "DIFFERS"
    return "agrees" if agreement.precision == "float32" else f"rounded, {agreement.precision}"
