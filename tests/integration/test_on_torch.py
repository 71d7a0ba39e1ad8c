"""The command line runs on PyTorch, except for the commands that export."""

import keras
import numpy as np
import pytest
from support import random_translator

from keras_attention import CharacterTokenizer, LuongAttention, Vocabulary
from keras_attention.alignment.links import format_links
from keras_attention.translation.forced_alignment import align_pairs

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="the stage torch")
SMALL = "size=52 held_out=8 shortest=3 longest=5 units=8 batch_size=22 epochs=1".split()


def test_a_model_trains_and_translates_but_is_not_exported(run, tmp_path):
    folder = tmp_path / "model"
    settings = [word for setting in SMALL for word in ("--set", setting)]
    trained = run("train", "copy", *settings, "--output", folder)
    assert trained.code == 0, trained.err
    translated = run("translate", folder, "--beam", 3, stdin=b"abc\n")
    assert translated.code == 0 and len(translated.out.splitlines()) == 1
    assert run("translate", folder, "--stream", stdin=b"abc\n").code == 0
    before = sorted(folder.rglob("*"))
    refused = run("export", folder)
    assert refused.code == 2
    assert "export requires Keras to run on TensorFlow" in refused.err
    assert "'torch'" in refused.err and "Traceback" not in refused.err
    assert sorted(folder.rglob("*")) == before


def test_evaluate_score_and_align_agree_with_the_translator(run, tmp_path):
    pairs = [("abc", "abc"), ("ca", "c")]
    translator = random_translator(
        CharacterTokenizer(Vocabulary("abc")), attention=LuongAttention(), embedding=64
    )
    folder, file = tmp_path / "model", tmp_path / "pairs.tsv"
    translator.save(folder)
    file.write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    evaluated = run("evaluate", folder, "--data", file, "--metrics", "exact_match")
    assert evaluated.code == 0 and evaluated.out.startswith("2 pairs"), evaluated.err
    scored = run("score", folder, file)
    assert scored.code == 0, scored.err
    expected = [pair.score for pair in translator.score(*zip(*pairs, strict=True))]
    scores = [float(line.split("\t")[0]) for line in scored.out.splitlines()]
    np.testing.assert_allclose(scores, expected, atol=1e-3)
    aligned = run("align", folder, file)
    links = [format_links(each.links()) for each in align_pairs(translator, pairs)]
    assert aligned.code == 0 and aligned.out.splitlines() == links, aligned.err


def test_training_in_several_processes_is_refused(run, tmp_path):
    refused = run("train", "copy", "--distributed", "--output", tmp_path / "model")
    assert refused.code == 2
    assert "requires KERAS_BACKEND=jax" in refused.err and "KERAS_BACKEND=torch" in refused.err
    assert not (tmp_path / "model").exists()
