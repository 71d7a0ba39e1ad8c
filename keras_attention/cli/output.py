"""What the commands print."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from keras_attention.alignment.links import Links, format_links
from keras_attention.translation.result import Hypothesis, Translation

if TYPE_CHECKING:
    from keras_attention.export.verify import Agreement

FindLinks = Callable[[Translation, Hypothesis], Links]


def log_to_console() -> None:
    """Shows the library's own log lines as plain sentences."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("keras_attention")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)


def format_lines(
    translation: Translation, number: int, nbest: int, scores: bool, links: FindLinks | None = None
) -> Iterator[str]:
    """Lines of `translate`: the text, with the columns that were asked for, tabs between.

    At least one line is yielded: an empty text if no hypothesis has a finite score.
    """
    for hypothesis in translation.hypotheses[:nbest] or [translation.best]:
        columns = [str(number)] if nbest > 1 else []
        columns += [f"{hypothesis.score:.4f}"] if scores else []
        columns.append(hypothesis.text)
        columns += [format_links(links(translation, hypothesis))] if links else []
        yield "\t".join(columns)


def note_missing_outputs(count: int) -> None:
    """Report on standard error how many lines have no output, if any."""
    if count:
        print(
            f"note: lines that are empty because no output had a finite score: {count}; the "
            "model's weights may be damaged.",
            file=sys.stderr,
        )


def describe_recipe(recipe: Any) -> str:
    """The recipe as TOML, each setting explained above it."""
    from keras_attention.training.recipe.recipe import SETTINGS

    lines, section = [], ""
    for line in recipe.to_toml().splitlines():
        name, equals, _ = line.partition(" = ")
        if line.startswith("["):
            section = line.strip("[]") + "."
        if equals:
            setting = SETTINGS[section + name]
            free_text = isinstance(setting.default, str) and not setting.choices
            lines.append(f"# {setting.doc}" + ("" if free_text else f": {setting.expected}"))
        lines.append(line)
    return "\n".join(lines)


def print_evaluation(evaluation: Any, seen: set[str], errors: int) -> None:
    """Prints the share of exact matches, of all pairs and of those with a new source."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"exact match  {evaluation.exact_match:.2%}  of {evaluation.pairs} pairs")
    unseen = evaluation.without(seen)
    if seen and not unseen.pairs:
        console.print("             the source of each of them is in the training pairs too")
    elif seen and unseen.pairs < evaluation.pairs:
        console.print(
            f"             {unseen.exact_match:.2%}  of the {unseen.pairs} whose source does not "
            "stand in the training pairs too"
        )
    print_wrong(evaluation, errors)


def print_wrong(evaluation: Any, errors: int) -> None:
    """Prints the first few outputs that are not what was expected."""
    console = Console(highlight=False, soft_wrap=True)
    for source, target, output in evaluation.wrong[:errors]:
        console.print(f"wrong        {source!r} gave {output!r}, expected {target!r}", markup=False)


def print_agreements(agreements: "Sequence[Agreement]") -> bool:
    """Prints the table of `verify`; tells whether all exports agree."""
    table = Table("export", "lines", "equal texts", "largest score difference", "")
    table.columns[0].overflow = "fold"  # names are told apart by their ends
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
