"""The documentation is correct: its code prints the shown output, and its links have targets."""

import doctest
import importlib
import io
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

import keras_attention
import keras_attention.export
import keras_attention.serving
import keras_attention.training
from keras_attention.attention.registry import MECHANISMS
from keras_attention.cli.commands import app
from keras_attention.training.recipe.recipe import SETTINGS, load_recipe

ROOT = Path(__file__).parents[2]
LESSONS = [ROOT / "docs" / "explanation" / name for name in ("attention.md", "attention.ko.md")]
SITE = sorted(page for name in ("docs", "benchmarks") for page in (ROOT / name).rglob("*.md"))
PAGES = [ROOT / "README.md", *SITE]
NO_SETTINGS = {
    *("model.keras", "data.json", "model.tflite"),
    *("model.compile", "model.fit", "model.generate", "model.export"),
}
"""Names in the pages that look like settings but are not."""
FENCED = re.compile(r"^```([\w{}-]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def blocks(page, language="python"):
    """Return each code block of a page with the number of the line before it."""
    text = page.read_text(encoding="utf-8")
    found = [match for match in FENCED.finditer(text) if match[1] == language]
    return [(match[2], text[: match.start(2)].count("\n")) for match in found]


def anchors(page):
    """Return the anchors that GitHub makes from a page's headings."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def lesson():
    """Run the English page, and return a report of its wrong outputs and its final variables."""
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


@pytest.mark.parametrize("page", SITE, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_of_the_site_link_to_no_page_outside_it(page):
    """Sphinx warns of such a link, and the site is built with -W."""
    links = LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    paths = [link.partition("#")[0] for link in links if not re.match(r"https?:", link)]
    outside = {(page.parent / path).resolve() for path in paths if path.endswith(".md")} - set(SITE)
    assert not outside, f"{page.name} links to {outside}"


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


def test_every_picture_is_small_and_shown_in_both_languages():
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


def test_the_reference_has_every_public_name_once():
    documented = [
        name
        for page in (ROOT / "docs" / "reference").glob("*.md")
        for name in re.findall(r"^\.\. auto\w+:: (\S+)", page.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(documented) == len(set(documented))
    packages = [keras_attention, keras_attention.training, keras_attention.export]
    public = {f"{package.__name__}.{name}" for package in packages for name in package.__all__}
    public |= {f"keras_attention.serving.{name}" for name in ("ServingClient", "ServingError")}
    assert public - set(documented) == {"keras_attention.__version__"} & public


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "toml")], ids=lambda page: page.name
)
def test_recipes_of_a_page_can_be_loaded(page, tmp_path):
    for number, (code, _) in enumerate(blocks(page, "toml")):
        path = tmp_path / f"recipe{number}.toml"
        path.write_text(code, encoding="utf-8")
        load_recipe(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_mentioned_on_a_page_exist(page):
    sections = "|".join({key.partition(".")[0] for key in SETTINGS if "." in key})
    named = re.findall(rf"`((?:{sections})\.[a-z]\w*)[`= ]", page.read_text(encoding="utf-8"))
    assert set(named) - NO_SETTINGS <= set(SETTINGS)


def commands_of(page):
    """Return the command lines of a page, one per line."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    code = "\n".join(match[2] for match in FENCED.finditer(text) if not match[1])
    return re.findall(r"^(?:.*[|$;] *|)keras-attention ([a-z][^|\n]*)", code, re.MULTILINE)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands_of(page)], ids=lambda page: page.name
)
def test_the_options_that_a_page_uses_exist(page):
    group = typer.main.get_command(app)
    for line in commands_of(page):
        name, *arguments = shlex.split(line, comments=True)
        arguments = arguments[: [*arguments, "--"].index("--")]  # the rest belongs to Beam
        options = {each for param in group.commands[name].params for each in param.opts}
        used = {word.partition("=")[0] for word in arguments if word.startswith("--")}
        assert used <= options, line


def test_the_job_files_for_clusters_set_variables_that_train_reads():
    page = ROOT / "docs" / "how-to" / "scaling.md"
    [(script, _)] = blocks(page, "bash")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    train = typer.main.get_command(app).commands["train"]
    command = shlex.split(next(line for line in script.splitlines() if "srun" in line))
    [(jobs, _)] = blocks(page, "yaml")
    service, job = yaml.safe_load_all(jobs)
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    options = {option for param in train.params for option in param.opts}
    given = {word for word in command[2:] + container["command"] if word.startswith("--")}
    assert given <= options
    variables = {variable["name"] for variable in container["env"]}
    known = {param.envvar for param in train.params}
    assert variables - known == {"KERAS_BACKEND"}
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}


def test_the_tutorial_is_committed_with_the_output_of_a_complete_run():
    path = ROOT / "docs" / "tutorial" / "dates.ipynb"
    text = path.read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} == {
        "stream",
        "display_data",
        "execute_result",
    }
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert "stderr" not in {output.get("name") for output in outputs}
    assert len(text) < 150_000
