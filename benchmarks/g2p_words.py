"""Writes words of six languages without pronunciations, for `keras-attention distill --sources`.

pip install wordfreq==3.1.1
python benchmarks/g2p_words.py data/g2p words

The words are a random sample of the most frequent words in the package wordfreq. Each line starts
with the language as a source feature, as the models of the recipe g2p-many need it. A word is left
out if it is in a training, development or test file of its language, if it has a letter that no
training word has, if it has a single letter, or if it is longer than every training word. Katakana
are converted to hiragana, as in the Japanese files.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from unicodedata import normalize

import wordfreq

from keras_attention.text.source_features import add_features
from keras_attention.training.data.pair_files import read_table
from keras_attention.training.data.tables import Layout

LANGUAGES = {"fre": "fr", "hun": "hu", "ice": "is", "jpn": "ja", "kor": "ko", "vie": "vi"}
"""For each language of the data, its code in wordfreq."""

HIRAGANA = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}


def sources(folder: Path, language: str, part: str) -> list[str]:
    """Return the words of a file of pairs."""
    return [source for source, _ in read_table(folder / f"{language}_{part}.tsv", Layout())]


def new_words(folder: Path, language: str) -> Iterator[str]:
    """Yield words that the files of a language lack, most frequent first."""
    training = [normalize("NFD", word) for word in sources(folder, language, "train")]
    letters, longest = {letter for word in training for letter in word}, max(map(len, training))
    known = {
        normalize("NFC", word)
        for part in ("train", "dev", "test")
        for word in sources(folder, language, part)
    }
    for frequent in wordfreq.get_frequency_dict(LANGUAGES[language]):
        word = normalize("NFC", frequent.translate(HIRAGANA) if language == "jpn" else frequent)
        spelled = normalize("NFD", word)
        if word not in known and 2 <= len(spelled) <= longest and letters.issuperset(spelled):
            known.add(word)
            yield word


def main() -> None:
    """Write a file of words for each language."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the files of the recipe g2p")
    parser.add_argument("output", type=Path, help="folder to write, with a file per language")
    parser.add_argument(
        "--number", type=int, default=7200, help="words per language; default: 7200"
    )
    drawn_from = "draw from this many of the most frequent new words; default: 25000"
    parser.add_argument("--frequent", type=int, default=25000, help=drawn_from)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        words = list(islice(new_words(arguments.data, language), arguments.frequent))
        drawn = random.Random(1).sample(words, min(arguments.number, len(words)))
        lines = add_features(drawn, {"language": language})
        path = arguments.output / f"{language}.txt"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        print(f"{path}: {len(drawn)} of {len(words)} words")


if __name__ == "__main__":
    main()
