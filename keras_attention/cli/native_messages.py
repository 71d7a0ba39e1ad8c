"""Hides the messages that TensorFlow and the TFLite runtime print when they start."""

import faulthandler
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

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
    print errors, including the traceback of a crash. If TF_CPP_MIN_LOG_LEVEL is set below 3,
    nothing is hidden.
    """
    if environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    try:
        own = os.dup(2)
    except OSError:  # there is no standard error
        return
    sys.stderr = open(own, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    if not faulthandler.is_enabled():
        faulthandler.enable(sys.stderr)
    sys.meta_path.insert(0, _QuietImports())


class _QuietImports:
    """An import hook for the modules that print when they are imported or first used."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _STARTS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _QuietLoader(fullname, spec.origin)
        return spec


class _QuietLoader(SourceFileLoader):
    """A loader that imports a module and starts its runtime with native output hidden."""

    def exec_module(self, module: ModuleType) -> None:
        with native_output_hidden():
            super().exec_module(module)
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
