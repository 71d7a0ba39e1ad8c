import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attention.errors import InputError
from keras_attention.text import CharacterTokenizer, Tokenizer, WordTokenizer, make_tokenizer
from keras_attention.text.tokenizers import TOKENIZERS
from keras_attention.vocabulary import Vocabulary

GOLDEN = Path(__file__).parents[2] / "golden" / "text"
LINES = json.loads((GOLDEN / "lines.json").read_text(encoding="utf-8"))

# PropList.txt of the Unicode Character Database, White_Space; unchanged since Unicode 6.3.
WHITE_SPACE = [
    *range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
    0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["about"])
@pytest.mark.parametrize("name", TOKENIZERS)
def test_golden_ids(name, line):
    tokenizer = make_tokenizer(name, Vocabulary.load(GOLDEN / f"{name}.vocabulary.txt"))
    assert tokenizer.encode(line["text"]) == line[name]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_and_ids_stand_side_by_side(name):
    tokenizer = make_tokenizer(name, Vocabulary.load(GOLDEN / f"{name}.vocabulary.txt"))
    for line in LINES:
        tokens = tokenizer.tokens(line["text"])
        assert tokens[-1] == "</s>"
        assert [*tokenizer.vocabulary.encode(tokens[:-1]), 2] == line[name]


def test_unknown_tokens_are_shown_as_they_stand():
    assert WordTokenizer(Vocabulary(["a"])).tokens("a <s> e\u0301") == ["a", "<s>", "é", "</s>"]
    assert CharacterTokenizer(Vocabulary("a")).tokens("ab") == ["a", "b", "</s>"]


def test_words_are_cut_at_unicode_white_space_and_nowhere_else():
    for point in range(sys.maxunicode + 1):
        words = WordTokenizer.split(f"a{chr(point)}b")
        assert (words == ["a", "b"]) == (point in WHITE_SPACE), hex(point)


def test_decode_reads_up_to_the_end():
    tokenizer = CharacterTokenizer(Vocabulary("abc"))
    assert tokenizer.decode([1, 4, 0, 3, 5, 2, 6, 6]) == "a<unk>b"
    assert tokenizer.decode([4, 5]) == "ab"
    assert tokenizer.decode([2, 4]) == tokenizer.decode([]) == ""
    assert WordTokenizer(Vocabulary(["to", "be"])).decode([5, 3, 4, 2]) == "be <unk> to"


def test_decode_refuses_an_unknown_id():
    with pytest.raises(ValueError, match="Received: 7"):
        CharacterTokenizer(Vocabulary("abc")).decode([4, 7])


def test_decode_brings_back_normalized_text():
    generator = random.Random(1)
    for _ in range(100):
        text = "".join(generator.choices("ab \u0301\u0323가\u1161\u11a8\u200d👍", k=12))
        characters = CharacterTokenizer(Vocabulary.build([Tokenizer.normalize(text)]))
        assert characters.decode(characters.encode(text)) == Tokenizer.normalize(text)
        words = WordTokenizer(Vocabulary.build([WordTokenizer.split(text)]))
        assert words.decode(words.encode(text)) == " ".join(WordTokenizer.split(text))


def test_make_tokenizer():
    vocabulary = Vocabulary("ab")
    tokenizer = make_tokenizer("character", vocabulary)
    assert type(tokenizer) is CharacterTokenizer
    assert tokenizer.vocabulary is vocabulary
    assert type(make_tokenizer("word", vocabulary)) is WordTokenizer


def test_make_tokenizer_refuses_an_unknown_name():
    with pytest.raises(InputError, match=r"one of 'character', 'word'\. Received: 'bytes'\."):
        make_tokenizer("bytes", Vocabulary("ab"))


def test_import_needs_neither_tensorflow_nor_keras():
    code = "import sys, keras_attention.text; print({'tensorflow', 'keras'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
