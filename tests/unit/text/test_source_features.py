"""Texts begin with source features as tags; tokenizers put their ids before the text's ids."""

import pytest

from keras_attention import InputError, SourceFeatures, SubwordTokenizer, learn_subwords
from keras_attention.errors import TextError
from keras_attention.text.source_features import add_features
from keras_attention.text.tokenizers import CharacterTokenizer, WordTokenizer
from keras_attention.text.vocabulary import Vocabulary

FEATURES = SourceFeatures({"language": ["fre", "kor"], "domain": ["news"]})
LETTERS = CharacterTokenizer(Vocabulary("ab "), features=FEATURES)

READ = {
    "<language=kor><domain=news> ab": ([5, 4], ["a", "b"]),
    "<domain=news><language=fre>ab": ([4, 4], ["a", "b"]),
    "<language=kor><domain=news>  ab": ([5, 4], [" ", "a", "b"]),
    "<language=kor><domain=news>": ([5, 4], []),
    "<language=kor><domain=news> a<language=fre>": ([5, 4], ["a", *"<language=fre>"]),
    "<language=kor><domain=news> <speaker=1> b": ([5, 4], [*"<speaker=1> b"]),
}
REFUSED = {
    "": "expected the source feature language before the text, as in '<language=VALUE> text', with "
    "one of the values fre, kor. Received: ''.",
    "ab": "Received: 'ab'.",
    "kor": "Received: 'kor'.",
    " <language=kor><domain=news> ab": "Received: ' <language=kor><domain=news> ab'.",
    "<language=kr><domain=news> ab": "values fre, kor; the nearest is 'kor'. Received: 'kr'.",
    "<language=><domain=news> ab": "Received: '<language=><domain=news> ab'.",
    "<language=kor> ab": "expected the source feature domain before the text",
    "<language=kor><language=kor><domain=news> ab": "expected the source feature language before",
    "<language=KOR><domain=news> ab": "Received: 'KOR'.",
}


@pytest.mark.parametrize("text", READ)
def test_tags_become_ids_before_the_ids_of_the_text(text):
    ids, tokens = READ[text]
    assert LETTERS.tokens(text) == [*tokens, "</s>"]
    assert LETTERS.encode(text) == [*ids, *LETTERS.vocabulary.encode(tokens), 2]
    assert list(LETTERS.positions(text)) == list(range(len(tokens)))


@pytest.mark.parametrize("text", REFUSED)
def test_a_missing_repeated_or_unknown_value_is_an_error(text):
    with pytest.raises(TextError) as error:
        LETTERS.encode(text)
    assert REFUSED[text] in str(error.value)


def test_a_tokenizer_without_features_reads_tags_as_text():
    assert CharacterTokenizer(Vocabulary("ab")).split("<a=b> a") == list("<a=b> a")


def test_tags_do_not_count_as_words():
    words = WordTokenizer(Vocabulary(["a"]), features=FEATURES)
    text = "<language=kor><domain=news> a <language=fre> b\u00a0a"
    assert words.split(text) == ["a", "<language=fre>", "b", "a"]
    assert words.positions(text) == [0, 1, 2, 2]


def test_subword_dropout_changes_the_subwords_but_not_the_feature_ids():
    model = learn_subwords(["low lower", "new newer"], 16, model_type="bpe")
    tokenizer = SubwordTokenizer(model, features=SourceFeatures({"to": ["de", "fr"]}))
    plain = SubwordTokenizer(model)
    assert tokenizer.encode("<to=fr> newer") == [5, *plain.encode("newer")]
    drawn = tokenizer.encode_with_dropout(["<to=fr> newer"], 0.5, seed=3)
    assert drawn == [[5, *ids] for ids in plain.encode_with_dropout(["newer"], 0.5, seed=3)]


def test_values_are_learned_if_all_texts_have_the_feature():
    texts = ["<to=fr> a", "<to=de> a", "<to=fr><of=x> b"]
    assert SourceFeatures.learn(["to"], texts).to_json() == {"to": ["de", "fr"]}
    assert SourceFeatures.find(texts).to_json() == {"to": ["de", "fr"]}
    assert not SourceFeatures.find(["a", *texts]) and not SourceFeatures.find([])
    with pytest.raises(TextError, match="^text 4: expected the source feature to before the text"):
        SourceFeatures.learn(["to"], [*texts, "b"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"la nguage": ["a"]}, "names of source features with only ASCII letters"),
        ({"language": ["a b"]}, "values of the source feature language without white space"),
        ({"language": ["a,b"]}, "Received: 'a,b'"),
        ({"language": []}, "at least one value of the source feature language"),
        ({"language": ["a", "a"]}, "each once"),
    ],
)
def test_invalid_names_and_values_are_errors(values, message):
    with pytest.raises(InputError, match=message):
        SourceFeatures(values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"langage": "fre"}, "of the model: language, domain; the nearest is 'language'. Received"),
        ({"language": "fra"}, "values fre, kor; the nearest is 'fre'. Received: 'fra'."),
        ({"language": 3}, "Received: 3."),
    ],
)
def test_callers_may_give_only_features_that_the_model_has(given, message):
    with pytest.raises(InputError, match=message):
        FEATURES.check(given)
    with pytest.raises(InputError, match="no source features, because the model has none. Rec"):
        SourceFeatures().check(given)


def test_given_features_are_written_before_texts_that_lack_them():
    texts = ["ab", " ab", "<domain=talk> ab", "<other=x> ab", 3]
    assert add_features(texts, {"language": "fre", "domain": "news"}) == [
        "<language=fre><domain=news> ab",
        "<language=fre><domain=news>  ab",
        "<language=fre><domain=talk> ab",
        "<language=fre><domain=news><other=x> ab",
        3,
    ]
    assert list(add_features(iter(["a"]), {"to": "de"})) == ["<to=de> a"]
    assert add_features(texts, {}) is texts


def test_features_are_equal_if_names_values_and_order_are_equal():
    same = SourceFeatures(FEATURES.to_json())
    assert (same, hash(same)) == (FEATURES, hash(FEATURES))
    turned = dict(reversed(FEATURES.to_json().items()))
    assert SourceFeatures(turned) != FEATURES and SourceFeatures() != FEATURES
