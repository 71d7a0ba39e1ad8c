"""The options --allowed, --pattern and --terms, which limit the outputs of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keras_attention.cli.lines import checked_text
from keras_attention.errors import InputError, TextError
from keras_attention.files.text_files import read_lines


class AllowedTexts(tuple[str, ...]):
    """The lines of a file of allowed outputs.

    Attributes:
        path: the file.
    """

    path: Path


class Glossary(dict[str, tuple[str, ...]]):
    """The target terms in a file, by source term.

    Attributes:
        path: the file.
        lines: the number of each term's line, from 1.
    """

    path: Path
    lines: list[int]


def read_limit(
    allowed: Path | None, pattern: str | None, terms: Path | None = None
) -> dict[str, Any]:
    """Return the argument `allowed`, `pattern` or `terms` of a translator, if the user gave one."""
    options = {"--allowed": allowed, "--pattern": pattern and repr(pattern), "--terms": terms}
    given = [f"{option} {value}" for option, value in options.items() if value is not None]
    if len(given) > 1:
        raise InputError(
            "--allowed, --pattern and --terms exclude each other; choose one of them. "
            f"Received: {' '.join(given)}."
        )
    if terms is not None:
        return {"terms": read_glossary(terms)}
    if pattern is not None:
        return {"pattern": checked_text(pattern, "--pattern")}
    if allowed is None:
        return {}
    texts = AllowedTexts(read_lines(allowed))
    texts.path = allowed
    if not any(text.strip() for text in texts):
        raise InputError(f"{allowed}: expected an allowed output per line. Received: no text.")
    return {"allowed": texts}


def read_glossary(path: Path) -> Glossary:
    """Return the terms in a file: source term, tab, target term, and further forms after tabs."""
    from keras_attention.translation.outputs.term_rule import repeated_term  # imports Keras

    glossary = Glossary()
    glossary.path, glossary.lines = path, []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        source, *forms = (part.strip() for part in line.split("\t"))
        if not (source and forms and all(forms)):
            raise InputError(
                f"{path}, line {number}: expected a source term, a tab and a target term; further "
                f"forms of the target term after further tabs. Received: {line!r}."
            )
        if source in glossary:
            raise InputError(f"{path}, line {number}: {repeated_term(source)}")
        glossary[source] = tuple(forms)
        glossary.lines.append(number)
    if not glossary:
        raise InputError(f"{path}: expected a term per line. Received: no text.")
    return glossary


@contextmanager
def named_lines(limit: Mapping[str, Any]) -> Iterator[None]:
    """Add the file and the line to an error that the block raises about a line of the file."""
    texts = limit.get("allowed", limit.get("terms"))
    try:
        yield
    except TextError as error:
        if not isinstance(texts, AllowedTexts | Glossary):
            raise
        number = texts.lines[error.position] if isinstance(texts, Glossary) else error.position + 1
        raise InputError(f"{texts.path}, line {number}: {error.problem}") from None
