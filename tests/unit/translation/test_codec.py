import json
from dataclasses import replace

import numpy as np
import pytest
from damages import check_damages

from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import InputError
from keras_attention.text.normalization import Normalizer
from keras_attention.text.subword_learning import learn_subwords
from keras_attention.text.tokenizers import CharacterTokenizer, SubwordTokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.codec import SearchSettings, TextCodec, pad, until_end
from keras_attention.translation.codec_files import (
    CODEC_FILES,
    SETTINGS_FILE,
    changed_file,
    take_fingerprint,
)

FILES = [SETTINGS_FILE, "source.vocabulary.txt", "target.vocabulary.txt"]


@pytest.fixture
def codec():
    source = WordTokenizer(Vocabulary(["two", "words"]))
    target = CharacterTokenizer(Vocabulary("두낱말 "))
    return TextCodec(source, target, SearchSettings(5, 7, beam_width=2, length_penalty=0.5))


def test_search_settings_are_converted_to_search_options():
    settings = SearchSettings(5, 7, beam_width=2, coverage_penalty=0.1, min_length=3)
    options = SearchOptions(max_length=7, beam_width=2, coverage_penalty=0.1, min_length=3)
    assert settings.options() == options
    assert settings.options(groups=2) == replace(options, groups=2)
    with pytest.raises(ValueError, match="`groups` must be positive and divide"):
        settings.options(groups=3)
    with pytest.raises(ValueError, match="`min_length` must not be above `max_length`"):
        SearchSettings(5, 7, min_length=8)
    with pytest.raises(
        ValueError, match="`max_source_length` must be an integer of at least 1 and at most 65536"
    ):
        SearchSettings(0, 7)
    with pytest.raises(ValueError, match="`replace_unknown` must be true or false"):
        SearchSettings(5, 7, replace_unknown=1)


def test_a_prefix_is_encoded_by_the_target_tokenizer(codec):
    assert codec.encode_prefix("두 말") == codec.target.encode("두 말")[:-1]
    assert codec.encode_prefix("") == []
    with pytest.raises(InputError, match=r"Received: prefix='두x말' with the unknown token 'x'\."):
        codec.encode_prefix("두x말")


def test_a_prefix_keeps_only_the_space_at_its_end(codec):
    target = CharacterTokenizer(codec.target.vocabulary, strip=True)
    stripping = TextCodec(codec.source, target, codec.settings)
    assert stripping.encode_prefix(" \ufeff두 ") == codec.encode_prefix("두 ")


def test_an_empty_text_has_an_empty_output(codec):
    tokens = np.array([[[4, 5, 2], [5, 2, 0]]] * 3)
    weights = np.arange(36, dtype="float32").reshape(3, 2, 3, 2)
    arrays = tokens, np.array([[-1.0, -2.0]] * 3), weights
    filled, *empty = codec.translations(["two", "", " \u3000"], *arrays)
    assert [found.text for found in filled.hypotheses] == ["두낱", "낱"]
    for number, translation in enumerate(empty, start=1):
        (found,) = translation.hypotheses
        assert (found.text, found.score, found.tokens) == ("", 0, ("</s>",))
        assert translation.source_tokens == ("</s>",)
        np.testing.assert_array_equal(found.alignment, weights[number, 0, :1, :1])


def test_the_output_of_an_empty_text_is_the_prefix(codec):
    arrays = np.array([[[4, 5, 5]]]), np.array([[-1.0]]), np.ones((1, 1, 3, 1), "float32")
    for prefix, tokens in (([4], ("두", "</s>")), ([4, 5, 4], ("두", "낱", "두"))):
        (translation,) = codec.translations([""], *arrays, prefix=prefix)
        assert (translation.tokens, translation.score) == (tokens, 0)
        assert translation.alignment.shape == (len(tokens), 1)


def test_differs_in_names_the_side_that_differs(codec):
    longer = WordTokenizer(Vocabulary(["two", "words", "more"]))
    lower = CharacterTokenizer(codec.target.vocabulary, lowercase=True)
    assert codec.differs_in(TextCodec(codec.source, codec.target, SearchSettings(9, 9))) == ""
    assert codec.differs_in(TextCodec(longer, codec.target, codec.settings)) == "source"
    assert codec.differs_in(TextCodec(codec.source, lower, codec.settings)) == "target"


