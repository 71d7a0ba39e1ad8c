"""What an exported SavedModel answers, as translations: in this process or from a server."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.translation import Hypothesis, Translation, is_hypothesis

OUTPUTS = ("text", "score", "tokens", "alignment", "source_tokens", "error")
"""What a signature that searches gives."""


def encode_texts(texts: Sequence[str]) -> npt.NDArray[Any]:
    """Texts as UTF-8 bytes.

    Raises:
        InputError: if one is no valid Unicode.
    """
    try:
        return np.array([text.encode() for text in texts], object)
    except UnicodeEncodeError as error:
        raise InputError(
            f"expected text of valid Unicode. Received: {error.object[:40]!r}."
        ) from None


def read_answer(texts: Sequence[str], outputs: Mapping[str, Any]) -> Iterator[Translation]:
    """The translations of `texts`, in order.

    Args:
        texts: the `B` sources.
        outputs: arrays, their strings as UTF-8 bytes: `text` `[B]`, `score` `[B]`, `tokens`
            `[B, T]` with empty strings behind the end, `alignment` `[B, T, S]`, `source_tokens`
            `[B, S]` and `error` `[B]`; where a source has `N` hypotheses, all but the last two
            with `N` behind `B`, and those that do not exist, with scores below -5e8, are left out.
            Without `alignment` all weights are 0.

    Raises:
        InputError: if a text was refused, once those before it have been given.
    """
    several = np.ndim(outputs["text"]) > 1
    arrays = [outputs[name] for name in ("text", "score", "tokens")]
    arrays.append(outputs.get("alignment", np.zeros((*np.shape(arrays[-1]), 0), "float32")))
    rows = zip(texts, outputs["error"], outputs["source_tokens"], *arrays, strict=True)
    for text, error, source_tokens, *row in rows:
        check_answered(text, error)
        words = _words(source_tokens)
        found = zip(*(row if several else [[array] for array in row]), strict=True)
        hypotheses = tuple(_hypothesis(words, *each) for each in found if is_hypothesis(each[1]))
        yield Translation(text, words, hypotheses)


def check_answered(text: str, error: bytes) -> None:
    """Checks that a text was not refused.

    Raises:
        InputError: if it was.
    """
    if error:
        raise InputError(f"{text[:40]!r}: {error.decode()}")


def _hypothesis(
    source: tuple[str, ...], text: bytes, score: float, tokens: Any, alignment: Any
) -> Hypothesis:
    words = _words(tokens)
    weights = np.zeros((len(words), len(source)), "float32")
    given = alignment[: len(words), : len(source)]
    weights[:, : np.shape(given)[1]] = given
    return Hypothesis(text.decode(), float(score), words, weights)


def _words(tokens: Any) -> tuple[str, ...]:
    return tuple(token.decode() for token in tokens if token)
