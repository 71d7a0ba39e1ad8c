"""The command `plot --html`, for every runtime."""

import json
import re
from pathlib import Path

import numpy as np

LINES = ["march 27, 2016", "", "9/27/94", "Tuesday, September 27, 1994"]
TYPED = "".join(f"{line}\n" for line in LINES).encode()


def sentences_of(page):
    text = page.read_text(encoding="utf-8")
    (data,) = re.findall('<script type="application/json" id="data">(.*)</script>', text)
    return json.loads(data)["sentences"]


def test_plot_writes_a_page_of_all_lines(run, trained, translator, tmp_path):
    (tmp_path / "lines.txt").write_bytes(TYPED)
    page = tmp_path / "new folder" / "page.html"
    options = ["--html", page, "--beam", 3]
    wrote = (0, f"Wrote {page}\n", "")
    for given in ([tmp_path / "lines.txt"], ["-", "--nbest", 2]):
        assert run("plot", trained, *options, "--file", *given, stdin=TYPED) == wrote
        sentences = sentences_of(page)
        assert [each["source"] for each in sentences] == LINES
        for sentence, expected in zip(sentences, translator(LINES, beam_width=3), strict=True):
            hypotheses = expected.hypotheses[: 2 if "--nbest" in given else None]
            assert [each["text"] for each in sentence["hypotheses"]] == [
                each.text for each in hypotheses
            ]
            for shown, each in zip(sentence["hypotheses"], hypotheses, strict=True):
                weights = np.divide(shown["weights"], 1000)
                np.testing.assert_allclose(weights, each.alignment, atol=0.0006)
    assert f"<title>Alignments of {trained.name}</title>" in page.read_text()


def test_plot_writes_a_page_of_one_text_with_or_without_a_picture(
    run, trained, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    outcome = run("plot", trained, "9/27/94", "--html", "a.html")
    assert (outcome.code, outcome.err) == (0, "") and "</s>" in outcome.out
    assert [each.name for each in tmp_path.iterdir()] == ["a.html"]
    (sentence,) = sentences_of(Path("a.html"))
    assert (sentence["source"], len(sentence["hypotheses"])) == ("9/27/94", 1)
    outcome = run("plot", trained, "9/27 學", "--html", "a.html")
    note = (
        "note: the model does not know some tokens, such as '學'; the translation may be wrong.\n"
    )
    assert (outcome.code, outcome.err) == (0, note)
    outcome = run("plot", trained, "9/27/94", "--html", "a.html", "-o", "a.svg")
    assert outcome.out.endswith("Wrote a.svg\nWrote a.html\n")
    for export in ("1", "dates.tflite"):
        assert run("plot", trained / export, "9/27/94", "--html", "b.html").code == 0
        assert sentences_of(Path("b.html"))[0]["source"] == "9/27/94"
