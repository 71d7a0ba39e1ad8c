"""The command `score`: prints the probability that a model assigns to given targets."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_attention.cli.arguments import (
    DataFormat,
    DataSettings,
    Features,
    KerasModel,
    MaxTokens,
    TargetFile,
    read_features,
)
from keras_attention.errors import TextError

_BATCH_SIZE = 64

if TYPE_CHECKING:
    from keras_attention.training.data.pairs import Pair
    from keras_attention.translation.result import PairScore
    from keras_attention.translation.translator import Translator


def score(
    model: KerasModel,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A file of pairs; in tsv, a line is source, tab, target."
        ),
    ],
    data_format: DataFormat = "tsv",
    target: TargetFile = None,
    settings: DataSettings = None,
    features: Features = None,
    max_tokens: MaxTokens = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object per pair, with a score for every token."),
    ] = False,
) -> None:
    """Print the log-probability that a model assigns to the target of each given pair.

    Use it to rank the outputs of another system, or to find wrong pairs in a corpus. Each line
    contains the natural log-probability, the log-probability per token, the perplexity, the source
    and the target, separated by tabs. A tab in a text becomes a space. The perplexity over all
    pairs is printed on standard error. If the model has a sparse output, a log-probability below
    -300 means that it gives the target a probability of 0.

    Example: keras-attention score saved_models/dates pairs.tsv
    """
    import json

    from keras_attention.cli.command_parts.evaluation_pairs import evaluation_pairs
    from keras_attention.translation.result import perplexity
    from keras_attention.translation.translator import Translator

    carried = read_features(features)
    pairs, _ = evaluation_pairs(model, data, data_format, target, settings or (), carried)
    translator = Translator.load(model)
    translator.codec.source.features.check(carried)
    translator.max_tokens = max_tokens or translator.max_tokens
    scores = _score(translator, pairs)
    for pair in scores:
        print(json.dumps(pair.to_json(), ensure_ascii=False) if as_json else _columns(pair))
    tokens = sum(len(pair.tokens) for pair in scores)
    total = sum(pair.score for pair in scores)
    sys.stdout.flush()
    print(
        f"perplexity {perplexity(scores):.4f}  of {len(scores)} pairs, {tokens} tokens, "
        f"log-probability {total:.4f}",
        file=sys.stderr,
    )


def _score(translator: "Translator", pairs: "Sequence[Pair]") -> "list[PairScore]":
    """Score the pairs, with a progress bar on a terminal."""
    from keras_attention.cli.progress import show_progress
    from keras_attention.text.padded_batches import SORTED_BATCHES

    size, scores = _BATCH_SIZE * SORTED_BATCHES, []
    with show_progress(len(pairs), unit="pairs") as advance:
        for first in range(0, len(pairs), size):
            sources, targets = zip(*pairs[first : first + size], strict=True)
            try:
                scores += translator.score(sources, targets, batch_size=_BATCH_SIZE)
            except TextError as error:
                raise error.at(first + error.position) from None
            advance(len(sources))
    return scores


def _columns(pair: "PairScore") -> str:
    numbers = (pair.score, pair.per_token, pair.perplexity)
    texts = (re.sub("[\t\r]", " ", text) for text in (pair.source, pair.target))
    return "\t".join([*(f"{number:.4f}" for number in numbers), *texts])
