"""Lazy imports of a package's public names, which only its stub declares.

The package `lazy_loader` does the same, without our warning about a package in the same folder.
"""

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path


def attach_stub(
    package: str, file: str
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package from its stub, `__init__.pyi`.

    The stub contains `from MODULE import NAME as NAME` for each name. Type checkers read it too.
    """
    stub = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    modules = {
        alias.name: "." * node.level + str(node.module)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def import_name(name: str) -> object:
        """Import a public name from its module."""
        if name in modules:
            return getattr(importlib.import_module(modules[name], package), name)
        raise AttributeError(_problem(package, name), name=name, obj=sys.modules[package])

    def list_names() -> list[str]:
        """List the names that the package already has, and its public names."""
        return sorted({*vars(sys.modules[package]), *modules})

    return import_name, list_names, sorted(name for name in modules if name[0] != "_")


def _problem(package: str, name: str) -> str:
    problem = f"module {package!r} has no attribute {name!r}"
    if name.startswith("_"):
        return problem
    from keras_attention.distribution import describe_conflict

    conflict = describe_conflict()
    return f"{problem}; {conflict}" if conflict else problem
