"""The tokens of targets, and how they are written in a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keras_attention.text.subword_tokenizer import SPACE
from keras_attention.text.tokenizers import SubwordTokenizer, Tokenizer


@dataclass(frozen=True)
class TokenForm:
    """The rules that split texts into tokens, and that join tokens to a text.

    Attributes:
        split: returns the tokens of a text.
        separator: the text between two tokens.
        space: the character that stands for a space in a token, or "".
    """

    split: Callable[[str], Sequence[str]] = str.split
    separator: str = " "
    space: str = ""

    @classmethod
    def of(cls, tokenizer: Tokenizer | None) -> TokenForm:
        """Return the form of a tokenizer's tokens; for None, words between white space."""
        if tokenizer is None:
            return cls()
        space = SPACE if isinstance(tokenizer, SubwordTokenizer) else ""
        return cls(tokenizer.split, tokenizer.separator, space)

    def written(self, tokens: Sequence[str]) -> str:
        """Return tokens as they are written in a text.

        Example:
            >>> TokenForm(space="_", separator="").written(["_new", "er", "_low"])
            ' newer low'
        """
        text = self.separator.join(tokens)
        return text.replace(self.space, " ") if self.space else text
