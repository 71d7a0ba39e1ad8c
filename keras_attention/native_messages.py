"""Hides the messages that TensorFlow and the TFLite runtime print when they start."""

import faulthandler
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""The environment variable with TensorFlow's log level. Level 0 shows information, 1 begins with
warnings, 2 with errors, 3 with fatal errors."""

_SMALLEST_MODEL = (
    "c-oU-U|<Mw^D$;%;A0SB5Mbb8-~fuS0C@~R9s`365N`ouW*}w+Vu&mVLiivxJaC;XKoTNm1H=wM?1H3@fq@Gw4^qbkHH!"
    "x-55o*t_)I{o0JfKb;oblL|5;Gv*}&$pLFJM4Lfpo~zztRhahov2NMQh8mI$o"
)
"""A TFLite model with one operator, max(0, x), compressed with zlib and encoded in base 85."""


def hide_start_messages(environment: MutableMapping[str, str]) -> None:
    """Hide the messages that runtimes print when they start, but keep Python's errors visible.

    TensorFlow prints some lines to file descriptor 2 before it reads its log level, so the
    descriptor points at the null device while TensorFlow is imported. Afterwards the log level
    hides all but fatal messages. `sys.stderr` gets a separate descriptor, so that Python can always
    print errors, including the traceback of a crash. If TF_CPP_MIN_LOG_LEVEL is set below 3, hide
    only what `hide_information` hides.
    """
    if environment.setdefault(_LEVEL, "3") != "3":
        hide_information(environment)
        return
    try:
        own = os.dup(2)
    except OSError:  # there is no standard error
        return
    sys.stderr = open(own, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    if not faulthandler.is_enabled():
        faulthandler.enable(sys.stderr)
    _add_hook(_QuietImports())


def hide_information(environment: Mapping[str, str]) -> None:
    """Hide the line with which TFLite reports its backend when it starts.

    TFLite prints it at any log level, although it is information and no warning. If
    TF_CPP_MIN_LOG_LEVEL is 0, nothing is hidden.
    """
    with suppress(OSError):  # there is no standard error
        os.close(os.dup(2))
        if environment.get(_LEVEL) != "0":
            _add_hook(_QuietImports(information_only=True))


def _add_hook(hook: "_QuietImports") -> None:
    if not any(isinstance(finder, _QuietImports) for finder in sys.meta_path):
        sys.meta_path.insert(0, hook)


class _QuietImports:
    """An import hook for the modules that print when they are imported or first used."""

    def __init__(self, *, information_only: bool = False) -> None:
        self._information_only = information_only

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _STARTS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _QuietLoader(fullname, spec.origin)
            spec.loader.information_only = self._information_only
        return spec


class _QuietLoader(SourceFileLoader):
    """A loader that imports a module and starts its runtime with native output hidden.

    With `information_only`, the output of the import is shown.
    """

    information_only = False

    def exec_module(self, module: ModuleType) -> None:
        with nullcontext() if self.information_only else native_output_hidden():
            super().exec_module(module)
        with native_output_hidden():
            _STARTS[self.name](module)


def _start_tflite(module: ModuleType) -> None:
    """Run a small model: TFLite prints its backend with the first model, at any log level."""
    import base64
    import zlib

    model = zlib.decompress(base64.b85decode(_SMALLEST_MODEL))
    with suppress(Exception):  # if TFLite does not work, the first real model reports it
        module.Interpreter(model_content=model, num_threads=1).allocate_tensors()


_STARTS: dict[str, Callable[[ModuleType], None]] = {
    "tensorflow": lambda module: None,
    "ai_edge_litert.interpreter": _start_tflite,
}
"""The modules that print, each with the function that starts its runtime after the import."""


@contextmanager
def native_output_hidden() -> Iterator[None]:
    """Point file descriptor 2 at the null device, in this process and in those that it starts."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
