"""Patterns are compared with Python's `re.fullmatch`, on generated expressions and texts."""

import itertools
import random
import re
import warnings

import pytest

from keras_attention.errors import OptionError
from keras_attention.translation.outputs import pattern as pattern_module
from keras_attention.translation.outputs.pattern import Pattern

CHARACTERS = "ab1 -.\nAé한_]\\"
ATOMS = [
    *("a", "b", "1", " ", "-", "é", "한", ".", "()", "", "a{2", "{", "]"),
    *(r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\.", r"\n", r"\\", r"\x61"),
    *("[ab]", "[^a]", "[a-c]", r"[^\W\d]", r"[\d-]", "[]a]", "[^]a]", "[가-힣]", r"[\]]"),
    *("(?i:a)", "(?i:[^b])", "(?s:.)", r"(?a:\w)", "(?P<name>a)", "(?x: a b )", "(?i:é)"),
]
REPEATS = ["*", "+", "?", "{0,2}", "{2}", "{1,3}", "{2,}", "{,2}", "*?", "??", "{1,2}?"]


def expression(draw, depth):
    """Return a random regular expression."""
    kind = draw.random()
    if depth == 0 or kind < 0.3:
        return draw.choice(ATOMS)
    if kind < 0.6:
        return expression(draw, depth - 1) + expression(draw, depth - 1)
    if kind < 0.8:
        return f"(?:{expression(draw, depth - 1)}|{expression(draw, depth - 1)})"
    return f"(?:{expression(draw, depth - 1)}){draw.choice(REPEATS)}"


def matches(pattern, text):
    state = pattern.start
    for character in text:
        state = pattern.after(state, character)
    return pattern.accepts(state)


def compiled(expression):
    """Return a compiled expression, or None if `re` rejects it or warns of an ambiguity."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(expression)
        except (re.error, Warning):
            return None


def test_random_expressions_match_what_python_matches():
    draw = random.Random(3)
    texts = [
        "".join(each) for size in range(3) for each in itertools.product(CHARACTERS, repeat=size)
    ]
    longer = ["".join(draw.choices(CHARACTERS, k=draw.randint(3, 5))) for _ in range(150)]
    count = 0
    for _ in range(400):
        written = expression(draw, 3)
        if (expected := compiled(written)) is None:
            continue
        pattern = Pattern(written, CHARACTERS)
        for text in texts + longer:
            assert matches(pattern, text) == bool(expected.fullmatch(text)), (written, text)
        count += 1
    assert count > 300


@pytest.mark.parametrize("written", ["^ab$", r"\Aab\Z", "(?i)AB", "^^ab$$"])
def test_anchors_at_the_ends_and_flags_are_accepted(written):
    pattern = Pattern(written, "abc")
    assert matches(pattern, "ab")
    assert not any(matches(pattern, text) for text in ("", "a", "abc", "cab"))


@pytest.mark.parametrize("written", ["(?:){4000000000}a", "((?:){3}){0,4000000000}a"])
def test_repetitions_of_nothing_take_no_time(written):
    pattern = Pattern(written, "ab")
    assert matches(pattern, "a") and not matches(pattern, "aa")


@pytest.mark.parametrize(
    "written",
    [r"a\b", "a(?=b)", "a(?!b)", "(?<=a)b", r"(a)\1", "a|^b", "a$b", "(?(1)a|b)"],
)
def test_syntax_that_an_automaton_cannot_match_is_refused(written):
    with pytest.raises(OptionError, match="`pattern` must .*Received: pattern="):
        Pattern(written, "ab")


@pytest.mark.parametrize("written", ["[a", "a{3,2}", "(a", "*a", r"\q", "[[a]", "(" * 2000])
def test_an_invalid_expression_is_refused(written):
    with pytest.raises(OptionError, match="`pattern` must be a valid regular expression: "):
        Pattern(written, "ab")


def test_braces_in_an_error_are_kept():
    with pytest.raises(OptionError, match=r"unknown extension \?\{"):
        Pattern("(?{a}", "ab")


def test_an_expression_of_too_many_places_is_refused(monkeypatch):
    monkeypatch.setattr(pattern_module, "MOST_PLACES", 30)
    assert matches(Pattern("a{14}", "a"), "a" * 14)
    with pytest.raises(OptionError, match="at most 30 places, repetitions counted"):
        Pattern("(a{10}){10}", "a")
