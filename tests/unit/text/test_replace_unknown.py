"""Unknown words in the output are replaced with the source words that they attend to."""

import json

import numpy as np
import pytest

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.text.tokenizers import CharacterTokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.result import Hypothesis, Translation

SOURCE = ("herr", "Müller", "wohnt", "in", "Ulm", "</s>")


@pytest.fixture
def codec():
    words = WordTokenizer(Vocabulary(["mr", "lives", "in"]))
    return TextCodec(words, words, SearchSettings(9, 9))


def translation(*hypotheses):
    """Make a translation from the tokens of each hypothesis and the positions they attend to."""
    made = []
    for tokens, looks in hypotheses:
        weights = np.full((len(tokens), len(SOURCE)), 0.01, "float32")
        weights[range(len(looks)), looks] = 0.9
        text = " ".join(token for token in tokens if token != "</s>")
        made.append(Hypothesis(text, -1.0, tokens, weights))
    return Translation(" ".join(SOURCE[:-1]), SOURCE, tuple(made))


def test_every_unknown_token_becomes_the_source_word_it_attends_to(codec):
    before = translation(
        (("mr", "<unk>", "lives", "in", "<unk>", "</s>"), [0, 1, 2, 3, 4, 5]),
        (("<unk>", "<unk>", "</s>"), [4, 1, 5]),
    )
    after = codec.replace_unknown(before)
    assert [h.text for h in after.hypotheses] == ["mr Müller lives in Ulm", "Ulm Müller"]
    assert after.tokens == ("mr", "Müller", "lives", "in", "Ulm", "</s>")
    assert after.score == before.score
    assert after.alignment is before.alignment
    assert before.text == "mr <unk> lives in <unk>"


def test_the_end_of_the_source_is_not_a_word(codec):
    after = codec.replace_unknown(translation((("<unk>", "</s>"), [5, 5])))
    assert after.text in SOURCE[:-1]
    weights = np.array([[0.1, 0.2, 0.05, 0.0, 0.0, 0.65]], "float32")
    cut = Translation("x", SOURCE, (Hypothesis("<unk>", -1.0, ("<unk>",), weights),))
    assert codec.replace_unknown(cut).text == "Müller"


def test_an_output_without_an_end_token_is_kept_whole(codec):
    after = codec.replace_unknown(translation((("mr", "<unk>"), [0, 1])))
    assert (after.text, after.tokens) == ("mr Müller", ("mr", "Müller"))


def test_an_output_without_unknown_tokens_is_unchanged(codec):
    before = translation((("mr", "in", "</s>"), [0, 1, 2]))
    assert codec.replace_unknown(before).hypotheses[0] is before.hypotheses[0]


def test_unknown_tokens_stay_if_there_are_no_weights_or_source_words(codec):
    nothing = Hypothesis("<unk>", -1.0, ("<unk>", "</s>"), np.zeros((2, 6), "float32"))
    assert codec.replace_unknown(Translation("x", SOURCE, (nothing,))).text == "<unk>"
    alone = Hypothesis("<unk>", -1.0, ("<unk>",), np.ones((1, 1), "float32"))
    assert codec.replace_unknown(Translation("", ("</s>",), (alone,))).text == "<unk>"


def test_replaced_characters_are_joined_without_spaces():
    letters = CharacterTokenizer(Vocabulary("ab"))
    codec = TextCodec(letters, letters, SearchSettings(9, 9))
    hypothesis = Hypothesis("a<unk>", -1.0, ("a", "<unk>", "</s>"), np.eye(3, dtype="float32"))
    after = codec.replace_unknown(Translation("xé", ("x", "é", "</s>"), (hypothesis,)))
    assert after.text == "aé"


@pytest.mark.parametrize(
    ("replaces", "expected"), [(False, "mr <unk> in <unk>"), (True, "mr Müller in Ulm")]
)
def test_the_settings_control_the_replacement(replaces, expected):
    source = WordTokenizer(Vocabulary(["herr", "wohnt", "in"]))
    target = WordTokenizer(Vocabulary(["mr", "lives", "in"]))
    codec = TextCodec(source, target, SearchSettings(9, 9, replace_unknown=replaces))
    ids = np.array([[[4, 3, 6, 3, 2, 0]]])
    weights = np.zeros((1, 1, 6, 8), "float32")  # the source is padded: </s> is its sixth token
    weights[0, 0, range(5), [0, 1, 3, 4, 5]] = 1
    (found,) = codec.translations([" ".join(SOURCE[:-1])], ids, np.array([[-1.0]]), weights)
    assert found.text == expected
    assert found.text.split() == list(found.tokens[:-1])
    assert found.alignment.shape == (5, 6)
    assert codec.replace_unknown(found).text == "mr Müller in Ulm"


def test_files_without_the_setting_keep_unknown_tokens(codec):
    files = codec.to_files()
    settings = json.loads(files["translator.json"])
    assert settings.pop("replace_unknown") is False
    older = {**files, "translator.json": json.dumps(settings).encode()}
    assert TextCodec.from_files(older, "here").settings == codec.settings
