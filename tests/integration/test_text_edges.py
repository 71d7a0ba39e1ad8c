"""White space at the ends of a text does not change the translation, in any runtime."""

import json
import re
import shutil

import pytest
from runs import contents
from variants import assert_same

from keras_attention.errors import InputError
from keras_attention.export.device.device_translator import DeviceTranslator
from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator
from keras_attention.text.normalization import EDGES
from keras_attention.training.recipe.recipe import load_recipe
from keras_attention.training.train import train
from keras_attention.translation.codec_files import CODEC_FILES, SETTINGS_FILE

DATE = "march 27, 2016"


@pytest.fixture(scope="module")
def runtimes(trained, translator):
    return [
        translator,
        SavedModelTranslator.load(trained / "1"),
        DeviceTranslator.load(trained / "dates.tflite"),
    ]


def test_white_space_at_the_ends_does_not_change_the_translation(runtimes):
    texts = [text for edge in EDGES for text in (f"{edge}{DATE}", f"{DATE}{edge}")]
    texts += [f"\ufeff \t{DATE}\u00a0\r\r\n"]
    for runtime in runtimes:
        (expected,) = runtimes[0]([DATE])
        for found in runtime(texts):
            assert found.source_tokens == expected.source_tokens
            assert (found.text, found.tokens) == (expected.text, expected.tokens)


def test_a_text_of_only_white_space_has_an_empty_output(runtimes):
    texts = [*EDGES, EDGES, "\ufeff\r\n"]
    for runtime in runtimes:
        found = runtime(texts)
        assert {(one.text, one.score, one.source_tokens) for one in found} == {("", 0, ("</s>",))}
        assert_same(found, runtimes[0](texts))


def test_invalid_texts_raise_the_same_error_in_every_runtime(runtimes):
    def message(runtime, texts, kind):
        with pytest.raises(kind) as caught:
            runtime(texts)
        return str(caught.value)

    broken = b"caf\xe9".decode(errors="surrogateescape")
    for texts, kind in (
        (None, TypeError),
        (b"x", TypeError),
        (3, TypeError),
        (["a", None], InputError),
        (["a", b"x"], InputError),
        (["a", broken], InputError),
    ):
        (shown_message,) = {message(runtime, texts, kind) for runtime in runtimes}
        assert re.search(
            "`texts` must .*, of type|^text 2: expected (valid Unicode|a string)", shown_message
        )


def test_a_run_started_without_strip_is_not_resumed(trained, tmp_path):
    for name in ("recipe.toml", *CODEC_FILES):
        if (trained / name).is_file():
            shutil.copy(trained / name, tmp_path)
    settings = json.loads((tmp_path / SETTINGS_FILE).read_text())
    del settings["source_strip"]
    (tmp_path / SETTINGS_FILE).write_text(json.dumps(settings))
    before = contents(tmp_path)
    with pytest.raises(InputError, match="tokenizers learned from the current data differ"):
        train(load_recipe(tmp_path / "recipe.toml"), tmp_path, resume=True)
    assert contents(tmp_path) == before


def test_translate_reads_both_kinds_of_line_ends(trained, run):
    expected = run("translate", trained, "-", stdin=f"{DATE}\n\n9/27/94\n".encode())
    for end in ("\r", "\r\n", "\r\r\n"):
        lines = f"\ufeff\ufeff{DATE} {end}\u200b{end}\u00a09/27/94{end}"
        assert run("translate", trained, "-", stdin=lines.encode()) == expected
    assert expected.code == 0
