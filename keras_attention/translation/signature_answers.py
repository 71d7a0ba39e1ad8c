"""What an exported SavedModel answers, as translations: in this process or from a server."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from keras_attention.decoding.options import ServedOptions, check_option
from keras_attention.errors import TextError, encode_text
from keras_attention.settings.setting import Setting
from keras_attention.translation.result import Hypothesis, Translation, is_hypothesis

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_NBEST = Setting("nbest", 1, "hypotheses of each text that are asked for", minimum=1)

OUTPUTS = ("text", "score", "tokens", "alignment", "source_tokens", "error")
"""What a signature that searches gives."""


def encode_texts(texts: Sequence[str]) -> npt.NDArray[Any]:
    """Texts as UTF-8 bytes.

    Raises:
        TextError: if one is not a string, or not valid Unicode.
    """
    encoded = []
    for position, text in enumerate(texts):
        try:
            encoded.append(encode_text(text))
        except TextError as error:
            raise error.at(position) from None
    return np.array(encoded, object)


def count_characters(text: object) -> int:
    """Return the number of characters of a text; 0 if it is not a string, which is refused."""
    return len(text) if isinstance(text, str) else 0


def check_search(nbest: int, **search: Any) -> dict[str, Any]:
    """Return the options for the signature `beam` that are not None, which means the model's own.

    Args:
        nbest: the number of hypotheses that are asked for.
        **search: fields of `ServedOptions`.

    Raises:
        OptionError: if one is out of its range.
        TypeError: if there is no such option.
    """
    check_option(_NBEST, nbest)
    known = {option.key: option for option in ServedOptions.settings()}
    given = {name: value for name, value in search.items() if value is not None}
    if unknown := [name for name in given if name not in known]:
        raise TypeError(f"expected options among {', '.join(known)}. Received: {unknown[0]}.")
    return {name: check_option(known[name], value) for name, value in given.items()}


def beam_inputs(nbest: int, search: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the signature `beam` takes for each text, as NumPy's numbers by name.

    Args:
        nbest: the number of hypotheses that are asked for.
        search: fields of `ServedOptions`; for the others, the model's own are asked for.
    """
    kinds = {int: np.int32, float: np.float32}
    asked = {
        known.key: kinds[type(known.default)](search.get(known.key, value_for_own(known)))
        for known in ServedOptions.settings()
    }
    return {**asked, "nbest": np.int32(nbest)}


def value_for_own(setting: Setting) -> float:
    """Return the value, below the range of an option, that asks for the model's own."""
    return (setting.minimum or 0) - 1


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
        TextError: if a text was refused, once those before it have been given.
    """
    several = np.ndim(outputs["text"]) > 1
    arrays = [outputs[name] for name in ("text", "score", "tokens")]
    arrays.append(outputs.get("alignment", np.zeros((*np.shape(arrays[-1]), 0), "float32")))
    rows = zip(texts, outputs["error"], outputs["source_tokens"], *arrays, strict=True)
    for position, (text, error, source_tokens, *row) in enumerate(rows):
        check_answered(error, position)
        words = _words(source_tokens)
        found = zip(*(row if several else [[array] for array in row]), strict=True)
        hypotheses = tuple(_hypothesis(words, *each) for each in found if is_hypothesis(each[1]))
        yield Translation(text, words, hypotheses)


def check_answered(error: bytes, position: int, noun: str = "text") -> None:
    """Check that a text was not refused.

    Args:
        error: what an answer's `error` says of it.
        position: its place among the texts.
        noun: what an error calls it.

    Raises:
        TextError: if it was.
    """
    if error:
        raise TextError(error.decode(), position, noun)


def until_refused(
    answer: Callable[..., Iterable[Answer]], batch: Sequence[Item], *arguments: Any
) -> list[Answer | TextError]:
    """Return the answers to a batch, up to the first item that is refused and its error.

    Args:
        answer: called with `batch` and `arguments`; returns an answer to each item, or raises a
            `TextError` for the first one that it refuses. If it raises before it has given the
            answers to the items before that, it is called again with only these.
        batch: the items.
        *arguments: the other arguments.
    """
    found: list[Answer | TextError] = []
    try:
        found.extend(answer(batch, *arguments))
    except TextError as error:
        if len(found) < error.position:
            found = [*answer(batch[: error.position], *arguments)]
        found.append(error)
    return found


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
