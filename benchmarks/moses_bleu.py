"""Computes BLEU on lower-cased, normalised Moses tokens, as papers on Multi30k do.

pip install sacremoses
keras-attention evaluate saved_models/multi30k-en-fr --format parallel \
  --data data/multi30k/test_2016_flickr.en --target data/multi30k/test_2016_flickr.fr \
  --output outputs.fr
python benchmarks/moses_bleu.py outputs.fr data/multi30k/tok/test_2016_flickr.lc.norm.tok.fr fr
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sacrebleu.metrics.bleu import BLEU
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from keras_attention.files.text_files import read_lines


def moses_tokens(lines: list[str], language: str) -> list[str]:
    """Normalize, tokenize and lower-case lines like Moses's Perl scripts."""
    normalizer, tokenizer = MosesPunctNormalizer(language), MosesTokenizer(language)
    normal = (normalizer.normalize(line.strip().lower()) for line in lines)
    return [" ".join(tokenizer.tokenize(line)) for line in normal]


def main() -> None:
    """Print BLEU with its signature."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("outputs", type=Path, help="outputs of a model, one per line, in any case")
    parser.add_argument("references", type=Path, help="lower-cased Moses tokens")
    parser.add_argument("language", help="language code of both files")
    arguments = parser.parse_args()
    outputs, references = (
        list(read_lines(arguments.outputs)),
        list(read_lines(arguments.references)),
    )
    metric = BLEU(tokenize="none", force=True)
    print(metric.corpus_score(moses_tokens(outputs, arguments.language), [references]))
    print(metric.get_signature())


if __name__ == "__main__":
    main()
