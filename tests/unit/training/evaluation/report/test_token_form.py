from keras_attention import (
    CharacterTokenizer,
    SubwordTokenizer,
    Vocabulary,
    WordTokenizer,
    learn_subwords,
)
from keras_attention.training.evaluation.report.token_form import TokenForm


def test_the_tokens_of_every_tokenizer_join_to_the_text_they_come_from():
    subwords = SubwordTokenizer(learn_subwords(["low lower lowest", "new newer newest"], 18))
    tokenizers = CharacterTokenizer(Vocabulary("a")), WordTokenizer(Vocabulary(["a"])), subwords
    for tokenizer in tokenizers:
        form = TokenForm.of(tokenizer)
        assert form.written(form.split("new lower")).strip() == "new lower"


def test_without_a_tokenizer_tokens_are_words():
    form = TokenForm.of(None)
    assert form.written(form.split("a  b")) == "a b"
