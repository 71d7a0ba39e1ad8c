"""The distribution for devices has exactly the modules that run a TFLite file, and works alone."""

import io
import json
import subprocess
import sys
from configparser import ConfigParser

import pytest
from device_runtime import SCRIPT, load_script

import keras_attention
from keras_attention.export import DeviceTranslator, device_command

ROOT = SCRIPT.parents[1]
MODEL = ROOT / "saved_models" / "pretrained" / "g2p-kor.tflite"
LINES = ["학교", "", "한국어"]
PROGRAM = """
import json, sys
import ai_edge_litert.interpreter, numpy
earlier = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import keras_attention_device
from keras_attention_device.export import DeviceTranslator, device_command
assert device_command.main([sys.argv[2]]) == 0
translator = DeviceTranslator.load(sys.argv[2])
text = sys.argv[3]
json.dump(
    {
        "html": translator(text)._repr_html_(),
        "beam": [found.text for found in translator(text, beam=True).hypotheses],
        "stream": [step.text for step in translator.stream(text)],
        "modules": sorted(set(sys.modules) - earlier),
        "public": sorted(vars(keras_attention_device)),
        "version": keras_attention_device.__version__,
    },
    sys.stderr,
)
"""


def read_settings(folder):
    settings = ConfigParser()
    settings.read(folder / "setup.cfg", encoding="utf-8")
    return settings


def commands(settings):
    lines = settings["options.entry_points"]["console_scripts"].strip().splitlines()
    return dict(line.split(" = ") for line in lines)


LIBRARY, RUNTIME = read_settings(ROOT), read_settings(SCRIPT.parent)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runtime")


@pytest.fixture(scope="module")
def copied(folder):
    return load_script().copy_runtime(folder)


@pytest.fixture(scope="module")
def done(folder, copied):
    """Run the copies in a process of their own, with the command and every kind of search."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, MODEL, LINES[0]],
        input="\n".join(LINES),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )


@pytest.fixture(scope="module")
def report(done):
    return json.loads(done.stderr.splitlines()[-1])


@pytest.fixture(scope="module")
def translator():
    return DeviceTranslator.load(MODEL)


def test_the_runtime_has_exactly_the_modules_that_a_device_loads(report, copied):
    own = {name for name in report["modules"] if name.startswith("keras_attention")}
    assert own == copied


def test_a_device_loads_only_the_runtime_and_numpy_and_litert(report):
    tops = {name.partition(".")[0] for name in report["modules"]}
    assert tops - sys.stdlib_module_names - {"numpy"} == {"keras_attention_device"}


def test_the_runtime_has_the_results_of_the_library(done, report, translator):
    assert done.stdout.splitlines() == [translator(line).text for line in LINES]
    beam, html = translator(LINES[0], beam=True), translator(LINES[0])._repr_html_()
    assert report["beam"] == [found.text for found in beam.hypotheses]
    assert report["stream"] == [step.text for step in translator.stream(LINES[0])]
    assert report["html"] == html


def test_the_public_names_are_the_librarys_names_that_run_on_a_device(report):
    found = {name for name in report["public"] if name in keras_attention.__all__}
    assert {"InputError", "Translation", "Vocabulary", "CharacterTokenizer"} <= found
    assert not found & {"Translator", "Seq2Seq", "BahdanauAttention", "symmetrize"}
    assert report["version"] == keras_attention.__version__


def test_a_new_copy_keeps_nothing_of_an_earlier_one(tmp_path):
    script = load_script()
    script.copy_runtime(tmp_path)
    old = tmp_path / script.RUNTIME / "old.py"
    old.touch()
    script.copy_runtime(tmp_path)
    assert not old.exists()


def test_both_distributions_can_be_installed_side_by_side():
    """They have neither files nor commands in common."""
    script = load_script()
    packages = LIBRARY["options"]["packages"].split()
    assert {name.partition(".")[0] for name in packages} == {script.LIBRARY} != {script.RUNTIME}
    assert not commands(LIBRARY).keys() & commands(RUNTIME).keys()


def test_both_distributions_state_the_same_requirements():
    library, runtime = LIBRARY["options"], RUNTIME["options"]
    assert runtime["python_requires"] == library["python_requires"]
    listed = library["install_requires"].split("\n")
    optional = RUNTIME["options.extras_require"]["sentencepiece"]
    for requirement in [*runtime["install_requires"].split("\n"), *optional.split("\n")]:
        assert requirement in listed
    versions = [
        [line for line in each["metadata"]["classifiers"].split("\n") if "Python ::" in line]
        for each in (LIBRARY, RUNTIME)
    ]
    assert versions[0] == versions[1]


def test_the_command_has_the_name_that_it_is_installed_with(capsys):
    ((name, entry),) = commands(RUNTIME).items()
    assert entry == "keras_attention_device.export.device_command:main"
    with pytest.raises(SystemExit):
        device_command.main(["--help"])
    assert capsys.readouterr().out.startswith(f"usage: {name} ")


@pytest.mark.parametrize("options", [[], ["--beam"], ["--stream"]])
def test_the_command_counts_lines_with_unknown_tokens(options, capsys, monkeypatch):
    for lines, note in {
        "\n".join(LINES): "",
        "학교\n學校\n": "note: the model does not know some tokens, such as '學' (standard input, "
        "line 2). Lines with such tokens: 1 of 2; their translations may be wrong.\n",
    }.items():
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
        assert device_command.main([str(MODEL), *options]) == 0
        assert capsys.readouterr().err == note


def test_the_command_reads_a_file(tmp_path, capsys):
    path = tmp_path / "words.txt"
    path.write_text("학교\n學校\n", encoding="utf-8")
    assert device_command.main([str(MODEL), str(path)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("h a̠ k̚ k͈ j o\n") and shown.out.count("\n") == 2
    assert f"'學' ({path}, line 2)" in shown.err


def test_a_streamed_line_equals_the_whole_output(capsys, monkeypatch):
    printed = []
    for options in [], ["--stream"]:
        lines = "\n".join(LINES).encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
        assert device_command.main([str(MODEL), *options]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and printed[0].strip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.tflite"], "missing.tflite"),
        ([str(MODEL), "missing.txt"], "missing.txt: expected a file that can be read"),
        ([str(ROOT / "setup.cfg")], "setup.cfg"),
        ([str(MODEL), "--threads", "0"], "--threads must be from 1 to 256"),
        ([str(MODEL), "--threads", "257"], "--threads must be from 1 to 256"),
        ([str(MODEL), "--stream", "--beam"], "--stream cannot be combined with --beam"),
        ([str(MODEL), "--terms", "a"], "unrecognized arguments: --terms a"),
        ([], "the following arguments are required: model"),
    ],
)
def test_a_wrong_argument_of_the_command_is_an_error_of_one_line(arguments, message, capsys):
    try:
        code = device_command.main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ") and message in error
