"""Models and texts for the programs in `examples/android` and `examples/ios`.

A stand-in for the runtime returns the source as output. So a program's outputs show whether it
tokenizes, joins and checks texts in the same way as the Python code.
"""

import json
import re

import numpy as np
from hard_texts import NORMALIZERS, make_texts

from keras_attention import CharacterTokenizer, SourceFeatures, Vocabulary, WordTokenizer
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import TextError
from keras_attention.export.device.device_file import write_device_file
from keras_attention.translation.codec import TextCodec

MAX_SOURCE_LENGTH, MAX_LENGTH = 12, 9
FEATURE_ERROR = r"expected the source feature \w+"
TAGGED = ["<to=fr><of=x> ab", "<of=x><to=de>  a<to=fr>", "<to=de><of=x>a\nb", "<to=de> a"]
CHANGES = [
    (
        b'"source_tokenizer": "character"',
        b'"source_tokenizer": "syllables"',
        r"expected character or word as the setting source_tokenizer\. Received: syllables\.",
    ),
    (
        b'"source_normalization": "nfc"',
        b'"source_normalization": "nfx"',
        r"expected nfc or nfd or nfkc as the setting source_normalization\. Received: nfx\.",
    ),
    (
        b'"source_normalization"',
        b'"source_normalisation"',
        r"expected a value .*as the setting source_normalization\. Received: no such setting\.",
    ),
    (
        b'"source_lowercase": false',
        b'"source_lowercase": "no" ',
        r"expected (true or false|.* Bool) as the setting source_lowercase\. Received: no\.",
    ),
    (
        b'"unicode": "13.0.0"',
        b'"unicode": "15.0.0"',
        r"expected 13\.0\.0 as the setting unicode\. Received: 15\.0\.0\.",
    ),
    *(
        (each, each.replace(b"1", b"2"), r"expected 1 as the setting format\. Received: 2\.")
        for each in (b'"format": 1,\n "model', b'"format": 1,\n  "unicode"')
    ),
    *(
        (name, name[::-1], f"expected a TFLite file .* with {name.decode()} in the zip archive .*")
        for name in (b"manifest.json", b"translator.json", b"target.vocabulary.txt")
    ),
]
"""Changes that a program must refuse: bytes of the first model, other bytes that replace them, and
the error. Both have the same length, so the zip archive stays valid."""

TEXTS = [*make_texts()[::4], *TAGGED, "ab" * 60, "a b " * 600]


def make_codecs():
    letters, words = Vocabulary("ab é한\u1112"), Vocabulary(["a", "b", "한", "é", "c", "d"])
    settings = SearchSettings(MAX_SOURCE_LENGTH, MAX_LENGTH)
    copying = SearchSettings(MAX_SOURCE_LENGTH, MAX_LENGTH, replace_unknown=True)
    features = SourceFeatures({"to": ["de", "fr"], "of": ["x"]})
    for normalizer in NORMALIZERS:
        yield TextCodec(
            CharacterTokenizer(letters, **normalizer), WordTokenizer(words, **normalizer), settings
        )
    same = WordTokenizer(words)
    yield TextCodec(same, same, copying)
    yield TextCodec(
        CharacterTokenizer(letters, features=features), CharacterTokenizer(letters), settings
    )


CODECS = list(make_codecs())


def write_models(folder):
    """Write a file for each codec, and return their paths.

    The first line of a file tells the stand-in the declared length of the source, the length of an
    output and the number of source features.
    """
    paths = [folder / f"{number}.tflite" for number in range(len(CODECS))]
    for number, (path, codec) in enumerate(zip(paths, CODECS, strict=True)):
        about = {"any_length": True} if _any_length(number) else {}
        lengths = MAX_SOURCE_LENGTH, MAX_LENGTH, len(codec.source.features)
        write_device_file(path, b"%d %d %d\n" % lengths, codec, about)
    return paths


def _any_length(number):
    """Return whether a model accepts any length; those of version 0.1 do not."""
    return bool(number % 2)


def write_changed_models(folder):
    """Write a file for each of `CHANGES`, and return their paths."""
    model, paths = write_models(folder)[0].read_bytes(), []
    for number, (old, new, _) in enumerate(CHANGES):
        assert old in model and len(old) == len(new)
        paths.append(folder / f"changed-{number}.tflite")
        paths[-1].write_bytes(model.replace(old, new))
    return paths


def check_refusals(found):
    """Check what a program printed for the models of `write_changed_models`."""
    for answer, (*_, expected) in zip(found, CHANGES, strict=True):
        assert isinstance(answer, str) and re.fullmatch(expected, answer), (answer, expected)


def write_request(folder, models, texts):
    """Write the file that the program reads, and return its path."""
    path = folder / "given.json"
    path.write_text(json.dumps({"models": list(map(str, models)), "texts": texts}))
    return path


def check_answers(found, texts):
    """Check what a program printed for each model and text."""
    assert len(texts) > 800
    for number, (codec, answers) in enumerate(zip(CODECS, found, strict=True)):
        for text, answer in zip(texts, answers, strict=True):
            assert _shown(answer) == _expected(codec, text, _any_length(number)), repr(text)


def _expected(codec, text, any_length):
    """Return what the program should print, given the outputs of the stand-in."""
    try:
        ids = codec.source.encode(text)
    except TextError as error:
        return re.search(FEATURE_ERROR, str(error))[0]
    limit = 1024 if any_length else MAX_SOURCE_LENGTH
    if len(ids) > limit:
        return f"expected at most {limit} tokens including </s>. Received: {len(ids)}."
    padded = [*ids, *[0] * MAX_SOURCE_LENGTH][:MAX_LENGTH]
    alignment = np.eye(MAX_LENGTH, max(MAX_LENGTH, len(ids)))
    (found,) = codec.translations([text], [[padded]], [[-sum(ids)]], [[alignment]])
    tokens = [_units(token) for token in found.tokens]
    return [_units(found.text), found.score, tokens, found.alignment.tolist()]


def _shown(answer):
    """Return an answer of the program, or only the beginning of an error about a feature."""
    feature = isinstance(answer, str) and re.search(FEATURE_ERROR, answer)
    return feature[0] if feature else answer


def _units(text):
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2").tolist()
