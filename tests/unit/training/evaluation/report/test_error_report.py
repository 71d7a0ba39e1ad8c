"""Tests of the page of a model's errors, with invented outputs."""

import re

import numpy as np
import pytest

from keras_attention import CharacterTokenizer, Vocabulary
from keras_attention.decoding.confidence import Confidence
from keras_attention.training.evaluation.by_frequency import count_tokens
from keras_attention.training.evaluation.evaluate import Evaluation
from keras_attention.training.evaluation.report.analysis import (
    MOST_SENTENCES,
    Frequencies,
    Question,
    analyse,
)
from keras_attention.training.evaluation.report.error_report import write_error_report
from keras_attention.training.evaluation.report.token_form import TokenForm
from keras_attention.translation.result import Hypothesis, Translation

PAIRS = [
    ("alpha beta", "one two", "one two", -0.2),
    ("<script>alert(1)</script>", "<b>bold</b>", "<i>bold</i>", -0.9),
    ("한국어", "김치", "김지", -0.4),
    ("سلام دنیا", "مرحبا", "مرحبا بك", -1.1),
    ("gamma", "one", "", -3.0),
]


def evaluation_of(pairs):
    translations = []
    for source, _, output, score in pairs:
        sources, tokens = (*source.split(), "</s>"), (*output.split(), "</s>")
        weights = np.full((len(tokens), len(sources)), 1 / len(sources), "float32")
        best = Hypothesis(output, score * len(tokens), tokens, weights)
        translations.append(Translation(source, sources, (best,)))
    lengths = tuple(len(each.source_tokens) - 1 for each in translations)
    return Evaluation(tuple(pair[:3] for pair in pairs), lengths, tuple(translations))


def page_of(folder, evaluation, *, metrics=("exact_match",), **question):
    form = question.pop("form", TokenForm())
    counts = Frequencies(count_tokens(["alpha beta", "alpha"], str.split))
    analysis = analyse(evaluation, Question(metrics, form, **question), counts)
    path = folder / "page.html"
    write_error_report(analysis, path, "Errors of <m>", {"command": "evaluate 'a & b'"})
    return path.read_text(encoding="utf-8"), analysis


def rows_of(page, section):
    """Return the rows of all tables of a section as lists of texts."""
    part = re.search(f'<section id="{section}">(.*?)</section>', page, re.DOTALL)[1]
    rows = re.findall(r"<tr>(.*?)</tr>", part, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in cells]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return page_of(folder, evaluation_of(PAIRS), seen=frozenset({"gamma"}))[0]


def test_texts_are_escaped(page):
    assert "<script>" not in page and "<b>" not in page and "<m>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<title>Errors of &lt;m&gt;</title>" in page
    assert "<dd>evaluate &#x27;a &amp; b&#x27;</dd>" in page


def test_the_page_loads_nothing_and_its_policy_forbids_loading(page):
    assert not re.search(
        r"<(?:link|img|script|iframe|object)|url\(|@import|\bstyle=|\son\w+=", page
    )
    assert "default-src 'none'; style-src 'sha256-" in page
    assert not re.findall(r'(?:href|src)="(?!#)[^"]*"', page)


def test_every_section_has_a_link(page):
    assert re.findall(r'href="#(\w+)"', page) == re.findall(r'<section id="(\w+)"', page)


def test_the_metrics_are_shown_for_all_and_for_unseen_sources(page):
    assert rows_of(page, "metrics") == [
        ["metric", "all 5 pairs", "4 pairs with an unseen source"],
        ["exact match", "20.00%", "25.00%"],
    ]


def test_confusions_are_counted(page):
    rows = [row[:-1] for row in rows_of(page, "confusions")]
    assert ["김지", "김치", "1"] in rows
    assert ["بك", "1"] in rows  # the output has this extra token
    assert ["one", "1"] in rows  # the output lacks this token


def test_differences_are_marked_in_output_and_reference(page):
    assert '<mark class="wrong">김지</mark>' in page
    assert '<mark class="expected">김치</mark>' in page
    assert 'مرحبا <mark class="wrong">بك</mark>' in page


def test_pairs_are_grouped_by_length_and_frequency(page):
    assert rows_of(page, "lengths")[1][:3] == ["1–2", "5", "20.00%"]
    frequencies = rows_of(page, "frequencies")
    assert [row[:3] for row in frequencies[1:]] == [["0", "4", "0.00%"], ["1–9", "1", "100.00%"]]


