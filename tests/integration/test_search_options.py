"""Search options, checkpoints and ensembles on the command line, and in a model's own settings."""

import pytest

from keras_attention import InputError, Translator
from keras_attention.training.assembly.build import build_codec
from keras_attention.training.recipe.recipe import load_recipe

TYPED = b"march 27, 2016\n9/27/94\n"
LINES = TYPED.decode().split("\n")[:-1]
DIVERSE = {"beam_width": 4, "groups": 2, "group_diversity": 2.0, "no_repeat_ngram": 3}


def test_options_reach_the_search(run, trained, translator):
    outcome = run(
        *("translate", trained, "--beam", 4, "--groups", 2, "--group-diversity", 2),
        *("--no-repeat-ngram", 3, "--prefix", "20", "--nbest", 4),
        stdin=TYPED,
    )
    assert (outcome.code, outcome.err) == (0, "")
    expected = translator(LINES, prefix="20", **DIVERSE)
    assert outcome.out.splitlines() == [
        f"{number}\t{hypothesis.text}"
        for number, translation in enumerate(expected)
        for hypothesis in translation.hypotheses
    ]
    assert all(line[2:].startswith("20") for line in outcome.out.splitlines())


def test_samples_depend_on_the_seed_and_differ_between_lines(run, trained):
    sample = ["translate", trained, "--sample", "--temperature", 3, "--batch-size", 1]
    first, again, other = (
        run(*sample, "--seed", seed, stdin=b"9/27/94\n" * 3).out for seed in (1, 1, 2)
    )
    assert first == again != other
    assert len(set(first.splitlines())) == 3


def test_models_and_checkpoints_search_together(run, trained):
    (checkpoint,) = (trained / "checkpoints").iterdir()
    both = Translator.load_ensemble([trained, checkpoint])
    arguments = (trained, "--with", checkpoint, "--beam", 2)
    outcome = run("translate", *arguments, stdin=TYPED)
    assert outcome.out == "".join(f"{found.text}\n" for found in both(LINES, beam_width=2))
    evaluated = run("evaluate", *arguments, checkpoint, "--metrics", "per", "--errors", 0)
    assert (evaluated.code, evaluated.err) == (0, "")
    assert f"dates + {checkpoint.name}" in evaluated.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("translate {m} --top-p 0.5", "--top-p requires --sample. Received: --top-p 0.5."),
        (
            "translate {m} --groups 2",
            "--groups must be positive and divide --beam. Received: --groups 2, --beam 1",
        ),
        ("translate {m} --prefix 2o", "--prefix must consist of tokens of the target vocabulary"),
        (
            "translate {m} --coverage-penalty -1",
            "--coverage-penalty must be a finite number of at least 0",
        ),
        (
            "translate {m} --length-penalty 1",
            "--length-penalty has no effect without beam search, which requires a --beam of at",
        ),
        ("translate {m} --sample --seed -1", "--seed must be an integer of at least 0"),
        ("translate {m} --length-penalty nan", "--length-penalty must be a finite number of at le"),
        (
            "translate {m} --min-length 9 --max-length 5",
            "--min-length must not be above --max-length. Received: --min-length 9, --max-length 5",
        ),
        (
            "translate {m}/1 --prefix 2",
            "options --beam, --length-penalty, --terms and --nbest; others requ",
        ),
        (
            "translate {m}/dates.tflite --min-length 2",
            "supports only the search options --beam, --terms and --nbest",
        ),
        ("translate {m}/dates.tflite --with {m}", "dates.tflite: an export cannot be part of an"),
        ("evaluate {m} --with {m}/1", "/1: an export cannot be part of an ensemble; --with req"),
        (
            "evaluate {m} --repetition-penalty 0.5",
            "--repetition-penalty must be a finite number of at least 1 and at most 1000. Received"
            ": --repetition-penalty 0.5.",
        ),
        ("translate {m}/checkpoints/none.keras", "none.keras: no such file"),
        (
            "export {m}/model.keras",
            "model.keras: expected the folder of a trained model. Received: a file",
        ),
    ],
)
def test_invalid_arguments_raise_a_one_sentence_error(arguments, message, run, trained):
    outcome = run(*(word.format(m=trained) for word in arguments.split()), stdin=TYPED)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1
    assert message in outcome.err


def test_a_recipe_sets_the_search_options_of_its_model():
    settings = ["beam_width=3", "coverage_penalty=0.2", "min_length=2", "no_repeat_ngram=4"]
    recipe = load_recipe("dates", [*settings, "repetition_penalty=1.5"])
    options = build_codec(recipe, [("a", "b")]).settings.options()
    assert (options.max_length, options.beam_width) == (recipe.data.max_target_length, 3)
    assert (options.coverage_penalty, options.repetition_penalty) == (0.2, 1.5)
    assert (options.min_length, options.no_repeat_ngram) == (2, 4)
    with pytest.raises(InputError, match="^`decoding.min_length` must not be above `decoding.m"):
        build_codec(load_recipe("dates", ["min_length=99"]), [("a", "b")])
