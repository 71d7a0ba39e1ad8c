"""Build the distribution keras-attention-device, which runs TFLite files without TensorFlow.

It contains copies of library modules: those in `STARTS`, and all that they import, directly or
indirectly. The copies have an import name of their own, so that both distributions can be installed
side by side.
"""

import ast
import re
import shutil
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
LIBRARY = "keras_attention"
RUNTIME = "keras_attention_device"
STARTS = (f"{LIBRARY}.export.device_command", f"{LIBRARY}._version")


def copy_runtime(folder: Path) -> set[str]:
    """Write the runtime into a folder, in place of an earlier copy, and return its modules."""
    files = _reached_files()
    shutil.rmtree(folder / RUNTIME, ignore_errors=True)
    for module, file in files.items():
        copy = folder.joinpath(*_rename(module).split("."))
        copy = copy / file.name if file.name == "__init__.py" else copy.with_suffix(".py")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_rename(_code(module, files)), encoding="utf-8")
    shutil.copy(REPOSITORY / LIBRARY / "py.typed", folder / RUNTIME)
    return {_rename(module) for module in files}


def _reached_files() -> dict[str, Path]:
    """Return the file of each module that `STARTS` reach, and of the packages that contain it.

    A module is reached if it is in `STARTS`, or if a reached module imports it. An import in a
    function counts too. The public names in the stub of a package do not count.
    """
    settings = ConfigParser()
    settings.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    folders = dict(
        re.split(r"\s*=\s*", line)
        for line in settings["options"]["package_dir"].strip().splitlines()
    )
    files: dict[str, Path] = {}
    waiting = list(STARTS)
    while waiting:
        module = waiting.pop()
        file = _find_file(module, folders)
        if file and module not in files:
            files[module] = file
            waiting += [module.rpartition(".")[0], *_imported_names(module, file)]
    return files


def _find_file(module: str, folders: dict[str, str]) -> Path | None:
    """Return the file of one of the library's modules; None for any other name."""
    for package in sorted(folders, key=len, reverse=True):
        if f"{module}.".startswith(f"{package}."):
            path = REPOSITORY.joinpath(folders[package], *module[len(package) + 1 :].split("."))
            files = path / "__init__.py", path.with_suffix(".py")
            return next((file for file in files if file.is_file()), None)
    return None


def _imported_names(module: str, file: Path) -> set[str]:
    """Return the names that a module imports; not all of them are modules."""
    if file.with_suffix(".pyi").is_file():
        return set()
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _source(node, module, file)
            names |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
    return names


def _source(node: ast.ImportFrom, module: str, file: Path) -> str:
    """Return the absolute name of the module that a statement imports from."""
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
    return ".".join([*above, *filter(None, [node.module])])


def _code(module: str, files: dict[str, Path]) -> str:
    """Return the code of a module.

    For a package with a stub, return only the imports of those public names whose modules are in
    `files`.
    """
    stub = files[module].with_suffix(".pyi")
    if not stub.is_file():
        return files[module].read_text(encoding="utf-8")
    imports = [
        ast.unparse(node)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and _source(node, module, stub) in files
    ]
    return "\n".join(['"""The public names that are available on a device."""\n', *imports, ""])


def _rename(text: str) -> str:
    return re.sub(rf"\b{LIBRARY}\b", RUNTIME, text)


if __name__ == "__main__":
    if not (HERE / "PKG-INFO").is_file():  # a source distribution already contains the copies
        # Setuptools would add the files of an earlier build.
        shutil.rmtree(HERE / "build", ignore_errors=True)
        copy_runtime(HERE / "src")
        shutil.copy(REPOSITORY / "LICENSE", HERE)
    setup()
