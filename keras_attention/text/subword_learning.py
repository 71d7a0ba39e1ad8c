"""Learning of subwords from text with the package sentencepiece."""

from __future__ import annotations

import io
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from keras_attention.errors import InputError, check_texts
from keras_attention.special_tokens import (
    END,
    END_ID,
    PAD,
    PAD_ID,
    SPECIAL_TOKENS,
    START,
    START_ID,
    UNKNOWN,
    UNKNOWN_ID,
)
from keras_attention.text.subword_tokenizer import even_spaces, import_sentencepiece

MODEL_TYPES = ("unigram", "bpe")

_MOST_SENTENCES = 1_000_000
_BYTES = 4192  # the package's default limit for a sentence
_BOUNDARY = "\u2585"  # reserved by the package, which skips a sentence that contains it
_CUT = "\0"  # not a character for the package, so no piece extends across it
_TOO_LARGE = re.compile(r"size too high \(\d+\)\. Please set it to a value <= (\d+)")
_TOO_SMALL = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


def learn_subwords(
    sentences: Iterable[str],
    size: int,
    *,
    model_type: str = "unigram",
    character_coverage: float = 1.0,
    min_count: int = 1,
    seed: int = 1,
) -> bytes:
    """Return a sentencepiece model for `SubwordTokenizer`; equal arguments give equal bytes.

    Args:
        sentences: Sentences, already normalized with the tokenizer's `normalize`.
        size: Number of pieces, the four special tokens included.
        model_type: "unigram" (Kudo 2018, https://arxiv.org/abs/1804.10959) or "bpe" (Sennrich et
            al. 2016, https://arxiv.org/abs/1508.07909).
        character_coverage: Share of the text, from 0.98 to 1, that consists of known characters.
            The most frequent characters are known; the others are unknown.
        min_count: Characters that occur less often are unknown too.
        seed: Seed for drawing a sample if there are more than a million sentences.

    Raises:
        InputError: If the package sentencepiece is missing, if there is no text, or if no model of
            this size can be learned. The message then contains the largest or smallest possible
            size.
        ValueError: If `model_type` or `character_coverage` is out of range.
        TypeError: If `sentences` is a single string.
    """
    if model_type not in MODEL_TYPES:
        raise ValueError(
            f"`model_type` must be one of {', '.join(map(repr, MODEL_TYPES))}. "
            f"Received: model_type={model_type!r}."
        )
    if not 0.98 <= character_coverage <= 1:
        raise ValueError(
            "`character_coverage` must be from 0.98 to 1. "
            f"Received: character_coverage={character_coverage}."
        )
    if size <= len(SPECIAL_TOKENS):
        raise InputError(
            f"expected at least {len(SPECIAL_TOKENS) + 1} subwords, {len(SPECIAL_TOKENS)} of them "
            f"special tokens. Received: {size}."
        )
    texts = check_texts(sentences, "sentences")
    evened = _without_rare([even_spaces(sentence) for sentence in texts], min_count)
    kept = [sentence for sentence in evened if sentence.strip(f" {_CUT}")]
    if not kept:
        raise InputError("expected text to learn subwords from. Received: none.")
    if len(kept) > _MOST_SENTENCES:
        kept = random.Random(seed).sample(kept, _MOST_SENTENCES)
    return _train(kept, size, model_type=model_type, character_coverage=character_coverage)


def _without_rare(sentences: Sequence[str], min_count: int) -> list[str]:
    """Replace the characters that must not be part of a piece by `_CUT`."""
    counts = Counter(chain.from_iterable(sentences))
    rare = {character for character, count in counts.items() if count < min_count} - {" "}
    cuts = {ord(character): _CUT for character in (*rare, _BOUNDARY)}
    return [sentence.translate(cuts) for sentence in sentences]


def _train(sentences: list[str], size: int, **settings: str | float) -> bytes:
    file_bytes = io.BytesIO()
    try:
        import_sentencepiece().SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=file_bytes,
            vocab_size=size,
            # `SubwordTokenizer` normalizes text and white space itself.
            normalization_rule_name="identity",
            # The package would skip longer sentences.
            max_sentence_length=max(_BYTES, *(len(line.encode()) for line in sentences)),
            minloglevel=2,
            **_SPECIAL,
            **settings,
        )
    except RuntimeError as error:
        raise _explain(str(error), size) from None
    return file_bytes.getvalue()


_SPECIAL = {
    "pad_id": PAD_ID,
    "pad_piece": PAD,
    "bos_id": START_ID,
    "bos_piece": START,
    "eos_id": END_ID,
    "eos_piece": END,
    "unk_id": UNKNOWN_ID,
    "unk_piece": UNKNOWN,
    "unk_surface": UNKNOWN,
}


def _explain(message: str, size: int) -> InputError:
    """Translate the package's message into an error about the arguments."""
    if found := _TOO_LARGE.search(message):
        limit = f"at most {found[1]} subwords, the most that can be learned from the text"
    elif found := _TOO_SMALL.search(message):
        limit = f"at least {found[1]} subwords, one for each character of the text"
    else:
        return InputError(f"cannot learn {size} subwords from the text: {message.strip()}")
    return InputError(f"expected {limit}. Received: {size}.")