def test_numpy_numbers_are_stored_as_python_numbers(codec):
    settings = SearchSettings(
        np.int64(9), np.int32(7), beam_width=np.int64(2), length_penalty=np.float32(0.5)
    )
    files = TextCodec(codec.source, codec.target, settings).to_files()
    assert TextCodec.from_files(files, "somewhere").settings == settings


def test_encode_rejects_a_single_text(codec):
    with pytest.raises(TypeError, match="^`texts` must be an iterable of strings"):
        codec.encode("ab")


def test_encode_appends_the_end_token_and_pads(codec):
    ids = codec.encode(["two words", "", "two unknown words"])
    assert ids.dtype == np.int32
    assert ids.tolist() == [[4, 5, 2, 0], [2, 0, 0, 0], [4, 3, 5, 2]]
    assert codec.encode([]).shape == (0, 0)


def test_translations_end_at_the_end_token_and_leave_out_fillers(codec):
    tokens = np.array([[[4, 5, 2, 0], [6, 6, 6, 6]], [[2, 0, 0, 0], [0, 0, 0, 0]]])
    scores = np.array([[-1.5, -2.5], [-0.5, -1e9]], "float32")
    alignments = np.arange(2 * 2 * 4 * 3, dtype="float32").reshape(2, 2, 4, 3)
    first, second = codec.translations(["two words", ""], tokens, scores, alignments)
    assert first.source_tokens == ("two", "words", "</s>")
    assert [hypothesis.text for hypothesis in first.hypotheses] == ["두낱", "말말말말"]
    assert first.tokens == ("두", "낱", "</s>")
    assert first.hypotheses[1].tokens == ("말",) * 4
    assert (first.score, type(first.score)) == (-1.5, float)
    np.testing.assert_array_equal(first.alignment, alignments[0, 0, :3])
    assert len(second.hypotheses) == 1
    assert second.source_tokens == second.tokens == ("</s>",)
    assert second.alignment.tolist() == [[alignments[1, 0, 0, 0]]]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_text_without_a_finite_score_has_an_empty_translation(codec, score):
    arrays = np.full((2, 1, 2), 4), np.array([[score], [-1.0]]), np.zeros((2, 1, 2, 3), "float32")
    nothing, found = codec.translations(["two", "words"], *arrays)
    assert (nothing.hypotheses, nothing.text, nothing.score) == ((), "", -np.inf)
    assert (found.text, found.score) == ("두두", -1.0)


def test_references_are_normalized_like_outputs():
    texts = ["  Two\u00a0 WORDS ", "ﬁ two", "한국", "unknown é two"]
    pieces = learn_subwords(["two words"] * 5, 13)
    for target in (
        WordTokenizer(Vocabulary(["two", "words"]), normalization="nfkc", lowercase=True),
        SubwordTokenizer(pieces, normalization="nfkc", lowercase=True),
        SubwordTokenizer(pieces, normalization="nfd", lowercase=True),
        CharacterTokenizer(Vocabulary("two")),
    ):
        form = TextCodec(target, target, SearchSettings(9, 9)).reference_form
        for text in texts:
            known = CharacterTokenizer if target.name == "character" else WordTokenizer
            whole = known(
                Vocabulary(dict.fromkeys(known(Vocabulary([])).cut(target.normalize(text)))),
                normalization=target.normalizer.form,
                lowercase=target.normalizer.lowercase,
            )
            assert form(text) == whole.decode(whole.encode(text))
            assert form(form(text)) == form(text)


def test_a_codec_is_read_back_equal_from_its_files(codec):
    files = codec.to_files()
    assert list(files) == FILES
    assert set(files) < set(CODEC_FILES)
    loaded = TextCodec.from_files(files, "somewhere")
    assert (loaded.source.name, loaded.target.name) == ("word", "character")
    assert loaded.source.vocabulary == codec.source.vocabulary
    assert loaded.target.vocabulary == codec.target.vocabulary
    assert loaded.settings == codec.settings
    assert loaded.to_files() == files