def test_the_page_says_why_it_has_no_frequencies_if_the_training_pairs_are_not_known(tmp_path):
    evaluation = evaluation_of(PAIRS)
    frequencies = Frequencies(problem="<no> run folder.")
    analysis = analyse(evaluation, Question(["exact_match"], TokenForm()), frequencies)
    write_error_report(analysis, tmp_path / "a.html", "Errors", {})
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Not available: &lt;no&gt; run folder." in page


def test_the_most_confident_outputs_are_scored_without_the_others(tmp_path):
    pairs = [(f"s{n}", "x y", "x y" if n < 60 else "x z", -0.01 * (n + 1)) for n in range(100)]
    page, analysis = page_of(tmp_path, evaluation_of(pairs), metrics=("wer",), accuracy=0.75)
    rows = {row[0]: row[2:] for row in rows_of(page, "rejection")}
    assert rows["0%"] == ["100", "20.00", "60.00%"]
    assert rows["50%"] == ["50", "0.00", "100.00%"]
    assert analysis.acceptance.count == 80
    assert analysis.stored == Confidence(
        analysis.calibration.temperature, analysis.acceptance.threshold, 0.75, 100
    )
    assert "accepts 80 outputs, of which 60 are right (75.00%;" in page


def test_the_suggested_threshold_fits_the_temperature_that_translate_uses(tmp_path):
    pairs = [(f"s{n}", "x y", "x y" if n < 60 else "x z", -1e-4 * (n + 1)) for n in range(100)]
    page, analysis = page_of(tmp_path, evaluation_of(pairs), accuracy=0.75, temperature=1.0)
    threshold = float(analysis.shown_threshold)
    values = [Confidence().of(each) for each in analysis.evaluation.translations]
    assert sum(value >= threshold for value in values) == analysis.acceptance.count == 80
    assert f"Suggested threshold: {threshold}.</strong> This is for confidences with" in page
    assert f"with the fitted temperature, as below, it is {analysis.acceptance.shown}. It" in page
    page, analysis = page_of(tmp_path, evaluation_of(pairs), accuracy=0.75)
    assert f"Suggested threshold: {analysis.acceptance.shown}.</strong> It is the" in page


def test_characters_are_compared_if_the_model_writes_characters(tmp_path):
    letters = TokenForm.of(CharacterTokenizer(Vocabulary("ab")))
    page, _ = page_of(tmp_path, evaluation_of([("s", "a b", "ab", -1.0)]), form=letters)
    assert rows_of(page, "confusions")[1][:2] == ["␣", "1"]
    assert '<mark class="expected">␣</mark>' in page


@pytest.mark.parametrize("right", [True, False])
def test_a_page_can_be_written_if_all_outputs_are_right_or_all_are_wrong(tmp_path, right):
    pairs = [("a", "x", "x" if right else "y", -0.5)] * 3
    page, analysis = page_of(tmp_path, evaluation_of(pairs))
    assert "No temperature was fitted" in page
    assert ("No output differs" in page) is right
    assert (analysis.acceptance is None) is not right
    assert ("No threshold reaches" in page) is not right


def test_case_is_ignored_on_request(tmp_path):
    evaluation = evaluation_of([("a", "One Two", "one two", -0.5), ("b", "X", "y", -0.5)])
    page, analysis = page_of(tmp_path, evaluation, options={"lowercase": True})
    assert analysis.calibration.right.tolist() == [True, False]
    assert [each[:3] for each in rows_of(page, "confusions")[1:]] == [["y", "x", "1"]]


def test_missing_outputs_have_no_confidence(tmp_path):
    evaluation = Evaluation((("a", "x", ""),), (1,), (Translation("a", ("a", "</s>"), ()),))
    page, analysis = page_of(tmp_path, evaluation)
    assert analysis.confidence.tolist() == [0.0]
    assert "confidence 0.00%" in page


def test_a_page_of_many_long_pairs_stays_small(tmp_path):
    rng = np.random.default_rng(1)
    words = [f"w{number}" for number in range(3000)]
    pairs = [
        (" ".join(rng.choice(words, 4)), " ".join(rng.choice(words, 4)), "w1 w2 w3", -1.0 - n / 1e3)
        for n in range(1500)
    ]
    long = " ".join(rng.choice(words, 900))
    pairs += [(long, long, long[:-1] + "x", -5.0 - n) for n in range(MOST_SENTENCES)]
    page, _ = page_of(tmp_path, evaluation_of(pairs))
    assert len(page.encode()) < 2_000_000
    assert page.count("<article>") == 3 * MOST_SENTENCES
    assert "the 20 most frequent" in page and "first 40 tokens" in page
    assert max(map(len, re.findall(r"<bdi[^>]*>(.*?)</bdi>", page))) < 4000
