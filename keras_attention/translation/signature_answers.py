"""Conversion of the outputs of an exported SavedModel, local or on a server, to translations."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from keras_attention.decoding.options import ServedOptions, check_option
from keras_attention.errors import TextError, check_names, encode_text
from keras_attention.settings.setting import Setting
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.result import (
    Hypothesis,
    PairScore,
    StreamedToken,
    Translation,
    is_hypothesis,
)

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_NBEST = Setting("nbest", 1, "number of hypotheses for each text", minimum=1)

OUTPUTS = ("text", "score", "tokens", "alignment", "source_tokens", "error")
"""The outputs of a signature that searches."""

STREAM = "stream"
"""The signature that continues an output; exports of older versions lack it."""

STREAM_OUTPUTS = (*OUTPUTS, "state")
"""The outputs of the signature `stream`."""


def encode_texts(texts: Sequence[str]) -> npt.NDArray[Any]:
    """Return texts as UTF-8 bytes.

    Raises:
        TextError: if a text is not a string, or not valid Unicode.
    """
    encoded = []
    for position, text in enumerate(texts):
        try:
            encoded.append(encode_text(text))
        except TextError as error:
            raise error.at(position) from None
    return np.array(encoded, object)


def count_characters(text: object) -> int:
    """Return the number of characters of a text, or 0 if it is not a string (rejected later)."""
    return len(text) if isinstance(text, str) else 0


def check_search(nbest: int, **search: Any) -> dict[str, Any]:
    """Check options for the signature `beam`, and return those that are not None.

    Args:
        nbest: number of hypotheses for each text.
        **search: fields of `ServedOptions`. None means the model's own value.
    """
    check_option(_NBEST, nbest)
    known = {option.key: option for option in ServedOptions.settings()}
    given = {name: value for name, value in search.items() if value is not None}
    check_names(given, [*known, _NBEST.key])
    return {name: check_option(known[name], value) for name, value in given.items()}


def beam_inputs(nbest: int, search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of the signature `beam` for one text, as NumPy numbers by name.

    Args:
        nbest: number of hypotheses for each text.
        search: fields of `ServedOptions`. The model's own value is used for missing fields.
    """
    dtypes = {int: np.int32, float: np.float32}
    options = {
        known.key: dtypes[type(known.default)](search.get(known.key, value_for_own(known)))
        for known in ServedOptions.settings()
    }
    return {**options, "nbest": np.int32(nbest)}


def value_for_own(setting: Setting) -> float:
    """Return the number that means "the model's own value"; it is below the option's range."""
    return (setting.minimum or 0) - 1


def read_answer(
    texts: Sequence[str], outputs: Mapping[str, Any], vocabulary: Vocabulary | None = None
) -> Iterator[Translation]:
    """Yield the translations of `texts`, in order.

    Args:
        texts: the `B` sources.
        outputs: arrays by name, with strings as UTF-8 bytes: `text` `[B]`, `score` `[B]`, `tokens`
            `[B, T]` padded with empty strings, `alignment` `[B, T, S]`, `source_tokens` `[B, S]`
            and `error` `[B]`. If each source has `N` hypotheses, all arrays except the last two
            have an axis of size `N` after `B`. A score below -5e8 means that there is no
            hypothesis; it is left out. Without `alignment`, all weights are 0.
        vocabulary: the vocabulary of the sources, to find unknown tokens; None if it is not known.

    Raises:
        TextError: if the model rejected a text. The translations before it are yielded first.
    """
    several = np.ndim(outputs["text"]) > 1
    arrays = [outputs[name] for name in ("text", "score", "tokens")]
    arrays.append(outputs.get("alignment", np.zeros((*np.shape(arrays[-1]), 0), "float32")))
    rows = zip(texts, outputs["error"], outputs["source_tokens"], *arrays, strict=True)
    for position, (text, error, source_tokens, *row) in enumerate(rows):
        _check_answered(error, position)
        words = _words(source_tokens)
        found = zip(*(row if several else [[array] for array in row]), strict=True)
        hypotheses = tuple(_hypothesis(words, *each) for each in found if is_hypothesis(each[1]))
        unknown = None if vocabulary is None else tuple(vocabulary.unknown_tokens(words[:-1]))
        yield Translation(text, words, hypotheses, unknown)


