"""Every command has its own file, starts fast, and has help that says when to use it."""

import inspect
import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from keras_attention.cli.commands import app

COMMANDS = {command.callback.__name__: command.callback for command in app.registered_commands}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_in_the_file_with_its_name(name):
    assert COMMANDS[name].__module__ == f"keras_attention.cli.commands.{name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_when_to_use_it(name):
    summary, use, *_, example = inspect.getdoc(COMMANDS[name]).split("\n\n")
    assert summary.endswith(".")
    assert use.startswith("Use it ")
    assert example.startswith("Example: ") and f"keras-attention {name} " in example


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained_and_boolean_options_show_no_type(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERMINAL_WIDTH", "120")
    shown = CliRunner().invoke(app, [name, "--help"]).output
    assert "bool" not in shown
    command = typer.main.get_command(app).commands[name]
    assert all(param.help for param in command.params)


def test_declarations_load_no_heavy_library():
    program = (
        "import json, sys, keras_attention.cli.commands\n"
        "print(json.dumps([*{'numpy', 'rich.console', 'keras', 'tensorflow'} & set(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert json.loads(done.stdout) == []
