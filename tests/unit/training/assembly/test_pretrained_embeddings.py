import gzip
import logging
import struct

import numpy as np
import pytest

from keras_attention import InputError, Seq2Seq
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.text.tokenizers import WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.training.assembly.pretrained import find_vectors, load_pretrained
from keras_attention.training.data import vector_files
from keras_attention.training.data.data_paths import absolute_files
from keras_attention.training.recipe.model_config import ModelConfig
from keras_attention.translation.codec import TextCodec

WORDS = WordTokenizer(Vocabulary(["the", "us", "café"]), lowercase=True)
THE, US, CAFE = 4, 5, 6


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "vectors.vec"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def found(path, tokenizer=WORDS, width=2):
    return {id_: vector.tolist() for id_, vector in find_vectors(path, tokenizer, width).items()}


@pytest.mark.parametrize("header", ["4 2\n", ""], ids=["word2vec", "glove"])
def test_an_entry_matches_a_token_after_normalization(write, header):
    path = write(header + "the 1 -2.5 \nLondon 3 4\n</s> 5 6\nCAFE\u0301 1e-3 8\n")
    assert found(path) == {THE: [1, -2.5], CAFE: [np.float32(1e-3), 8]}


def test_an_exact_entry_is_preferred_and_otherwise_the_first_normalized_one(write):
    path = write("5 2\nUS 1 1\nus 2 2\nus 3 3\nThe 4 4\nTHE 5 5\n")
    assert found(path) == {US: [2, 2], THE: [4, 4]}
    cased = WordTokenizer(Vocabulary(["THE", "us"]))
    assert found(path, cased) == {4: [5, 5], 5: [2, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 3\nthe 1 2 3\n", r"line 1: expected vectors of 2 numbers \(model.embedding\). Receiv"),
        ("2 2\nthe 1 2\nof 1\n", "line 3: expected vectors of 2 numbers .* Received: 1."),
        ("the 1 2 3\n", "line 1: expected vectors of 2 numbers .* Received: 3."),
        ("1 2\nthe 1 two\n", "line 2: expected finite numbers. Received: 'two'."),
        ("1 2\nthe 1 nan\n", "line 2: expected finite numbers. Received: 'nan'."),
        ("1 2\nthe 1e39 2\n", "line 2: expected finite numbers. Received: '1e39'."),
        ("1 2\nthe 1_0 2\n", "line 2: expected finite numbers. Received: '1_0'."),
        ("1 2\nthe \u0661 2\n", "line 2: expected finite numbers. Received: '\u0661'."),
        ("1 2\nthe 1 -1e39\n", "line 2: expected finite numbers. Received: '-1e39'."),
        ("1 2\n\n", "line 2: expected a token and its numbers, .* Received: ''."),
        ("1 2\n  1 2\n", "line 2: expected a token and its numbers, .* Received: '  1 2'."),
        (
            "3 2\nthe 1 2\n",
            r"vectors.vec: expected 3 tokens \(the number on line 1\). Received: 1.",
        ),
        ("", "line 1: expected a token and its numbers"),
        (f"1 {'9' * 5000}\nthe 1 2\n", "line 1: expected vectors of 2 numbers .* Received: 1."),
    ],
)
def test_an_invalid_text_file_of_vectors_is_an_error(write, text, message):
    with pytest.raises(InputError, match=message):
        found(write(text))


def binary(vectors, end=b"\n"):
    """Return the bytes of a file that word2vec writes with `-binary 1`."""
    width = len(next(iter(vectors.values())))
    rows = (token + b" " + struct.pack(f"<{width}f", *row) + end for token, row in vectors.items())
    return f"{len(vectors)} {width}\n".encode() + b"".join(rows)


VECTORS = {b"the": [1, -2.5], b"London": [0, 0], b"</s>": [5, 6], "CAFE\u0301".encode(): [1e-3, 8]}


@pytest.mark.parametrize("end", [b"\n", b""], ids=["word2vec", "without line feeds"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_binary_files_of_word2vec_are_read(end, packed, chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "_CHUNK", chunk)
    path, content = tmp_path / "vectors.bin", binary(VECTORS, end)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert found(str(path)) == {THE: [1, -2.5], CAFE: [np.float32(1e-3), 8]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (binary({b"the": [0, 0, 0]}), "line 1: expected vectors of 2 numbers .* Received: 3"),
        (binary(VECTORS)[:-12], r"expected 4 tokens \(the number on line 1\). Received: 3\."),
        (binary(VECTORS) + b"more", r"expected 4 tokens \(the number on line 1\). Received: more"),
        (binary({b"the": [0, float("nan")]}), "token 1: expected finite numbers. Received: 'nan'"),
        (binary({b"\xff": [0, 0]}), "token 1: expected UTF-8"),
    ],
)
def test_an_invalid_binary_file_of_vectors_is_an_error(content, message, tmp_path):
    (tmp_path / "vectors.bin").write_bytes(content)
    with pytest.raises(InputError, match=rf"vectors\.bin.*{message}"):
        found(str(tmp_path / "vectors.bin"))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="none.vec: expected a file that can be read"):
        found(str(tmp_path / "none.vec"))


@pytest.mark.parametrize("tie", ["none", "all"])
def test_found_rows_are_set_and_others_keep_their_values(write, tie, caplog):
    model = Seq2Seq(7, 7, units=2, embedding=2, tie_embeddings=tie)
    model.build()
    before = [model.source_embedding.get_weights()[0], model.target_embedding.get_weights()[0]]
    config = ModelConfig(embedding=2, source_embeddings=write("us 3 4\nof 1 2\n"))
    codec = TextCodec(WORDS, WORDS, SearchSettings(9, 9))
    with caplog.at_level(logging.INFO, "keras_attention"):
        load_pretrained(config, model, codec)
    assert caplog.messages == [f"{config.source_embeddings}: 1 of 3 source tokens found"]
    expected = before[0].copy()
    expected[US] = [3, 4]
    np.testing.assert_array_equal(model.source_embedding.get_weights()[0], expected)
    target = expected if tie == "all" else before[1]
    np.testing.assert_array_equal(model.target_embedding.get_weights()[0], target)


def test_embedding_files_get_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = absolute_files(ModelConfig(target_embeddings="a.vec"))
    assert (config.source_embeddings, config.target_embeddings) == ("", str(tmp_path / "a.vec"))