def test_a_joint_vocabulary_is_stored_once():
    subwords = SubwordTokenizer(learn_subwords(["low lower lowest", "new newer newest"], 18))
    characters = CharacterTokenizer(Vocabulary("ab"))
    lower = CharacterTokenizer(Vocabulary("ab"), lowercase=True)
    for source, target, file in [
        (subwords, subwords, "source.subwords.model"),
        (characters, lower, "source.vocabulary.txt"),
    ]:
        codec = TextCodec(source, target, SearchSettings(5, 7))
        assert codec.joint_vocabulary
        files = codec.to_files()
        assert list(files) == [SETTINGS_FILE, file]
        loaded = TextCodec.from_files(files, "somewhere")
        assert loaded.target.vocabulary == target.vocabulary
        assert loaded.target.normalizer == target.normalizer
        assert loaded.to_files() == files
    codec = TextCodec(subwords, characters, SearchSettings(5, 7))
    assert not codec.joint_vocabulary
    files = codec.to_files()
    assert list(files) == [SETTINGS_FILE, "source.subwords.model", "target.vocabulary.txt"]
    assert TextCodec.from_files(files, "somewhere").encode(["lower"]).tolist() == [
        subwords.encode("lower")
    ]


def test_the_error_names_a_damaged_subword_model(codec):
    model = learn_subwords(["low lower lowest", "new newer newest"], 18)
    files = TextCodec(SubwordTokenizer(model), codec.target, codec.settings).to_files()
    for damaged in (b"", b"damaged", model[:100]):
        with pytest.raises(InputError, match=r"somewhere/source\.subwords\.model: damaged"):
            TextCodec.from_files({**files, "source.subwords.model": damaged}, "somewhere")


def test_normalization_is_stored_for_each_side(codec):
    source = WordTokenizer(codec.source.vocabulary, normalization="nfkc", lowercase=True)
    target = CharacterTokenizer(codec.target.vocabulary, normalization="nfd", strip=True)
    files = TextCodec(source, target, codec.settings).to_files()
    loaded = TextCodec.from_files(files, "somewhere")
    assert loaded.source.normalizer == Normalizer("nfkc", lowercase=True)
    assert loaded.target.normalizer == Normalizer("nfd", strip=True)
    assert loaded.encode(["ＴＷＯ Words"]).tolist() == [[4, 5, 2]]


def test_another_version_of_unicode_is_rejected(codec):
    files = codec.to_files()
    settings = json.loads(files[SETTINGS_FILE])
    assert settings["unicode"] == "13.0.0"
    files[SETTINGS_FILE] = json.dumps({**settings, "unicode": "17.0.0"}).encode()
    unicode = r"translator\.json: .* Unicode 13\.0\.0, .* Received: 17\.0\.0\."
    with pytest.raises(InputError, match=unicode):
        TextCodec.from_files(files, "somewhere")


def test_older_files_without_newer_settings_are_read(codec):
    files = codec.to_files()
    old = ("format", "source_tokenizer", "target_tokenizer", "max_source_length", "max_length")
    old += ("beam_width", "length_penalty")
    settings = {key: value for key, value in json.loads(files[SETTINGS_FILE]).items() if key in old}
    assert len(settings) == len(old)
    loaded = TextCodec.from_files({**files, SETTINGS_FILE: json.dumps(settings).encode()}, "old")
    assert loaded.source.normalizer == loaded.target.normalizer == Normalizer("nfc")
    assert loaded.to_files() == files


@pytest.mark.parametrize("name", FILES)
def test_the_error_names_a_missing_file(codec, name):
    files = codec.to_files()
    del files[name]
    with pytest.raises(InputError, match=f"^somewhere: expected a model .* {name} is missing"):
        TextCodec.from_files(files, "somewhere")


@pytest.mark.parametrize(
    "change",
    [
        {"max_length": 0},
        {"beam_width": 1.0},
        {"max_source_length": True},
        {"length_penalty": -1.0},
        {"length_penalty": float("nan")},
        {"length_penalty": float("inf")},
        {"length_penalty": "0.5"},
        {"coverage_penalty": -0.1},
        {"repetition_penalty": 0.5},
        {"no_repeat_ngram": 1.5},
        {"min_length": 8},  # above max_length
        {"source_tokenizer": "syllable"},
        {"target_tokenizer": []},
        {"target_tokenizer": None},
        {"source_normalization": "nfkd"},
        {"target_normalization": None},
        {"source_lowercase": 1},
        {"target_strip": None},
        {"joint_vocabulary": "no"},
        {"joint_vocabulary": True},  # requires equal tokenizers
        {"unexpected": 1},
    ],
)
def test_invalid_settings_are_reported_as_damage(codec, change):
    files = codec.to_files()
    files[SETTINGS_FILE] = json.dumps({**json.loads(files[SETTINGS_FILE]), **change}).encode()
    with pytest.raises(InputError, match=r"^somewhere/translator\.json: damaged, expected"):
        TextCodec.from_files(files, "somewhere")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '"text"', "null", "{}"])
