"""The tokenizer of the web page, run by node, returns the same ids as Python's tokenizer."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hard_texts import NORMALIZERS, make_texts

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.text.source_features import SourceFeatures
from keras_attention.text.tokenizers import CharacterTokenizer, WordTokenizer
from keras_attention.text.unicode_version import _RANGES, UNICODE
from keras_attention.text.vocabulary import Vocabulary
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.file_names import SETTINGS_FILE

SCRIPT = Path(__file__).parents[4] / "export" / "web" / "page" / "tokenizer.js"
RUN = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf-8"));
const code = readFileSync(given.script).toString("base64");
const { Tokenizer } = await import(`data:text/javascript;base64,${code}`);
const found = given.models.map(({ settings, files }) => ["source", "target"].map((side) => {
  const tokenizer = new Tokenizer(files, settings, side);
  return given.texts.map((text) => [tokenizer.cut(text), tokenizer.encode(text)]);
}));
console.log(JSON.stringify(found));
"""


def test_the_page_has_the_same_ranges_of_code_points():
    script = SCRIPT.read_text(encoding="utf-8")
    assert f"`{_RANGES}`" in script
    assert f"Unicode {UNICODE.removesuffix('.0')}" in script


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_ids_and_tokens_equal_those_in_python():
    texts, models, expected = make_texts(), [], []
    for settings in NORMALIZERS:
        source = CharacterTokenizer(Vocabulary("ab é한\u1112"), **settings)
        target = WordTokenizer(Vocabulary(["a", "b"]), **settings)
        files = TextCodec(source, target, SearchSettings(5, 7)).to_files()
        stored = {name: content.decode() for name, content in files.items()}
        models.append({"settings": json.loads(files[SETTINGS_FILE]), "files": stored})
        sides = [[[t.split(text), t.encode(text)] for text in texts] for t in (source, target)]
        expected.append(sides)
    assert run(models, texts) == expected


def run(models, texts):
    """Return the tokens and ids that node finds for each text, for both sides of each model."""
    given = json.dumps({"script": str(SCRIPT), "models": models, "texts": texts})
    command = ["node", "--input-type=module", "--eval", RUN]
    done = subprocess.run(command, input=given.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_source_features_are_read_as_in_python():
    features = SourceFeatures({"to": ["de", "fr"], "of": ["x"]})
    source = CharacterTokenizer(Vocabulary("ab "), features=features)
    target = WordTokenizer(Vocabulary(["a", "b"]))
    files = TextCodec(source, target, SearchSettings(5, 7)).to_files()
    stored = {name: content.decode() for name, content in files.items()}
    texts = ["<to=fr><of=x> ab", "<of=x><to=de>", "<of=x><to=de>  a<to=fr>", "<to=de><of=x>a\nb"]
    models = [{"settings": json.loads(files[SETTINGS_FILE]), "files": stored}]
    expected = [[[t.split(text), t.encode(text)] for text in texts] for t in (source, target)]
    assert run(models, texts) == [expected]
    with pytest.raises(subprocess.CalledProcessError) as error:
        run(models, ["<to=de><to=de><of=x> a"])
    assert b"expected the source feature to before the text" in error.value.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"source_normalization": "nfx"},
            "expected nfc or nfd or nfkc as the setting source_normalization. Received: nfx",
        ),
        (
            {"target_tokenizer": "subword"},
            "expected character or word as the setting target_tokenizer. Received: subword",
        ),
        (
            {"source_lowercase": "no"},
            "expected true or false as the setting source_lowercase. Received: no",
        ),
        ({"unicode": "15.0.0"}, "expected 13.0.0 as the setting unicode. Received: 15.0.0"),
    ],
)
def test_unknown_settings_are_refused(changes, message):
    tokenizer = CharacterTokenizer(Vocabulary("ab"))
    files = TextCodec(tokenizer, tokenizer, SearchSettings(5, 7)).to_files()
    stored = {name: content.decode() for name, content in files.items()}
    settings = json.loads(files[SETTINGS_FILE])
    models = [{"settings": {**settings, **changes}, "files": stored}]
    with pytest.raises(subprocess.CalledProcessError) as error:
        run(models, ["a"])
    assert f"Error: {message}\n" in error.value.stderr.decode()
    with pytest.raises(subprocess.CalledProcessError) as error:
        run([{"settings": settings, "files": {}}], ["a"])
    assert b"with source.vocabulary.txt in the zip archive" in error.value.stderr
