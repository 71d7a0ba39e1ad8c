"""The TFLite runtime's interpreter of a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from keras_attention.errors import InputError


def make_interpreter(content: bytes, name: str, threads: int, expected: Iterable[str]) -> Any:
    """Return the interpreter of a file.

    Args:
        content: the whole file.
        name: the file's name, for error messages.
        threads: CPU threads of the interpreter.
        expected: names of the signatures that the file must have.

    Raises:
        InputError: if ai-edge-litert is not installed, it cannot read the file, or a signature is
            missing.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise InputError(
            "running a TFLite file requires ai-edge-litert: pip install ai-edge-litert."
        ) from None
    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        signatures = interpreter.get_signature_list()
    except (ValueError, RuntimeError):
        raise InputError(f"{name}: damaged, the TFLite runtime cannot read it.") from None
    if missing := set(expected) - set(signatures):
        raise InputError(
            f"{name}: the signature {min(missing)!r} is missing; expected a TFLite file that "
            f"keras-attention exported. Received: the signatures {', '.join(sorted(signatures))}."
        )
    return interpreter
