import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attention.errors import InputError
from keras_attention.text import (
    CharacterTokenizer,
    Normalizer,
    SubwordTokenizer,
    WordTokenizer,
    learn_subwords,
    make_tokenizer,
)
from keras_attention.text.vocabulary import Vocabulary

NAMES = ("character", "word")
GOLDEN = Path(__file__).parents[2] / "golden" / "text"
LINES = json.loads((GOLDEN / "lines.json").read_text(encoding="utf-8"))

# PropList.txt of the Unicode Character Database, White_Space; unchanged since Unicode 6.3.
WHITE_SPACE = [
    *range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
    0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["about"])
@pytest.mark.parametrize("name", NAMES)
def test_the_golden_ids_are_reproduced(name, line):
    tokenizer = make_tokenizer(name, Vocabulary.load(GOLDEN / f"{name}.vocabulary.txt"))
    assert tokenizer.encode(line["text"]) == line[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_token_has_an_id(name):
    tokenizer = make_tokenizer(name, Vocabulary.load(GOLDEN / f"{name}.vocabulary.txt"))
    for line in LINES:
        tokens = tokenizer.tokens(line["text"])
        assert tokens[-1] == "</s>"
        assert [*tokenizer.vocabulary.encode(tokens[:-1]), 2] == line[name]


def test_unknown_tokens_keep_their_text():
    assert WordTokenizer(Vocabulary(["a"])).tokens("a <s> e\u0301") == ["a", "<s>", "é", "</s>"]
    assert CharacterTokenizer(Vocabulary("a")).tokens("ab") == ["a", "b", "</s>"]


def test_words_are_split_only_at_unicode_white_space():
    tokenizer = WordTokenizer(Vocabulary([]))
    for point in range(sys.maxunicode + 1):
        words = tokenizer.split(f"a{chr(point)}b")
        assert (words == ["a", "b"]) == (point in WHITE_SPACE), hex(point)


def test_decode_stops_at_the_end_token():
    tokenizer = CharacterTokenizer(Vocabulary("abc"))
    assert tokenizer.decode([1, 4, 0, 3, 5, 2, 6, 6]) == "a<unk>b"
    assert tokenizer.decode([4, 5]) == "ab"
    assert tokenizer.decode([2, 4]) == tokenizer.decode([]) == ""
    assert WordTokenizer(Vocabulary(["to", "be"])).decode([5, 3, 4, 2]) == "be <unk> to"


def test_decode_rejects_an_unknown_id():
    with pytest.raises(ValueError, match="Received: 7"):
        CharacterTokenizer(Vocabulary("abc")).decode([4, 7])


def test_decode_returns_the_normalized_text():
    generator, normalize = random.Random(1), Normalizer()
    for _ in range(100):
        text = "".join(generator.choices("ab \u0301\u0323가\u1161\u11a8\u200d👍", k=12))
        characters = CharacterTokenizer(Vocabulary.build([list(normalize(text))]))
        assert characters.decode(characters.encode(text)) == normalize(text)
        split = WordTokenizer(Vocabulary([])).split(text)
        words = WordTokenizer(Vocabulary.build([split]))
        assert words.decode(words.encode(text)) == " ".join(split)


def test_decoded_letters_are_composed():
    letters = CharacterTokenizer(Vocabulary("\u1112\u1161\u11abe\u0301"), normalization="nfd")
    assert letters.split("한é") == ["\u1112", "\u1161", "\u11ab", "e", "\u0301"]
    assert letters.decode(letters.encode("한é")) == "한é"
    assert letters.join(["e", "\u0301"]) == "é"


def test_tokenizers_normalize_case_and_compatible_characters():
    tokenizer = WordTokenizer(Vocabulary(["cafe\u0301"]), normalization="nfd", lowercase=True)
    assert tokenizer.encode("CAFÉ Café CAFE\u0301") == [4, 4, 4, 2]
    tokenizer = WordTokenizer(Vocabulary(["no"]), normalization="nfkc", lowercase=True)
    assert tokenizer.tokens("№ ＮＯ") == ["no", "no", "</s>"]


@pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer])
def test_a_stored_tokenizer_is_read_back_equal(kind):
    tokenizer = kind(Vocabulary("ab한"), normalization="nfd", lowercase=True)
    loaded = kind.from_bytes(tokenizer.to_bytes(), normalization="nfd", lowercase=True)
    assert (loaded.vocabulary, loaded.normalizer) == (tokenizer.vocabulary, tokenizer.normalizer)
    with pytest.raises(InputError, match="file, line 2: expected UTF-8"):
        kind.from_bytes(b"<pad>\n\xff", where="file")


def test_make_tokenizer_returns_the_named_kind():
    vocabulary = Vocabulary("ab")
    tokenizer = make_tokenizer("character", vocabulary)
    assert type(tokenizer) is CharacterTokenizer
    assert tokenizer.vocabulary is vocabulary
    assert type(make_tokenizer("word", vocabulary)) is WordTokenizer
    assert make_tokenizer("word", vocabulary, lowercase=True).normalizer.lowercase
    model = learn_subwords(["to be"], 9)
    tokenizer = make_tokenizer("subword", model, normalization="nfkc")
    assert type(tokenizer) is SubwordTokenizer
    assert (tokenizer.model, tokenizer.normalizer.form) == (model, "nfkc")


def test_make_tokenizer_rejects_an_unknown_name():
    with pytest.raises(InputError, match="'character', 'word', 'subword'. Received: 'bytes'"):
        make_tokenizer("bytes", Vocabulary("ab"))


def test_make_tokenizer_rejects_an_unknown_form():
    with pytest.raises(InputError, match="'nfc', 'nfd', 'nfkc'. Received: 'NFC'"):
        make_tokenizer("word", Vocabulary("ab"), normalization="NFC")


def test_the_import_loads_neither_tensorflow_nor_keras_nor_sentencepiece():
    others = "{'tensorflow', 'keras', 'sentencepiece'}"
    code = f"import sys, keras_attention.text; print({others} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
