"""The web page, run by node, shows the same characters as Python."""

import json
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from keras_attention.visualization.notebook.visible_text import visible

SCRIPT = Path(__file__).parents[4] / "export" / "web" / "page" / "drawing.js"
RUN = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf-8"));
const code = readFileSync(given.script).toString("base64");
const { visible } = await import(`data:text/javascript;base64,${code}`);
console.log(JSON.stringify(given.texts.map(visible)));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="no node")
def test_tokens_look_as_in_python():
    syllables = [unicodedata.normalize("NFD", chr(code)) for code in range(0xAC00, 0xD7A4, 7)]
    parts = sorted(set("".join(syllables)))
    texts = [*syllables, *parts, "\u11bc\u110e\u1161", "a b", "\u0301", "e\u0301", "\u200b", "한"]
    given = json.dumps({"script": str(SCRIPT), "texts": texts})
    command = ["node", "--input-type=module", "-e", RUN]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == list(map(visible, texts))
