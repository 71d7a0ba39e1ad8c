import io
import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sentencepiece

from keras_attention.errors import InputError
from keras_attention.special_tokens import SPECIAL_TOKENS, UNKNOWN_ID
from keras_attention.text import SubwordTokenizer, learn_subwords
from keras_attention.text.subword_learning import MODEL_TYPES

GOLDEN = Path(__file__).parents[2] / "golden" / "text"
LINES = [
    "the cat sat on the mat.",
    "a dog ran after the cat!",
    "고양이 한 마리",
    "<s> tags </s>",
] * 9


@pytest.fixture(scope="module", params=MODEL_TYPES)
def model(request):
    return learn_subwords(LINES, 30, model_type=request.param)


@pytest.fixture(scope="module")
def tokenizer(model):
    return SubwordTokenizer(model)


@pytest.fixture(scope="module")
def processor(model):
    return sentencepiece.SentencePieceProcessor(model_proto=model)


@pytest.mark.parametrize(
    "line",
    json.loads((GOLDEN / "lines.json").read_text(encoding="utf-8")),
    ids=lambda line: line["about"],
)
def test_the_golden_ids_are_reproduced(line):
    tokenizer = SubwordTokenizer((GOLDEN / "subword.model").read_bytes())
    assert tokenizer.encode(line["text"]) == line["subword"]


def texts():
    generator = random.Random(1)
    parts = [
        "the",
        "cat",
        "고양이",
        " ",
        "  ",
        "\t",
        "▁",
        "한",
        "x",
        "漢字",
        "😀",
        "<s>",
        "</s>",
        ".",
    ]
    return ["", *("".join(generator.choices(parts, k=7)) for _ in range(500))]


def test_ids_pieces_and_text_equal_those_of_sentencepiece(tokenizer, processor):
    for text in texts():
        even = " ".join(text.replace("▁", " ").split())
        ids = processor.encode(even)
        assert tokenizer.encode(text) == [*ids, 2]
        assert tokenizer.tokens(text) == [*processor.encode(even, out_type=str), "</s>"]
        assert tokenizer.decode(ids) == processor.decode(ids)


def test_any_ids_are_decoded_as_by_sentencepiece(tokenizer, processor):
    generator = random.Random(2)
    for _ in range(500):
        ids = generator.choices(range(3, len(tokenizer.vocabulary)), k=6)
        assert tokenizer.decode(ids) == processor.decode(ids)
        assert tokenizer.decode([1, *ids, 0, 2, 9]) == processor.decode(ids)


def test_known_text_survives_a_round_trip(tokenizer):
    for line in LINES:
        if "<" not in line:
            assert tokenizer.decode(tokenizer.encode(f" {line}\n")) == line


def test_text_cannot_contain_a_special_token(tokenizer):
    ids = tokenizer.encode("<s> </s> <pad> <unk>")
    assert set(ids[:-1]).isdisjoint({0, 1, 2})
    assert set(SPECIAL_TOKENS).isdisjoint(tokenizer.tokens("<s> </s> <pad> <unk>")[:-1])


def test_a_run_of_unknown_characters_is_one_token(tokenizer):
    assert tokenizer.tokens("漢字😀 the")[:3] == ["▁", "漢字😀", *tokenizer.tokens("the")[:1]]
    assert tokenizer.encode("漢字😀")[1:] == [UNKNOWN_ID, 2]


def test_an_empty_text_has_only_the_end_token(tokenizer):
    assert tokenizer.encode("") == tokenizer.encode(" \u3000▁") == [2]
    assert tokenizer.tokens("") == ["</s>"]
    assert tokenizer.decode([2]) == ""


def test_a_lone_surrogate_is_unknown(tokenizer):
    assert tokenizer.tokens("\ud800") == ["▁", "\ufffd", "</s>"]


def test_text_is_normalized_and_lower_cased():
    model = learn_subwords(["\u1112\u1161\u11ab\u1100\u116e\u11a8 cafe\u0301"], 16)
    tokenizer = SubwordTokenizer(model, normalization="nfd", lowercase=True)
    assert UNKNOWN_ID not in tokenizer.encode("한국 CAFÉ")
    assert tokenizer.decode(tokenizer.encode("한국 CAFÉ")) == "한국 café"


def test_a_stored_model_is_read_back_equal(tokenizer):
    loaded = SubwordTokenizer.from_bytes(tokenizer.to_bytes(), lowercase=True)
    assert loaded.vocabulary == tokenizer.vocabulary
    assert loaded.model_type == tokenizer.model_type
    assert loaded.normalizer.lowercase


