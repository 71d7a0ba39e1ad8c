"""An import hook that makes Keras and TensorFlow start faster and use less memory.

TensorFlow imports its interface of version 1, its TFLite converter and a copy of Keras 2. Most
commands use none of them. With the hook, such a module is imported only when something reads one of
its names. If another version of TensorFlow lacks such a module, the hook does nothing for it.
"""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

_API = "tensorflow._api.v2"
_OLD_KERAS = "tensorflow.python.keras"

_LITE = f"{_API}.lite"

_PLACEHOLDERS = f"{_OLD_KERAS}.layers.rnn_cell_wrapper_v2"
"""A module whose classes `tf.nn` imports by name.

Until the module is imported, `tf.nn` has functions that import it and call the classes.
"""

_LAZY = {
    f"{_API}.compat.v1",
    f"{_API}.compat.v2",
    _LITE,  # imports JAX if it is installed
    f"{_API}.feature_column",
    f"{_API}.__internal__.feature_column",
    _OLD_KERAS,
    f"{_OLD_KERAS}.layers",
    _PLACEHOLDERS,
}
"""Modules that are imported when they are first used."""

_SEPARATE = ("optimizer_v2", "utils")
"""Packages of the old Keras that TensorFlow itself uses. They import none of its other packages."""

_HIDDEN = {
    "keras": ("matplotlib", "IPython"),  # for image galleries and an editor of files
    "keras.src.callbacks.orbax_checkpoint": ("jax",),
}
"""For each module, optional packages that it imports although we do not need them."""


def import_lean() -> None:
    """Let later imports of Keras and TensorFlow in this process skip unused modules.

    `keras.visualization` and `keras.saving.KerasFileEditor` then report that matplotlib and IPython
    are missing. You can still import both packages yourself.
    """
    if not any(isinstance(finder, _LeanImports) for finder in sys.meta_path):
        sys.meta_path.insert(0, _LeanImports())


class _LeanImports:
    """An import hook for the modules of `_LAZY` and `_HIDDEN`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _HIDDEN and fullname not in _LAZY:
            _load_parents(fullname)
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            loader = _HidingLoader if fullname in _HIDDEN else _LazyLoader
            spec.loader = loader(fullname, spec.origin)
        return spec


class _HidingLoader(SourceFileLoader):
    """A loader that imports a module as if its packages in `_HIDDEN` were not installed."""

    def exec_module(self, module: ModuleType) -> None:
        with _hidden(_HIDDEN[self.name]), _without_garbage_collection():
            super().exec_module(module)


class _LazyLoader(SourceFileLoader):
    """A loader that runs the code of a module when something first reads one of its names."""

    def __init__(self, fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self._begun, self._lock = False, threading.RLock()

    def exec_module(self, module: ModuleType) -> None:
        """Prepare the module to run its code later."""

        def get(name: str) -> Any:
            if not name.startswith("__"):
                if self.name == _PLACEHOLDERS and not self._begun:
                    return lambda *args, **options: self.load(module)[name](*args, **options)
                if name in self.load(module):
                    return vars(module)[name]
            raise AttributeError(f"module {self.name!r} has no attribute {name!r}")

        vars(module)["__getattr__"] = get
        if self.name == _LITE:
            # The first import of this package sets `tensorflow.lite`, which must be this module.
            importlib.import_module("tensorflow.lite")

    def load(self, module: ModuleType) -> dict[str, Any]:
        """Run the code of the module, unless it has begun to run, and return the module's names."""
        with self._lock:  # other threads wait until all names exist
            _load_parents(self.name)
            if not self._begun:
                self._begun = True  # the code may read names of its own module
                try:
                    super().exec_module(module)
                except BaseException:
                    self._begun = False  # the next read raises the same error, as an import does
                    raise
        return vars(module)


def _load_parents(fullname: str) -> None:
    """Load the lazy packages that contain a module, outermost first, before the module itself."""
    _, is_old, name = fullname.partition(f"{_OLD_KERAS}.")
    if not is_old or name.split(".")[0] in _SEPARATE:
        return
    for package in (_OLD_KERAS, f"{_OLD_KERAS}.layers"):
        module = sys.modules.get(package)
        if fullname.startswith(f"{package}.") and module is not None and module.__spec__:
            if isinstance(module.__spec__.loader, _LazyLoader):
                module.__spec__.loader.load(module)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Turn off garbage collection, because the many objects that imports create stay in use."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()
            gc.freeze()


@contextmanager
def _hidden(names: Sequence[str]) -> Iterator[None]:
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        # If a module is None in `sys.modules`, importing it raises ModuleNotFoundError.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
