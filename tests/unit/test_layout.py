"""Rules for the layout: imports point down, folders are small, and modules have docstrings."""

import ast
import re
import subprocess
from configparser import ConfigParser
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[2]
LARGEST_FOLDER = 14
# The packages directly below each package. A package may import them and everything below them.
# Packages of the library include their subpackages. The library's root is below all packages.
BELOW = {
    "settings": "",
    "files": "settings",
    "alignment": "files",
    "text": "files",
    "ops": "",
    "attention": "ops settings",
    "fast": "ops",
    "layers": "attention fast",
    "objectives": "fast settings",
    "decoding": "ops files",
    "models": "layers objectives decoding",
    "visualization.notebook": "",
    "translation": "models alignment text visualization.notebook",
    "visualization": "translation",
    "serving": "translation",
    "export.graphs": "translation",
    "export.device": "translation",
    "export.saved_model": "export.graphs export.device",
    "export.tflite": "export.saved_model export.device",
    "export.bulk": "export.saved_model export.device",
    "export.web": "export.device visualization",
    "export": "export.tflite export.web export.bulk",
    "training.metrics": "files",
    "training.tasks": "alignment",
    "training.recipe": "training.metrics training.tasks models text",
    "training.data": "training.recipe",
    "training.processes": "",
    "training.batches": "training.data training.processes translation",
    "training.assembly": "training.data translation",
    "training.evaluation": "training.data visualization",
    "training.run": "training.assembly training.processes",
    "training.callbacks": "training.run training.evaluation training.batches",
    "training": "training.callbacks",
    "training.compare": "training",
    "training.seeds": "training.compare",
    "training.distillation": "training",
    "cli": "training.seeds training.distillation export serving",
}


def source_files():
    """Map the name of each module, without `keras_attention.`, to its file."""
    files = {}
    for folder in ("keras_attention", "training", "export"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts[folder == "keras_attention" :]
            files[".".join(part for part in parts if part != "__init__")] = path
    return files


FILES = source_files()
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
PUBLIC = ""  # the library's `__init__`, which imports public names on first use


def imports(module):
    """Return the names of our own modules that a module imports, including in its functions."""
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = ["keras_attention", *package.split(".")]
                above = above[: len(above) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            found.update(f"{base}.{alias.name}" for alias in node.names)
            found.add(base)
    short = {name.removeprefix("keras_attention.") for name in found}
    return {name for name in short if name in FILES and name not in (PUBLIC, module)}


def package_of(module):
    """Return the row of the table that a module belongs to, or "" in the root of the library."""
    parts = module.split(".")
    for name in (".".join(parts[:2]), parts[0]):
        if name in BELOW:
            return name
    assert len(parts) == 1 and FILES[module].name != "__init__.py", f"add {parts[0]} to BELOW"
    return ""


def everything_below(package):
    """Return a package, all packages below it, and the root."""
    below = {package, ""}
    for name in BELOW[package].split():
        below |= everything_below(name)
    return below


def test_the_table_contains_exactly_the_packages():
    found = {package_of(module) for module in FILES if module != PUBLIC}
    assert found == {*BELOW, ""}


@pytest.mark.parametrize("package", ["", *BELOW])
def test_imports_point_down(package):
    allowed = everything_below(package) if package else {""}
    wrong = [
        f"{module} imports {name}"
        for module in FILES
        if module != PUBLIC and package_of(module) == package
        for name in sorted(imports(module))
        if package_of(name) not in allowed
    ]
    assert not wrong, f"{package or 'the root'} may import {sorted(allowed)}: {wrong}"


def test_no_imports_are_circular():
    # A package may import its own modules to export their names.
    graph = {module: imports(module) for module in FILES if module != PUBLIC}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_folder_is_too_large():
    sizes = {}
    for path in FILES.values():
        if path.name != "__init__.py":
            sizes.setdefault(path.parent.relative_to(ROOT).as_posix(), []).append(path.name)
    large = {folder: names for folder, names in sizes.items() if len(names) > LARGEST_FOLDER}
    assert not large, f"more than {LARGEST_FOLDER} files: {large}"


def test_every_module_and_package_has_a_docstring():
    assert not [name for name, tree in TREES.items() if not ast.get_docstring(tree)]
    folders = {path.parent for path in FILES.values()}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_setup_installs_exactly_the_packages():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    packages = {name for name, path in FILES.items() if path.name == "__init__.py"}
    names = {f"keras_attention.{name}".rstrip(".") for name in packages}
    assert set(setup["options"]["packages"].split()) == names


def test_contributing_lists_the_folders_from_the_top_down():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = re.findall(
        r"^\| `((?:keras_attention|training|export)/[^`]*)` \|", text, re.MULTILINE
    )
    packages = [
        folder.removeprefix("keras_attention/").strip("/").replace("/", ".") for folder in folders
    ]
    assert sorted(packages) == sorted(["", *BELOW])
    for package, below in BELOW.items():
        for name in below.split():
            assert packages.index(package) < packages.index(name), f"{package}, {name}"


def test_every_test_that_ci_names_exists():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    named = " ".join(re.findall(r"\btests/[\w./{},-]+", script))
    expanded = ["bash", "-c", f"printf '%s\n' {named}"]  # bash expands `test_{a,b}.py`
    paths = subprocess.run(expanded, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert "tests/unit/models/training/test_teacher.py" in paths
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_no_class_has_the_name_of_a_keras_class():
    spaces = keras, keras.layers, keras.metrics, keras.losses, keras.callbacks, keras.optimizers
    theirs = {
        name for space in spaces for name in dir(space) if isinstance(getattr(space, name), type)
    }
    ours = {
        f"{module}.{node.name}": node.name
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    assert not [place for place, name in ours.items() if name in theirs]
