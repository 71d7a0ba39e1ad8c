"""The choice of the next token on the web page, run by node, equals the device's."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from keras_attention.decoding.automata.automaton import make_trie
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.export.device.device_choice import choose_next

PAGE = Path(__file__).parents[4] / "export" / "web" / "page"
RUN = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf-8"));
const { chooseNext, mostProbable } = await import(`${given.folder}/choice.js`);
const { Automaton, FIRST } = await import(`${given.folder}/automaton.js`);
const bytes = Uint8Array.from(Buffer.from(given.outputs, "base64"));
const automaton = await Automaton.load(bytes);
console.log(JSON.stringify(given.cases.map(([values, generated, settings, left]) => {
  const logProbabilities = Float32Array.from(values);
  const node = generated.reduce((node, id) => automaton.follow(node, id), FIRST);
  const allowed = left ? automaton.possible(node, left) : undefined;
  const listed = mostProbable(logProbabilities, 3, allowed).map(({ id }) => id);
  const chosen = chooseNext(logProbabilities, generated, settings, allowed);
  return [chosen, listed, [...logProbabilities]];
})));
"""
SETTINGS = [
    {},
    {"repetition_penalty": 1.7},
    {"no_repeat_ngram": 2},
    {"no_repeat_ngram": 1, "min_length": 12},
    {"repetition_penalty": 1000.0},
    {"min_length": 6, "repetition_penalty": 1.3, "no_repeat_ngram": 3},
]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_next_token_equals_the_one_in_python(tmp_path):
    for name in ("choice.js", "tokenizer.js", "automaton.js", "archive.js"):
        shutil.copy(PAGE / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    generator, cases, expected = np.random.default_rng(5), [], []
    automaton = make_trie([[4, 5], [4, 5, 6, 4], [6], [6, 6, 5]], 7)
    for options in SETTINGS:
        settings = SearchSettings(9, 12, **options)
        for length in [*range(11)] * 4:
            generated = generator.integers(3, 7, length).tolist()
            values = np.log(generator.dirichlet(np.ones(7))).astype("float32")
            values[:2] = -1e9  # padding and start
            values[3] = generator.choice([values[3], -300])  # a sparse output has zeros
            cases.append([values.tolist(), generated, asdict(settings), 0])
            likely = [index for index in np.argsort(-values, kind="stable") if values[index] > -150]
            token = choose_next(values, generated, settings)[0]
            expected.append([token, [int(index) for index in likely[:3]], values.tolist()])
    for generated in ([], [4], [4, 5], [4, 5, 6], [6], [6, 6], [6, 6, 5]):
        for left in (1, 2, 3, 9):
            values = np.log(generator.dirichlet(np.ones(7))).astype("float32")
            possible = automaton.possible(automaton.follow(generated), left)
            if not possible.any():
                continue
            cases.append([values.tolist(), generated, asdict(SearchSettings(9, 12)), left])
            token = choose_next(values, generated, SearchSettings(9, 12), possible)[0]
            listed = [int(i) for i in np.argsort(-values, kind="stable") if possible[i]]
            expected.append([token, listed[:3], values.tolist()])
    outputs = base64.b64encode(automaton.to_bytes()).decode()
    given = {"folder": tmp_path.as_uri(), "cases": cases, "outputs": outputs}
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", RUN],
        input=json.dumps(given).encode(),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == expected
