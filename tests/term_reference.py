"""Terms of a small vocabulary, and a reference that finds them in the text of an output."""

import numpy as np

from keras_attention.decoding.automata.term_automaton import Borders, Form

VOCABULARY = 7
TEXTS = {3: " ?", 4: " a", 5: "b", 6: " c-"}
"""The text of each token; "b" continues a word after " a" but not after " ?" and " c-"."""

BORDERS = Borders(
    np.array([TEXTS.get(token, " ")[0].isalnum() for token in range(VOCABULARY)]),
    np.array([TEXTS.get(token, " ")[-1].isalnum() for token in range(VOCABULARY)]),
)

A, AB, B, CA = Form((4,)), Form((4, 5)), Form((5,)), Form((6, 4))
OPEN_A = Form((4,), open_end=True)
SETS = [
    ((A,),),
    ((AB,), (CA,)),
    ((A, B),),
    ((OPEN_A,), (Form((4, 4)), CA)),
    ((B,), (AB,), (A,)),
    (),
]


def contains(tokens, terms):
    """Return whether the text of some tokens contains one form of each term, at word borders."""
    return all(any(_contains_form(tokens, form) for form in term) for term in terms)


def _contains_form(tokens, form):
    size = len(form.ids)
    for first in range(len(tokens) - size + 1):
        before, inside, after = (
            "".join(TEXTS[token] for token in part)
            for part in (tokens[:first], tokens[first : first + size], tokens[first + size :])
        )
        begins = not (before[-1:].isalnum() and inside[0].isalnum())
        ends = form.open_end or not (inside[-1].isalnum() and after[:1].isalnum())
        if tuple(tokens[first : first + size]) == form.ids and begins and ends:
            return True
    return False
