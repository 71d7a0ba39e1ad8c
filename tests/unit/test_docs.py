"""The documentation is correct: its code prints the shown output, and its links have targets."""

import doctest
import importlib
import io
import os
import re
from pathlib import Path

import pytest

from keras_attention.attention.registry import MECHANISMS
from keras_attention.training.recipe.recipe import load_recipe

ROOT = Path(__file__).parents[2]
LESSONS = [ROOT / "docs" / "explanation" / name for name in ("attention.md", "attention.ko.md")]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def blocks(page, language="python"):
    """Return the code blocks of a page, each with the number of the line before it."""
    text = page.read_text(encoding="utf-8")
    found = [match for match in FENCED.finditer(text) if match[1] == language]
    return [(match[2], text[: match.start(2)].count("\n")) for match in found]


def anchors(page):
    """Return the anchors that GitHub makes of a page's headings."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def lesson():
    """Run the English page, and return its wrong outputs and its variables at the end."""
    page, variables, report = LESSONS[0], {}, io.StringIO()
    runner = doctest.DocTestRunner()
    for code, line in blocks(page):
        examples = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), line)
        assert examples.examples, f"no example in the block after line {line}"
        examples.globs = variables  # blocks share their variables
        runner.run(examples, out=report.write, clear_globs=False)
    assert runner.tries > 100
    return report.getvalue(), variables


def test_the_code_of_the_lesson_prints_the_shown_output(lesson):
    report, _ = lesson
    assert not report


def test_the_lesson_has_the_same_code_in_both_languages():
    english, korean = ([code for code, _ in blocks(page)] for page in LESSONS)
    assert english == korean


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_and_pictures_exist(page):
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


def test_pictures_can_be_drawn_from_the_lesson(lesson, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "explanation"))
    drawing = importlib.import_module("pictures")
    assert {f"{name}.png" for name in drawing.PICTURES} == set(
        os.listdir(drawing.HERE / "pictures")
    )
    for name, draw in drawing.PICTURES.items():
        if name != "dates":  # this one trains a model
            assert draw(lesson[1]).axes
    for settings in importlib.import_module("trained_dates").MODELS.values():
        assert load_recipe("dates", settings).model.attention != "none"


def test_every_picture_is_shown_in_both_languages_and_small():
    pictures = set((ROOT / "docs/explanation/pictures").iterdir())
    for page in LESSONS:
        links = LINK.findall(page.read_text(encoding="utf-8"))
        assert {page.parent / link for link in links if link.startswith("pictures/")} == pictures
    assert max(picture.stat().st_size for picture in pictures) < 60_000


def test_the_table_of_mechanisms_equals_the_registry():
    rows = [
        ("`model.attention`", "class", "what it is", "settings that it reads"),
        ["---"] * 4,
    ]
    for row in MECHANISMS.values():
        sources = [getattr(source, "setting", source) for source in row.arguments.values()]
        sources = [*sources, "content"] if row.content else sources
        settings = [f"`{name}`" for name in sources if name != "max_source_length"]
        kind = row.class_name and f"`{row.class_name}`"
        rows.append((f"`{row.name}`", kind, row.doc, ", ".join(settings)))
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
    assert f"\n{table}\n" in (ROOT / "docs" / "how-to" / "mechanisms.md").read_text(
        encoding="utf-8"
    ), table
