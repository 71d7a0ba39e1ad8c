"""`evaluate --report`, `evaluate --save-confidence` and `translate --min-confidence`."""

import json
import re
import shutil

import pytest
from variants import TEXTS, few_variants

from keras_attention import Translator
from keras_attention.decoding.confidence import Confidence
from keras_attention.export import DeviceTranslator
from keras_attention.training.evaluation.report.analysis import MOST_SENTENCES
from keras_attention.training.run.run_data import read_run_data
from keras_attention.translation.folders.ensemble_folder import write_members
from keras_attention.translation.model_files import load_confidence, save_model


@pytest.fixture(scope="module")
def measured(build, trained):
    """Return a copy of the trained folder in which `evaluate` has stored a confidence."""

    def copy(folder):
        shutil.copytree(trained, folder, dirs_exist_ok=True)
        values = Confidence(0.5, 0.6, 0.9, 300)
        translator = Translator.load(folder)
        translator.confidence = values
        translator.save(folder)

    return build("dates with confidence", copy)


def marks(outcome):
    """Return the first column of what `translate` printed."""
    assert outcome.code == 0, outcome.err
    return [line.split("\t")[0] for line in outcome.out.splitlines()]


def test_the_report_of_the_held_out_pairs_has_every_section(run, trained, tmp_path):
    path = tmp_path / "new" / "errors.html"
    options = ("--metrics", "chrf,exact_match", "--report", path, "--report-accuracy", "0.5")
    outcome = run("evaluate", trained, *options)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith(f"Wrote {path}\n")
    assert re.search(r"^temperature  \d+\.\d{3}$", outcome.out, re.MULTILINE)
    page = path.read_text(encoding="utf-8")
    held_out = read_run_data(trained).held_out
    assert f"the pairs that training held out, {len(held_out)} pairs" in page
    assert f"<dd>keras-attention evaluate {trained} --metrics chrf,exact_match" in page
    assert page.count("<article>") == 3 * MOST_SENTENCES
    assert 'class="heat"' in page and "Not available" not in page
    counted = re.findall(r'<td class="text">([\d,–]+|[\d,]+ or more)</td><td class="number">', page)
    assert counted and counted != ["0"]  # each letter of the dates occurs in training
    assert [path.name for path in path.parent.iterdir()] == ["errors.html"]


def test_the_measured_confidence_is_stored_and_used(run, trained, translator, tmp_path):
    folder, data = tmp_path / "dates", tmp_path / "pairs.tsv"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("1", "*.tflite"))
    sources = list(dict.fromkeys(source for source, _ in read_run_data(folder).held_out))
    found = sorted(translator(sources), key=lambda each: -each.per_token)
    right = len(found) // 2  # only the more confident half is right
    targets = [each.text if place < right else "wrong" for place, each in enumerate(found)]
    lines = [f"{each.source}\t{target}\n" for each, target in zip(found, targets, strict=True)]
    data.write_text("".join(lines))

    options = ("--data", data, "--save-confidence", "--report-accuracy", 1)
    outcome = run("evaluate", folder, *options)
    assert outcome.code == 0, outcome.err
    assert f"Wrote {folder / 'confidence.json'}; export the model again" in outcome.out
    stored = Translator.load(folder).confidence
    assert (stored.accuracy, stored.pairs) == (1.0, len(found))
    assert f"temperature  {stored.temperature:.3f}\nthreshold    " in outcome.out
    (accepted,) = re.findall(rf"accepts (\d+) of {len(found)} outputs, 100.00%", outcome.out)
    assert abs(int(accepted) - right) <= 1  # different batches have different rounding errors

    typed = "".join(f"{each.source}\n" for each in found).encode()
    printed = run("translate", folder, "--min-confidence", "auto", stdin=typed)
    assert marks(printed)[: right - 2] == ["ok"] * (right - 2)
    assert marks(printed)[right + 2 :] == ["check"] * (len(found) - right - 2)
    count = marks(printed).count("check")
    assert printed.err == f"lines below a confidence of {stored.threshold:.4g}: {count}\n"


