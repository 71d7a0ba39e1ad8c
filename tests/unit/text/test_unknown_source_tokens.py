import pytest

from keras_attention import Vocabulary
from keras_attention.text.unknown_tokens import UnknownTokens

KNOWN = "note: the model does not know some tokens, such as "


def test_a_vocabulary_lists_each_unknown_token_once():
    vocabulary = Vocabulary(["a", "b"])
    assert vocabulary.unknown_tokens("cabac") == ["c"]
    assert vocabulary.unknown_tokens(["a", "<s>", "<unk>", "</s>"]) == ["<s>", "<unk>", "</s>"]
    assert vocabulary.unknown_tokens([]) == []


@pytest.mark.parametrize(
    ("lines", "total", "note"),
    [
        ([[], None], 2, ""),
        ([["學"]], 1, f"{KNOWN}'學' (line 1); the translation may be wrong."),
        (
            [[], ["學", "校"], None, ["é"]],
            9,
            f"{KNOWN}'學' (line 2). Lines with such tokens: 2 of 9; their translations may be "
            "wrong.",
        ),
        ([["x" * 99]], 1, f"{KNOWN}'{'x' * 40}' (line 1); the translation may be wrong."),
    ],
)
def test_the_note_counts_the_lines_and_shows_the_first_token(lines, total, note):
    unknown = UnknownTokens()
    for number, tokens in enumerate(lines, start=1):
        unknown.add(tokens, f"line {number}")
    assert unknown.note(total) == note


def test_a_place_may_be_left_out():
    unknown = UnknownTokens()
    unknown.add(["學"], "")
    assert unknown.note(total=1) == f"{KNOWN}'學'; the translation may be wrong."