def test_a_settings_file_without_settings_is_damaged(codec, text):
    with pytest.raises(InputError, match=r"translator\.json: damaged"):
        TextCodec.from_files({**codec.to_files(), SETTINGS_FILE: text.encode()}, "somewhere")


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 5000, f"1{'0' * 400}"])
def test_extreme_values_in_the_settings_are_reported_as_damage(codec, value):
    files = codec.to_files()
    files[SETTINGS_FILE] = files[SETTINGS_FILE].replace(b"0.5", value.encode())
    with pytest.raises(InputError, match=r"translator\.json: damaged"):
        TextCodec.from_files(files, "somewhere")


def test_a_fingerprint_shows_which_file_has_changed(codec):
    fingerprint = json.loads(json.dumps(take_fingerprint(codec.to_files())))
    assert changed_file(codec.to_files(), fingerprint) == ""
    older = {**fingerprint, SETTINGS_FILE: dict(fingerprint[SETTINGS_FILE])}
    del older[SETTINGS_FILE]["no_repeat_ngram"]  # a missing newer setting has its default
    assert changed_file(codec.to_files(), older) == ""
    source = WordTokenizer(Vocabulary(["words", "two"]))
    other = TextCodec(source, codec.target, codec.settings)
    assert changed_file(other.to_files(), fingerprint) == "source.vocabulary.txt"
    characters = TextCodec(CharacterTokenizer(source.vocabulary), codec.target, codec.settings)
    assert changed_file(characters.to_files(), fingerprint) == "source.vocabulary.txt"
    wider = TextCodec(codec.source, codec.target, replace(codec.settings, beam_width=3))
    assert changed_file(wider.to_files(), fingerprint) == SETTINGS_FILE
    subwords = SubwordTokenizer(learn_subwords(["low lower lowest", "new newer newest"], 18))
    assert changed_file(TextCodec(subwords, codec.target, codec.settings).to_files(), fingerprint)
    for none in (None, 3, [], {}, {SETTINGS_FILE: 3}):
        assert changed_file(codec.to_files(), none) == ""


def test_a_length_penalty_may_be_an_integer(codec):
    files = codec.to_files()
    files[SETTINGS_FILE] = files[SETTINGS_FILE].replace(b"0.5", b"1")
    assert TextCodec.from_files(files, "somewhere").settings.length_penalty == 1


def test_any_damage_to_the_settings_is_a_one_line_error(codec):
    files = codec.to_files()

    def read(content):
        TextCodec.from_files({**files, SETTINGS_FILE: content}, "somewhere")

    accepted = check_damages(read, json.loads(files[SETTINGS_FILE]))
    # Some damage is accepted: a key with a default may be missing, and a penalty may be a billion.
    assert not {"format", "source_tokenizer", "max_length", "max_source_length"} & set(accepted)
    assert "beam_width" not in accepted
    assert accepted["joint_vocabulary"] == 1


def test_a_newer_format_is_rejected_whatever_else_the_file_contains(codec):
    files = {**codec.to_files(), SETTINGS_FILE: b'{"format": 2, "pieces": []}'}
    with pytest.raises(InputError, match=r"translator\.json: expected format 1, the only"):
        TextCodec.from_files(files, "somewhere")


def test_the_error_names_the_line_of_a_damaged_vocabulary(codec):
    files = {**codec.to_files(), "source.vocabulary.txt": b"<pad>\n<s>\n</s>\na\n"}
    with pytest.raises(InputError, match=r"somewhere/source\.vocabulary\.txt, line 4"):
        TextCodec.from_files(files, "somewhere")


def test_until_end_removes_padding_and_what_follows_the_end():
    assert until_end([4, 0, 5, 2, 6, 2]) == [4, 5, 2]
    assert until_end([4, 5]) == [4, 5]
    assert until_end([]) == []


def test_pad_fills_rows_with_zeros():
    assert pad([[1, 2], [], [3]]).tolist() == [[1, 2], [0, 0], [3, 0]]
