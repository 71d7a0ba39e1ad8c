"""Directives that write reference pages from the program's own declarations.

`command-help` writes a section for each command, `recipe-settings` one for each table of a recipe.
"""

import re
from collections.abc import Iterator
from typing import Any

import typer
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from keras_attention.cli.commands import app as commands
from keras_attention.training.recipe.recipe import SETTINGS

CODE = re.compile(r"(?<![\w`-])(--[a-z][a-z-]*|</?\w+>)")
"""Options, and tokens such as </s>, that help texts write without backticks."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("command-help", CommandHelp)
    app.add_directive("recipe-settings", RecipeSettings)
    return {"parallel_read_safe": True}


class CommandHelp(SphinxDirective):
    """Write what `keras-attention COMMAND --help` prints."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        group = typer.main.get_command(commands)
        texts = (_describe_command(name, command) for name, command in group.commands.items())
        return _parse(self, "\n\n".join(texts))


class RecipeSettings(SphinxDirective):
    """Write every setting of a recipe with its range and default."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return _parse(self, "\n\n".join(_describe_settings()))


def _parse(directive: SphinxDirective, text: str) -> list[nodes.Node]:
    """Parse Markdown with headings as a part of a page."""
    parent = nodes.section()
    parent.document = directive.state.document
    lines = StringList(text.splitlines(), source="generated")
    directive.state.nested_parse(lines, directive.content_offset, parent, match_titles=True)
    return parent.children


def _describe_command(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    pieces = [piece.strip("{}") for piece in command.collect_usage_pieces(context)]
    usage = f"```text\nkeras-attention {name} {' '.join(pieces)}\n```"
    parts = [f"## {name}", usage, _with_examples(command.help)]
    panel = None
    for param in command.get_params(context):
        if param.rich_help_panel != panel:
            panel = param.rich_help_panel
            parts.append(f"**{panel}**")
        option, explanation = param.get_help_record(context)
        parts.append(f"`{option}`\n: {_mark_code(explanation)}")
    return "\n\n".join(parts)


def _with_examples(text: str) -> str:
    """Return the help with options and tokens as code, and each example in a code block."""
    parts = re.split(r"^Example: (.*)$", text, flags=re.MULTILINE)
    parts[::2] = map(_mark_code, parts[::2])
    parts[1::2] = [f"```text\n{part}\n```" for part in parts[1::2]]
    return "".join(parts)


def _mark_code(text: str) -> str:
    return CODE.sub(r"`\1`", text)


def _describe_settings() -> Iterator[str]:
    section = ""
    for key, setting in SETTINGS.items():
        if (table := key.rpartition(".")[0]) != section:
            section = table
            yield f"## [{section}]"
        is_free_text = isinstance(setting.default, str) and not setting.choices
        text = setting.doc if is_free_text else f"{setting.doc}: {setting.expected}"
        yield f"`{key}`, default `{setting.default!r}`\n: {_mark_code(text)}"
