"""The command `score`: prints the probability that a model assigns to given targets."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_attention.cli.arguments import (
    DataFormat,
    DataSettings,
    KerasModel,
    MaxTokens,
    TargetFile,
)

if TYPE_CHECKING:
    from keras_attention.translation.result import PairScore


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
    max_tokens: MaxTokens = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object per pair, with a score for every token."),
    ] = False,
) -> None:
    """Print the log-probability that a model assigns to the target of each given pair.

    Use it to rank the candidates of another system, or to find pairs whose sides do not belong
    together. Each line holds the natural log-probability, the log-probability per token, the
    perplexity, the source and the target, separated by tabs; a tab in a text becomes a space. The
    perplexity over all pairs is printed on standard error.

    Example: keras-attention score saved_models/dates pairs.tsv
    """
    import json

    from keras_attention.cli.runtimes import evaluation_pairs
    from keras_attention.translation.result import perplexity
    from keras_attention.translation.translator import Translator

    pairs, _ = evaluation_pairs(model, data, data_format, target, settings or ())
    translator = Translator.load(model)
    translator.max_tokens = max_tokens or translator.max_tokens
    scores = translator.score([source for source, _ in pairs], [target for _, target in pairs])
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


def _columns(pair: "PairScore") -> str:
    numbers = (pair.score, pair.per_token, pair.perplexity)
    texts = (re.sub("[\t\r]", " ", text) for text in (pair.source, pair.target))
    return "\t".join([*(f"{number:.4f}" for number in numbers), *texts])
