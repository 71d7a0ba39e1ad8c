import unicodedata

import numpy as np
import pytest
import sacrebleu

from keras_attention.errors import InputError
from keras_attention.training.metrics.metric_kinds import Bleu, edit_distance
from keras_attention.training.metrics.text_metrics import METRICS, higher_is_better, score

OUTPUTS = [
    "A man in a blue shirt is standing on a ladder .",
    "two dogs play in the snow",
    "The girl eats, slowly, an ice cream.",
    "",
]
TARGETS = [
    "A man in a blue shirt stands on a ladder .",
    "Two dogs are playing in the snow.",
    "The girl is eating an ice cream slowly.",
    "Nobody is here.",
]
MORE = [["A man on a ladder ."], [], ["The girl slowly eats an ice cream.", "A girl eats."], []]

# Words, outputs and accepted pronunciations. 2 of 4 words are wrong.
PHONES = ["k a t", "d o g", "b ɜ d", "s i"]
ACCEPTED = ["k a t", "d ɔ g", "b ɜː r d", "s i"]


def direct(name, outputs, references, **options):
    metric = {"bleu": sacrebleu.BLEU, "chrf": sacrebleu.CHRF, "ter": sacrebleu.TER}[name](**options)
    return metric.corpus_score(outputs, references).score, str(metric.get_signature())


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_scores_equal_those_of_sacrebleus_functions(name):
    result = score(name, OUTPUTS, TARGETS)
    assert (result.value, result.signature) == direct(name, OUTPUTS, [TARGETS])
    assert 0 < result.value < 200 and str(result) == f"{result.value:.2f}"


def test_options_are_passed_to_sacrebleu():
    options = {"tokenize": "none", "lowercase": True}
    result = score("bleu", OUTPUTS, TARGETS, **options)
    assert (result.value, result.signature) == direct("bleu", OUTPUTS, [TARGETS], **options)
    assert "case:lc" in result.signature and "tok:none" in result.signature
    chrf = score("chrf", OUTPUTS, TARGETS, lowercase=True)
    assert (chrf.value, chrf.signature) == direct("chrf", OUTPUTS, [TARGETS], lowercase=True)


def test_tokenized_text_is_scored_without_warnings(caplog):
    tokenized = ["a cat sat on the mat ."] * 100
    result = score("bleu", tokenized, tokenized)
    assert not caplog.records
    assert (result.value, result.signature) == direct("bleu", tokenized, [tokenized])
    assert "forgot to detokenize" in caplog.text  # a direct call of sacrebleu warns


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_sacrebleu_accepts_different_numbers_of_references_per_line(name):
    references = [[target, *more] for target, more in zip(TARGETS, MORE, strict=True)]
    columns = [
        TARGETS,
        [more[0] if more else None for more in MORE],
        [more[1] if more[1:] else None for more in MORE],
    ]
    result = score(name, OUTPUTS, references)
    assert (result.value, result.signature) == direct(name, OUTPUTS, columns)
    assert "nrefs:var" in result.signature


def test_word_and_phone_error_rates_equal_hand_computed_values():
    assert score("g2p_wer", PHONES, ACCEPTED).value == 100 * 2 / 4
    # `d o g` has one substitution; `b ɜ d` has a substitution and an insertion. The targets have
    # 3 + 3 + 4 + 2 phones.
    assert score("per", PHONES, ACCEPTED).value == pytest.approx(100 * 3 / 12)
    assert score("exact_match", PHONES, ACCEPTED).value == 2 / 4
    assert str(score("exact_match", PHONES, ACCEPTED)) == "50.00%"


def test_the_character_error_rate_equals_hand_computed_values():
    # A substitution of 한 in 4 characters, a missing space in 3, and an additional letter in 2.
    outputs, targets = ["항국 어", "ab", " cdx "], ["한국 어", "a b", "cd"]
    assert score("cer", outputs, targets).value == pytest.approx(100 * 3 / 9)
    parts = [unicodedata.normalize("NFD", text) for text in outputs]
    assert score("cer", parts, targets).value == pytest.approx(100 * 3 / 9)
    assert score("cer", ["ab"], [["xy", "abc"]]).value == pytest.approx(100 * 1 / 3)
    assert "unit:character" in score("cer", outputs, targets).signature


def test_an_error_rate_can_exceed_100():
    assert score("per", ["a b c"], ["x"]).value == 300


def test_an_output_is_compared_with_the_nearest_of_several_references():
    references = [["x y z", "k a d"], ["d ɔ g", "d o g"]]
    assert score("per", PHONES[:2], references).value == pytest.approx(100 * 1 / 6)
    assert score("g2p_wer", PHONES[:2], references).value == 50
    assert score("exact_match", PHONES[:2], references).value == 0.5


def test_lines_with_the_same_source_count_as_one_word_with_several_references():
    sources = ["read", "read", "cat", "dog"]
    outputs = ["r ɛ d", "r ɛ d", "k a t", "d o g"]
    targets = ["r iː d", "r ɛ d", "k a t", "d ɔ g"]
    assert score("g2p_wer", outputs, targets, sources).value == pytest.approx(100 * 1 / 3)
    assert score("per", outputs, targets, sources).value == pytest.approx(100 * 1 / 9)
    assert "nrefs:var" in score("g2p_wer", outputs, targets, sources).signature
    assert score("g2p_wer", outputs, targets).value == 50
    # Other metrics do not pool sources: the first output does not equal its own target.
    assert score("exact_match", outputs, targets, sources).value == 0.5


