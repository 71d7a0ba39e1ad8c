"""The command line's search options are derived from the fields of `SearchOptions`."""

import inspect

import pytest
import typer
from typer.testing import CliRunner

from keras_attention.cli.commands.evaluate import evaluate
from keras_attention.cli.commands.translate import translate
from keras_attention.cli.search_options import (
    NONE_GIVEN,
    SearchChoices,
    in_options,
    with_search_options,
)
from keras_attention.decoding.options import SearchOptions, StoredOptions
from keras_attention.errors import InputError, OptionError


@pytest.fixture
def call():
    """Run a command with these options, and return its outcome and its arguments."""

    def run(*arguments, owner=SearchOptions):
        found = []

        @with_search_options(owner)
        def command(name: str = "", search: SearchChoices = NONE_GIVEN) -> None:
            found.append((name, search))

        app = typer.Typer(rich_markup_mode="markdown")
        app.command()(command)
        return CliRunner().invoke(app, arguments), found

    return run


def test_every_field_is_an_option_of_the_commands_that_search():
    offered, evaluated = (inspect.signature(each).parameters for each in (translate, evaluate))
    assert {known.key for known in SearchOptions.settings()} <= offered.keys()
    stored = {known.key for known in StoredOptions.settings()}
    assert {known.key for known in SearchOptions.settings()} & evaluated.keys() == stored


def test_only_given_options_are_passed_on(call):
    _, found = call("--length-penalty", "0", "--beam", "2", "--sample", "--name", "x")
    assert found == [("x", {"length_penalty": 0.0, "beam_width": 2, "sample": True})]
    assert call()[1] == [("", {})]


@pytest.mark.parametrize("arguments", [("--beam", "0"), ("--length-penalty", "8.5")])
def test_a_value_out_of_range_is_rejected(call, arguments):
    outcome, found = call(*arguments)
    assert isinstance(outcome.exception, OptionError) and not found


def test_help_shows_range_and_default(call):
    shown = " ".join(call("--help")[0].output.replace("│", " ").split())
    assert "N [1<=N<=10000]" in shown and "X [0<X<=1]" in shown
    assert "[default: the" in shown
    assert "[default: 1.0]" in shown


def test_messages_use_the_names_of_the_command_line():
    error = OptionError("groups", "must divide {beam_width}", groups=3, beam_width=4)
    assert in_options(error) == "--groups must divide --beam. Received: --groups 3, --beam 4."
    assert in_options(InputError("`groups` of something else")) == "`groups` of something else"