def read_scores(
    pairs: Sequence[tuple[str, str]], outputs: Mapping[str, Any]
) -> Iterator[PairScore]:
    """Yield the scores of `pairs`, in order, from the outputs of the signature `score`.

    Raises:
        TextError: if the model rejected a pair; raised after the scores of the pairs before it.
    """
    names = "error", "tokens", "log_probabilities"
    rows = zip(pairs, *(outputs[name] for name in names), strict=True)
    for position, ((source, target), error, row, values) in enumerate(rows):
        _check_answered(error, position, "pair")
        tokens = _words(row)
        log_probabilities = tuple(values[: len(tokens)].astype(float).tolist())
        yield PairScore(source, target, tokens, log_probabilities)


def stream_parts(
    ask: Callable[[bytes], tuple[list[StreamedToken], bytes]],
) -> Iterator[StreamedToken]:
    """Return the tokens of an output that the signature `stream` returns in parts.

    Args:
        ask: runs the signature with a state, and returns the result of `read_part`. It is called at
            once with an empty state, and later when no token is left.
    """

    def stream(tokens: list[StreamedToken], state: bytes) -> Iterator[StreamedToken]:
        yield from tokens
        while state:
            tokens, state = ask(state)
            yield from tokens

    return stream(*ask(b""))


def read_part(outputs: Mapping[str, Any]) -> tuple[list[StreamedToken], bytes]:
    """Return the new tokens in an answer of the signature `stream` about one text, and the state.

    Args:
        outputs: arrays by name, with strings as UTF-8 bytes: `tokens` `[1, k]`, padded with empty
            strings; `text` and `score` `[1, k]`, `alignment` `[1, k, S]`, `source_tokens` `[1, S]`,
            `error` `[1]` and `state` `[1]`, which is empty after the end.

    Raises:
        TextError: if the model rejected the text.
        TypeError: if the state is not a string.
    """
    _check_answered(outputs["error"][0], 0)
    (state,) = outputs["state"]
    if not isinstance(state, bytes):
        raise TypeError("`state` must be a string")
    steps = len(_words(outputs["source_tokens"][0]))
    arrays = (outputs[name][0] for name in ("tokens", "text", "score", "alignment"))
    tokens = [
        StreamedToken(token.decode(), text.decode(), float(score), weights[:steps])
        for token, text, score, weights in zip(*arrays, strict=True)
        if token
    ]
    return tokens, state


def _check_answered(error: bytes, position: int, noun: str = "text") -> None:
    """Raise the error with which the model rejected a text or a pair, if it is not empty."""
    if error:
        raise TextError(error.decode(), position, noun)


def until_refused(
    answer: Callable[..., Iterable[Answer]], batch: Sequence[Item], *arguments: Any
) -> list[Answer | TextError]:
    """Return the answers to a batch; if an item is rejected, its error is the last answer.

    Args:
        answer: called with `batch` and `arguments`. It returns an answer to each item, or raises a
            `TextError` for the first item that it rejects. If the answers to the items before that
            item are still missing then, it is called again with only these items.
        batch: the items.
        *arguments: further arguments of `answer`.
    """
    found: list[Answer | TextError] = []
    try:
        found.extend(answer(batch, *arguments))
    except TextError as error:
        if len(found) < error.position:
            found = [*answer(batch[: error.position], *arguments)]
        found.append(error)
    return found


def in_order(answers: Iterable[Answer | TextError]) -> Iterator[Answer]:
    """Yield answers up to the first error, and raise it with its position among all answers."""
    for position, answer in enumerate(answers):
        if isinstance(answer, TextError):
            raise answer.at(position)
        yield answer


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