def test_normal_forms_and_spacing_do_not_change_the_score():
    composed, parts = "é a", unicodedata.normalize("NFD", "é a")
    assert composed != parts
    for name in ("g2p_wer", "wer", "per"):
        assert score(name, [composed, " k  a t "], [parts, "k a t"]).value == 0
    assert score("exact_match", [composed], [parts]).value == 1


def test_case_matters_unless_lowercase_is_set():
    assert score("exact_match", ["Ab"], ["aB"]).value == 0
    assert score("exact_match", ["Ab"], ["aB"], lowercase=True).value == 1
    assert score("g2p_wer", ["A"], ["a"], lowercase=True).value == 0
    assert "case:lc" in score("g2p_wer", ["A"], ["a"], lowercase=True).signature


@pytest.mark.parametrize("name", METRICS)
def test_higher_is_better_says_whether_right_outputs_have_higher_scores(name):
    right, wrong = score(name, TARGETS, TARGETS), score(name, TARGETS[::-1], TARGETS)
    assert (right.value > wrong.value) == right.higher_is_better == higher_is_better(name)
    assert right.name == name
    assert right.value == {"exact_match": 1, "bleu": 100, "chrf": 100}.get(
        name, 0
    ) or right.value == pytest.approx(100)


@pytest.mark.parametrize("name", METRICS)
def test_an_empty_output_can_be_scored(name):
    assert np.isfinite(score(name, [""], ["a b"]).value)


def test_edit_distance_equals_brute_force():
    rng = np.random.default_rng(1)
    for _ in range(100):
        first, second = ("".join(rng.choice(list("abc"), rng.integers(6))) for _ in range(2))
        assert edit_distance(first, second) == least_edits(first, second), (first, second)


def least_edits(first, second):
    """Return Levenshtein's distance by brute force."""
    if not first or not second:
        return len(first) + len(second)
    return min(
        least_edits(first[1:], second) + 1,
        least_edits(first, second[1:]) + 1,
        least_edits(first[1:], second[1:]) + (first[0] != second[0]),
    )


def test_word_error_rate_divides_all_edits_by_all_words():
    rng = np.random.default_rng(2)
    for _ in range(20):
        lines = [
            [" ".join(rng.choice(["un", "deux", "trois"], rng.integers(1, 5))) for _ in range(3)]
            for _ in range(4)
        ]
        edits = words = 0
        for output, *references in lines:
            tried = [(least_edits(output.split(), r.split()), len(r.split())) for r in references]
            edits, words = edits + min(tried)[0], words + min(tried)[1]
        outputs, references = [line[0] for line in lines], [line[1:] for line in lines]
        assert score("wer", outputs, references).value == pytest.approx(100 * edits / words)


def test_word_error_rate_does_not_pool_sources():
    sources, outputs, references = ["read", "read"], ["a b", "a b"], ["a b", "c d e"]
    assert score("wer", outputs, references, sources).value == 100 * 3 / 5
    assert score("wer", ["a b c"], ["x"]).value == 300
    assert "unit:word" in score("wer", outputs, references).signature


@pytest.mark.parametrize("name", ["g2p_wer", "per"])
def test_normal_forms_of_a_source_count_as_the_same_word(name):
    sources = [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]
    assert score(name, ["e", "e"], ["e", "ɛ"], sources).value == 0
    assert score(name, ["e", "e"], ["e", "ɛ"], ["a", "b"]).value == 50


def test_bleu_requires_a_reference_of_four_tokens():
    short = ["a b c", "x"]
    assert score("bleu", short, short).value == 0 and not Bleu().is_reachable(short)
    assert Bleu().is_reachable([*short, "a b c."])  # tokenizer 13a makes the period a token
    assert not Bleu("none").is_reachable([*short, "a b c."])
    assert Bleu("char").is_reachable(["wort"])


def test_unknown_metrics_and_tokenizers_are_rejected():
    with pytest.raises(
        InputError, match=r"metrics exact_match, .*; the nearest is 'bleu'\. Received: 'blue'"
    ):
        score("blue", ["a"], ["a"])
    with pytest.raises(InputError, match=r"metrics exact_match, .*\. Received: 'accuracy'"):
        score("accuracy", ["a"], ["a"])
    with pytest.raises(InputError, match=r"one of 13a, char, .* Received: '14b'"):
        score("bleu", ["a"], ["a"], tokenize="14b")


@pytest.mark.parametrize(
    ("outputs", "references", "sources"),
    [([], [], None), (["a"], ["a", "b"], None), (["a"], [[]], None), (["a"], ["a"], ["s", "t"])],
)
def test_different_numbers_of_texts_are_rejected(outputs, references, sources):
    with pytest.raises(ValueError, match="must have the same length, at least 1"):
        score("g2p_wer", outputs, references, sources)


def test_score_can_be_imported_from_its_earlier_path():
    from keras_attention.training.text_metrics import score as earlier

    assert earlier is score