def foreign(**settings):
    content = io.BytesIO()
    ours = dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="<pad>", minloglevel=2)
    ours |= dict(normalization_rule_name="identity", vocab_size=60, hard_vocab_limit=False)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=content, **{**ours, **settings}
    )
    return content.getvalue()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"", "model: damaged, or not a sentencepiece model"),
        (lambda: b"nothing of the kind", "model: damaged"),
        (lambda: learn_subwords(LINES, 30)[:200], "model: damaged"),
        (
            lambda: foreign(pad_id=3, unk_id=0),
            "by `learn_subwords`. Received: a model that begins with <unk>, <s>",
        ),
        (
            lambda: foreign(byte_fallback=True, vocab_size=320),
            "a model with pieces of single bytes",
        ),
        (lambda: foreign(normalization_rule_name="nfkc"), "a model with its own normalization"),
        (lambda: foreign(add_dummy_prefix=False), "a model with its own normalization"),
        (lambda: foreign(user_defined_symbols=["☃snow"]), "a model without a piece for "),
    ],
)
def test_a_model_not_made_by_learn_subwords_is_rejected(make, message):
    with pytest.raises(InputError, match=message):
        SubwordTokenizer.from_bytes(make())


@pytest.mark.parametrize("dropout", [0.0, 0.3, 1.0])
def test_dropout_skips_merges(dropout):
    tokenizer = SubwordTokenizer(learn_subwords(LINES, 40, model_type="bpe"))
    ids = tokenizer.encode_with_dropout(LINES * 20, dropout, seed=3)
    assert [tokenizer.decode(line) for line in ids] == [
        tokenizer.decode(tokenizer.encode(line)) for line in LINES * 20
    ]
    whole = sum(len(tokenizer.encode(line)) for line in LINES * 20)
    assert ids == tokenizer.encode_with_dropout(LINES * 20, dropout, seed=3)
    if dropout == 0.0:
        assert ids == [tokenizer.encode(line) for line in LINES * 20]
    elif dropout == 1.0:
        pieces = [tokenizer.vocabulary.decode(line[:-1]) for line in ids]
        assert {len(piece) for line in pieces for piece in line if piece != "<unk>"} == {1}
    else:
        assert ids != tokenizer.encode_with_dropout(LINES * 20, dropout, seed=4)
        assert sum(map(len, ids)) > whole


def test_dropout_does_not_depend_on_other_threads():
    tokenizer = SubwordTokenizer(learn_subwords(LINES, 30, model_type="bpe"))
    alone = [tokenizer.encode_with_dropout(LINES, 0.5, seed) for seed in range(20)]
    with ThreadPoolExecutor(2) as threads:
        draws = threads.map(lambda seed: tokenizer.encode_with_dropout(LINES, 0.5, seed), range(20))
    assert list(draws) == alone


def test_dropout_is_the_same_in_every_process():
    tokenizer = SubwordTokenizer(learn_subwords(["low lower lowest"] * 9, 14, model_type="bpe"))
    ids = tokenizer.encode_with_dropout(["lower lowest"] * 2, 0.5, seed=7)
    pieces = [" ".join(tokenizer.vocabulary.decode(line)) for line in ids]
    assert pieces == ["▁ l o w e r ▁ l o w e s t </s>", "▁ low e r ▁ l o w e s t </s>"]


def test_dropout_skips_as_many_merges_as_sentencepiece_does():
    tokenizer = SubwordTokenizer(learn_subwords(LINES, 40, model_type="bpe"))
    lines = LINES * 300
    theirs = [tokenizer._processor.encode(x, enable_sampling=True, alpha=0.3) for x in lines]
    ours = tokenizer.encode_with_dropout(lines, 0.3, seed=1)
    length = sum(map(len, theirs)) / len(lines)
    assert sum(len(line) - 1 for line in ours) / len(lines) == pytest.approx(length, rel=0.01)


def test_dropout_requires_a_bpe_model():
    merges = SubwordTokenizer(learn_subwords(LINES, 30, model_type="bpe"))
    with pytest.raises(ValueError, match="must be in .0, 1.. Received: dropout=1.5"):
        merges.encode_with_dropout(["a"], 1.5, seed=1)
    pieces = SubwordTokenizer(learn_subwords(LINES, 30))
    with pytest.raises(ValueError, match="requires a BPE model. Received: 'unigram'"):
        pieces.encode_with_dropout(["a"], 0.1, seed=1)


def test_results_are_the_same_without_sentencepiece(monkeypatch, model, tokenizer):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    without = SubwordTokenizer(model)
    assert (without.vocabulary, without.model_type) == (tokenizer.vocabulary, tokenizer.model_type)
    for text in texts():
        assert without.encode(text) == tokenizer.encode(text)
        assert without.tokens(text) == tokenizer.tokens(text)
    if without.model_type == "bpe":
        dropped = [each.encode_with_dropout(texts(), 0.5, seed=1) for each in (without, tokenizer)]
        assert dropped[0] == dropped[1]
