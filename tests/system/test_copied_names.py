"""Names that are not in the vocabulary are copied from the source with the alignment."""

import numpy as np

from keras_attention.training.data.pairs import split_pairs
from keras_attention.training.evaluation.evaluate import evaluate
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.train import train

PATTERNS = (
    ("my name is {}", "hello {}"),
    ("i am {} and i live here", "welcome home {}"),
    ("{} is my friend", "a friend {} is"),
)
SETTINGS = (
    "format=tsv",
    "held_out=100",
    "source_tokenizer=word",
    "target_tokenizer=word",
    "min_count=2",
    "units=48",
    "batch_size=64",
    "epochs=3",
    "copying=true",
)


def test_new_names_are_copied_and_other_unknown_source_words_are_not(tmp_path):
    rng = np.random.default_rng(1)
    names = {"".join(rng.choice(list("abcdefghiklmnopqrstuvw"), 7)) for _ in range(1500)}
    pairs = [(PATTERNS[n % 3], name) for n, name in enumerate(sorted(names))]
    lines = [f"{source.format(name)}\t{target.format(name)}\n" for (source, target), name in pairs]
    (tmp_path / "names.tsv").write_text("".join(lines), "utf-8")
    recipe = load_recipe("dates", [f"data.path={tmp_path / 'names.tsv'}", *SETTINGS])
    translator = train(recipe, tmp_path / "run")
    _, held_out = split_pairs(recipe.data, recipe.seed)
    assert not any(name in translator.codec.target.vocabulary.tokens for name in names)
    assert evaluate(translator, held_out).exact_match >= 0.98
    assert translator("my name is 김민수").text == "hello 김민수"
