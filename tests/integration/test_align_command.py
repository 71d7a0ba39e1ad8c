"""The command `align`, and the links that `translate` prints."""

import json

import numpy as np
import pytest
from support import random_translator

from keras_attention import (
    CharacterTokenizer,
    LuongAttention,
    SubwordTokenizer,
    Vocabulary,
    WordTokenizer,
    learn_subwords,
)
from keras_attention.alignment.links import (
    HIGH_ERROR,
    format_links,
    measure_alignments,
    parse_links,
)
from keras_attention.alignment.symmetrization import symmetrize
from keras_attention.text.source_features import SourceFeatures
from keras_attention.training.tasks.date_links import date_links
from keras_attention.translation.forced_alignment import align_pairs

DATES = [("march 27, 2016", "2016-03-27"), ("9/27/94", "1994-09-27"), ("1/1/70", "1970-01-01")]
SENTENCES = [("the low tower", "low newer"), ("newest", "the newest low")]
WORDS = sorted({word for pair in SENTENCES for text in pair for word in text.split()})


def lines_of(found):
    return "".join(f"{format_links(links)}\n" for links in found)


def saved(folder, source, target, seed, attention=True, **settings):
    """Save a model with random weights, so that its links are not near the diagonal."""
    options = {"embedding": 256, "attention": LuongAttention() if attention else None}
    options |= settings
    translator = random_translator(source, target, (9, 9), seed=seed, **options)
    translator.save(folder)
    return translator


@pytest.fixture
def dates(tmp_path):
    path = tmp_path / "dates.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in DATES))
    return path