@pytest.mark.parametrize("kind", ["folder", "with", "ensemble"])
def test_a_printed_threshold_accepts_the_same_outputs_in_translate(
    kind, run, eagerly, measured, trained, tmp_path
):
    model, options = trained, ()
    if kind == "with":
        model, options = (
            measured,
            ("--with", trained),
        )  # an ensemble ignores the temperature in `measured`
    if kind == "ensemble":
        model = tmp_path / "both"
        model.mkdir()
        (model / "a").symlink_to(trained)
        (model / "b").symlink_to(measured)
        write_members(model, {"a": None, "b": None})
    sources = list(dict.fromkeys(source for source, _ in read_run_data(trained).held_out))[:60]
    typed = "".join(f"{source}\n" for source in sources).encode()
    printed = run("translate", model, *options, "--min-confidence", 0, "--json", stdin=typed)
    outputs = [json.loads(line)["hypotheses"][0] for line in printed.out.splitlines()]
    middle = sorted(each["confidence"] for each in outputs)[len(outputs) // 2]
    targets = [each["text"] if each["confidence"] > middle else "wrong" for each in outputs]
    data = tmp_path / "pairs.tsv"
    data.write_text("".join(map("{}\t{}\n".format, sources, targets)))
    asked = ("--report", tmp_path / "page.html", "--report-accuracy", 1, "--data", data)
    outcome = run("evaluate", model, *options, *asked)
    assert outcome.code == 0, outcome.err
    threshold, accepted = re.search(r"threshold    (\S+)  accepts (\d+) of", outcome.out).groups()
    assert "The threshold is for a temperature of 1, which `translate` uses for" in outcome.out
    printed = run("translate", model, *options, "--min-confidence", threshold, stdin=typed)
    assert 0 < int(accepted) < len(sources)
    assert (
        abs(marks(printed).count("ok") - int(accepted)) <= 1
    )  # different batches have different rounding errors


def test_exports_store_the_confidence_and_mark_the_same_outputs_as_the_model(
    run, measured, trained
):
    typed = b"march 27, 2016\n9/27/94\n\xea\xb0\x80\n"
    own = run("translate", measured, "--min-confidence", "0.5", "--json", stdin=typed)
    expected = [json.loads(line)["hypotheses"][0] for line in own.out.splitlines()]
    confidence, translator = Confidence(0.5), Translator.load(measured)
    for item, text in zip(expected, typed.decode().splitlines(), strict=True):
        assert item["confidence"] == pytest.approx(confidence.of(translator(text)), abs=1e-4)
        assert item["check"] is (item["confidence"] < 0.5)
    for export in (trained / "1", trained / "dates.tflite"):  # these exports store no confidence
        plain = run("translate", export, "--min-confidence", "0.5", "--json", stdin=typed)
        for line, item in zip(plain.out.splitlines(), expected, strict=True):
            found = json.loads(line)["hypotheses"][0]["confidence"]
            assert found == pytest.approx(item["confidence"] ** 0.5, abs=1e-3)
        refused = run("translate", export, "--min-confidence", "auto", stdin=typed)
        assert (refused.code, refused.out) == (2, "")
        assert "and export it again, or give a number" in refused.err


@few_variants
def test_every_runtime_computes_the_same_confidence(run, variant, saved_model, served, tflite_file):
    device = DeviceTranslator.load(tflite_file)
    assert served.confidence == device.confidence == variant.confidence
    texts = TEXTS[:3]
    for export, options in ((served, {}), (device, {"beam_width": 1})):
        expected = [variant.confidence.of(each) for each in variant(texts, **options)]
        found = [export.confidence.of(each) for each in export(texts)]
        assert found == pytest.approx(expected, abs=1e-4)
    typed = TEXTS[0].encode() + b"\n"
    for export in (saved_model, tflite_file):
        found = run("translate", export, "--min-confidence", "auto", stdin=typed)
        assert "lines below a confidence of 0.25: " in found.err


def test_a_confidence_is_ignored_after_the_weights_have_changed(measured, tmp_path, caplog):
    folder = tmp_path / "dates"
    shutil.copytree(measured, folder)
    translator = Translator.load(folder)
    assert translator.confidence == Confidence(0.5, 0.6, 0.9, 300)
    checkpoint = next((folder / "checkpoints").glob("*.keras"))
    assert load_confidence(folder, checkpoint) == Confidence()
    assert not caplog.records
    weights = translator.model.get_weights()
    translator.model.set_weights([0.5 * each for each in weights])
    save_model(translator.model, folder / "model.keras", codec=translator.codec)
    assert Translator.load(folder).confidence == Confidence()
    assert "ignored, because it was measured with weights that differ" in caplog.text
    translator.confidence = Confidence()
    translator.save(folder)
    assert not (folder / "confidence.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("evaluate {m} --report x.txt", "a page's suffix must be one of .html, .htm."),
        ("evaluate {m} {m}/1 --report x.html", "--report requires exactly one model. Received: 2."),
        (
            "evaluate {m} --report x.html --output ./x.html",
            "must be different files. Received: x.h",
        ),
        ("evaluate {m} --report-accuracy 0.9", "--report-accuracy requires --report or --save-con"),
        (
            "evaluate {m} --report x.html --report-accuracy 2",
            "Invalid value for '--report-accuracy'",
        ),
        ("evaluate {m}/1 --save-confidence", "--save-confidence requires the folder of a trained"),
        ("evaluate none --save-confidence", "its exports. Received: no such folder."),
        (
            "evaluate {m} --with {m}/1 --save-confidence",
            "--save-confidence requires a single model",
        ),
        ("translate {m} --min-confidence 1.5", "a number from 0 to 1, or auto. Received: '1.5'."),
        ("translate {m} --min-confidence auto", "has no threshold for --min-confidence auto; run"),
        ("translate {m} --with {m} --min-confidence auto", "and an ensemble has none; give a numb"),
        ("translate a --server x:1 --min-confidence auto", "and a server has none; give a number"),
    ],
)
def test_invalid_arguments_raise_a_one_sentence_error(
    arguments, message, run, trained, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    outcome = run(*(word.format(m=trained) for word in arguments.split()))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1
    assert message in outcome.err
    assert not list(tmp_path.iterdir())


def test_a_report_never_replaces_an_input_and_is_written_completely_or_not_at_all(
    run, trained, tmp_path, monkeypatch
):
    data, page = tmp_path / "pairs.html", tmp_path / "errors.html"
    data.write_text("9/27/94\t1994-09-27\n")
    refused = run("evaluate", trained, "--data", data, "--report", data)
    assert refused.code == 2 and "--report must not be a file that is read." in refused.err
    monkeypatch.setattr(
        "keras_attention.cli.command_parts.error_report.write_error_report", lambda *_: 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        run("evaluate", trained, "--data", data, "--report", page)
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.html"]
