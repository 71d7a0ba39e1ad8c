"""The name of our package, and a warning about another package that uses the same folder."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_attention
from keras_attention.distribution import DISTRIBUTION, describe_conflict, install_command

ROOT = Path(__file__).parents[2]
SETTINGS = configparser.ConfigParser()
SETTINGS.read(ROOT / "setup.cfg", encoding="utf-8")


def install(folder, *, name="keras-attention", version="1.0.0", command=""):
    """Write a package's metadata as pip does."""
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    if command:
        (metadata / "entry_points.txt").write_text(
            f"[console_scripts]\nkeras-attention = {command}\n", encoding="utf-8"
        )


def test_setup_and_code_use_the_same_distribution_name():
    assert SETTINGS["metadata"]["name"] == DISTRIBUTION
    extras = SETTINGS["options.extras_require"]
    assert f"{DISTRIBUTION}[serving,onnx,data,hub,bulk]" in extras["test"].split()
    assert install_command("onnx") == f"pip install '{DISTRIBUTION}[onnx]'"


def test_no_text_says_to_install_the_other_project():
    folders = "keras_attention", "training", "export", "docs", ".ci"
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    texts = [path for path in files if path.suffix not in (".pyc", ".png")]
    wrong = re.compile(rb"pip install [^\n&]*keras-attention(?!-seq2seq)|keras-attention\[")
    for path in [*texts, ROOT / "README.md", ROOT / "setup.cfg"]:
        assert not wrong.search(path.read_bytes()), path


def test_our_package_alone_causes_no_warning(monkeypatch, tmp_path):
    install(tmp_path, name=DISTRIBUTION)
    monkeypatch.setattr(sys, "path", [str(tmp_path), "", str(tmp_path / "missing.zip")])
    assert describe_conflict() == ""


def test_our_package_under_its_former_name_causes_no_warning(monkeypatch, tmp_path):
    install(tmp_path, version="0.1.0", command="keras_attention.cli:main")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert describe_conflict() == ""


def test_the_warning_names_the_other_package_and_the_solution(monkeypatch, tmp_path):
    install(tmp_path / "one", version="0.1.0", command="keras_attention.cli:main")
    install(tmp_path / "two", version="1.0.0")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "two"), *sys.path])
    conflict = describe_conflict()
    assert conflict.startswith("the package keras-attention 1.0.0 is another project")
    assert "pip uninstall keras-attention" in conflict
    with pytest.raises(AttributeError, match="no attribute 'SelfAttention'; the package keras-att"):
        keras_attention.SelfAttention  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'SelfAttention'"):
        from keras_attention import SelfAttention  # noqa: F401


def test_the_command_line_warns_once(tmp_path):
    install(tmp_path)
    program = "from keras_attention.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stderr.startswith("warning: the package keras-attention 1.0.0 is another project")
    assert done.stderr.count("\n") == 1