@pytest.fixture
def sentences(tmp_path):
    path = tmp_path / "sentences.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in SENTENCES))
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Save word models for both directions, and models with other tokens or without attention."""
    folder = tmp_path_factory.mktemp("models")
    words = WordTokenizer(Vocabulary(WORDS))
    pieces = SubwordTokenizer(learn_subwords([text for pair in SENTENCES for text in pair], 18))
    letters = CharacterTokenizer(Vocabulary("abc"))
    made = {
        "there": saved(folder / "there", words, words, 1),
        "back": saved(folder / "back", words, words, 2),
        "pieces": saved(folder / "pieces", pieces, pieces, 3),
        "mixed": saved(folder / "mixed", letters, words, 4),
        "fixed": saved(folder / "fixed", words, words, 5, attention=False),
    }
    return folder, made


def test_align_prints_a_line_per_pair_and_the_quality(run, trained, translator, dates):
    aligned = list(align_pairs(translator, DATES))
    gold = [date_links(*pair) for pair in DATES]
    for options, threshold in (((), None), (("--threshold", 0.3), 0.3)):
        found = [each.links(threshold) for each in aligned]
        outcome = run("align", trained, dates, *options)
        assert outcome == (0, lines_of(found), "")
        outcome = run("align", trained, dates, "--gold", "dates", *options)
        assert (outcome.code, outcome.out) == (0, lines_of(found))
        quality = measure_alignments(found, gold)
        assert outcome.err.startswith(
            f"alignment error rate {quality.error:.2%}  of 3 pairs, precision "
            f"{quality.precision:.2%} of {quality.found} links, recall {quality.recall:.2%} of "
            f"{quality.sure} sure links\n"
        )
        assert (quality.error > HIGH_ERROR) == ("align poorly" in outcome.err)


def test_the_held_out_pairs_are_aligned_without_a_file(run, trained):
    outcome = run("align", trained, "--gold", "dates")
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 300
    assert "of 300 pairs" in outcome.err


def test_soft_alignments_are_printed_as_matrices(run, trained, translator, dates):
    outcome = run("align", trained, dates, "--soft")
    assert (outcome.code, outcome.err) == (0, "")
    for line, expected in zip(
        outcome.out.splitlines(), align_pairs(translator, DATES), strict=True
    ):
        np.testing.assert_allclose(json.loads(line), expected.weights, atol=1e-4)


def test_a_file_of_links_is_used_as_gold_alignments(run, trained, translator, dates, tmp_path):
    gold = tmp_path / "gold.txt"
    gold.write_text(run("align", trained, dates).out)
    outcome = run("align", trained, dates, "--gold", gold)
    assert outcome.err.startswith("alignment error rate 0.00%  of 3 pairs, precision 100.00% of ")
    assert outcome.err.count("\n") == 1
    gold.write_text("0-0\n0p0 1?1\n\n")
    found = [each.links() for each in align_pairs(translator, DATES)]
    quality = measure_alignments(found, map(parse_links, ["0-0", "0p0 1p1", ""]))
    outcome = run("align", trained, dates, "--gold", gold)
    assert outcome.err == (
        f"alignment error rate {quality.error:.2%}  of 3 pairs, precision {quality.precision:.2%} "
        f"of {quality.found} links, recall {quality.recall:.2%} of 1 sure links\n"
        "note: the attention weights align poorly: the alignment error rate is over 25%.\n"
    )


@pytest.mark.parametrize("method", [None, "union"])
def test_links_of_a_model_and_its_reverse_model_are_joined(method, run, models, sentences):
    folder, made = models
    there = [each.links() for each in align_pairs(made["there"], SENTENCES)]
    turned = [(target, source) for source, target in SENTENCES]
    back = [each.links() for each in align_pairs(made["back"], turned)]
    back = [frozenset((i, j) for j, i in links) for links in back]
    chosen = method or "grow-diag-final-and"
    expected = [symmetrize(*sides, chosen) for sides in zip(there, back, strict=True)]
    options = [] if method is None else ["--symmetrize", method]
    outcome = run("align", folder / "there", sentences, "--reverse", folder / "back", *options)
    assert outcome == (0, lines_of(expected), "")


@pytest.mark.parametrize("options", [[], ["--words"]])
def test_the_reverse_model_reads_sources_without_feature_tags(options, run, models, tmp_path):
    folder, made = models
    features = SourceFeatures({"language": ["eng", "fre"]})
    source = WordTokenizer(Vocabulary(WORDS), features=features)
    target = WordTokenizer(Vocabulary(WORDS))
    there = saved(tmp_path / "tagged", source, target, 6, source_features=features.sizes)
    tagged = [(f"<language=fre> {source}", target) for source, target in SENTENCES]
    data = tmp_path / "tagged.tsv"
    data.write_text("".join(f"{source}\t{target}\n" for source, target in tagged))
    turned = [(target, source) for source, target in SENTENCES]
    back = [
        frozenset((i, j) for j, i in each.links()) for each in align_pairs(made["back"], turned)
    ]
    forth = [each.links() for each in align_pairs(there, tagged)]
    expected = [symmetrize(*sides, "union") for sides in zip(forth, back, strict=True)]
    reverse = ("--reverse", folder / "back", "--symmetrize", "union", *options)
    assert run("align", tmp_path / "tagged", data, *reverse) == (0, lines_of(expected), "")


def test_subwords_are_aligned_as_words(run, models, sentences, tmp_path):
    folder, made = models
    codec = made["pieces"].codec
    found = [
        codec.word_links(each.links(0.1), each.source_tokens, each.tokens)
        for each in align_pairs(made["pieces"], SENTENCES)
    ]
    assert {source for source, _ in found[0]} <= {0, 1, 2} and found[0]
    options = ["--threshold", 0.1, "--words"]
    assert run("align", folder / "pieces", sentences, *options).out == lines_of(found)
    joined = run("align", folder / "there", sentences, "--reverse", folder / "pieces", "--words")
    assert joined.code == 0
    # Parallel files with the same sources and targets give the same links.
    for side, name in enumerate(("source.txt", "target.txt")):
        (tmp_path / name).write_text("".join(f"{pair[side]}\n" for pair in SENTENCES))
    parallel = [
        tmp_path / "source.txt",
        "--format",
        "parallel",
        "--target",
        tmp_path / "target.txt",
    ]
    assert run("align", folder / "pieces", *parallel, *options).out == lines_of(found)


def test_printed_positions_can_be_read_back_as_a_pharaoh_file(run, models, tmp_path):
    folder, made = models
    pairs = [("the\u00a0low tower", "low\u00a0newer the"), ("newest low", "the newest\u2009low")]
    data, gold = tmp_path / "pairs.tsv", tmp_path / "gold.txt"
    data.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), "utf-8")
    found = []
    for (source, target), each in zip(pairs, align_pairs(made["there"], pairs), strict=True):
        places = [
            [place for place, part in enumerate(text.split(" ")) for _ in part.split()]
            for text in (source, target)
        ]
        found.append(frozenset((places[0][i], places[1][j]) for i, j in each.links()))
    outcome = run("align", folder / "there", data)
    assert outcome == (0, lines_of(found), "")
    gold.write_text(outcome.out)
    for options in ([], ["--words"]):
        judged = run("align", folder / "there", data, "--gold", gold, *options)
        assert judged.err.startswith("alignment error rate 0.00%")
    gold.write_text("2-0\n0-0\n")
    refused = run("align", folder / "there", data, "--gold", gold)
    assert refused.code == 2
    assert "in a source of 2 and a target of 2 words between spaces. Received: 2-0" in refused.err


def test_translate_can_link_words_and_apply_a_threshold(run, models):
    folder, made = models
    typed = "".join(f"{source}\n" for source, _ in SENTENCES).encode()
    for options in (["--words"], ["--threshold", 0.2], ["--threshold", 0.2, "--words"]):
        outcome = run("translate", folder / "pieces", "--alignments", *options, stdin=typed)
        threshold = options[1] if "--threshold" in options else None
        expected = []
        for each in made["pieces"]([source for source, _ in SENTENCES]):
            links = each.hypotheses[0].links(threshold)
            if "--words" in options:
                links = made["pieces"].codec.word_links(links, each.source_tokens, each.tokens)
            expected.append(f"{each.text}\t{format_links(links)}\n")
        assert outcome == (0, "".join(expected), "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "align {m} {dates} --threshold 0",
            "--threshold must be over 0 and at most 1. Received: 0",
        ),
        ("align {m} {dates} --symmetrize union", "--symmetrize requires --reverse MODEL. Received"),
        ("align {m} {dates} --reverse {m} --symmetrize gdfa", "intersection, union, grow-diag-"),
        ("align {m} {dates} --soft --words", "--soft prints weights instead of links. Received"),
        ("align {m} {dates} --soft --gold dates", "--soft together with --gold"),
        (
            "align {m} {sentences} --gold dates",
            "pair 1: expected a pair of the task 'dates'. Received",
        ),
        ("align {m} {dates} --gold date-sentences", "pair 1: expected a pair of the task 'date-"),
        ("align {m} {dates} --gold none.txt", "none.txt: expected a Pharaoh file, or one of"),
        ("align {m} {dates} --gold {dates}", "dates.tsv, line 1: expected links such as 0-2"),
        (
            "align {m} {dates} --gold {two}",
            "two.txt: expected 3 lines, one per pair. Received",
        ),
        ("align {m} {dates} --gold {beyond}", "line 2: expected positions, counted from 0, in a s"),
        (
            "align {m} {dates} --gold dates --words",
            "--gold dates requires links between characters",
        ),
        (
            "align {f}/there {dates} --reverse {m}",
            "into the same tokens. Received: 'march 27, 2016'",
        ),
        ("align {f}/fixed {sentences}", "fixed: expected a model with attention. Received: a mode"),
        ("align {m} {dates} --reverse {f}/fixed", "fixed: expected a model with attention"),
        ("align {f}/there", "has no recipe.toml, so its held-out pairs are not known; give a"),
        ("align {m}/1 {dates}", "expected a model that keras-attention trained"),
        (
            "align {f}/mixed {copies} --gold copy",
            "copy requires links between characters. Received: li",
        ),
        ("translate {m} --alignments --threshold 1.5", "--threshold must be over 0"),
        ("translate {m} --words", "--threshold and --words require --alignments"),
        ("translate {m} --threshold 0.5", "require --alignments. Received: --threshold 0.5"),
        ("translate {m}/1 --alignments --words", "--words requires the folder of a model."),
    ],
)
def test_invalid_arguments_raise_a_one_sentence_error(
    arguments, message, run, trained, models, dates, sentences, tmp_path
):
    (tmp_path / "two.txt").write_text("0-0\n0-0\n")
    (tmp_path / "beyond.txt").write_text("0-0\n7p0\n0-0\n")
    paths = {"m": trained, "f": models[0], "dates": dates, "sentences": sentences}
    (tmp_path / "copies.txt").write_text("low\tlow\n")
    paths |= {name: tmp_path / f"{name}.txt" for name in ("two", "beyond", "copies")}
    outcome = run(*(word.format(**paths) for word in arguments.split()))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1
    assert message in outcome.err


def test_a_misspelt_task_is_distinguished_from_a_file(run, tmp_path, dates):
    outcome = run("align", tmp_path, dates, "--gold", "datez")
    assert outcome.code == 2
    tasks = "dates, copy, reverse, date-sentences"
    assert f"datez: expected a Pharaoh file, or one of {tasks}. Received: no such" in outcome.err
