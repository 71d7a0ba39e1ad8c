"""The TFLite runtime's interpreters of a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_attention.errors import InputError
from keras_attention.special_tokens import PAD_ID

FAST = "AUTO"
"""Kernels with XNNPACK, the runtime's default delegate; see `OpResolverType`."""

PLAIN = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
"""Kernels without XNNPACK."""

LEAST_ROOM = 32
"""Number of tokens that a new interpreter has room for if its first source is short."""


class SourceRunner(NamedTuple):
    """The runner of a signature that reads only a source.

    Attributes:
        run: the function that runs the signature, in an interpreter that no other signature uses.
        room: number of tokens of the longest source that the interpreter may read.
    """

    run: Any
    room: int


class Runtime:
    """Runs the signatures of a TFLite file, on sources of any length.

    With ai-edge-litert 2.3.0, XNNPACK sometimes computes wrong outputs after an interpreter needed
    more memory than before, which happens if a source is longer than all earlier ones. XNNPACK then
    skips the copy of a tensor whose new address happens to equal its old one. So each signature
    that reads only a source has its own interpreter, which first reads the longest source that it
    will ever read. The length of that source is the interpreter's room, usually a power of two. For
    a source that is longer, `run` replaces the interpreter by one with more room. The other
    signatures run without XNNPACK.

    Args:
        content: the whole file.
        name: the file's name, for error messages.
        threads: CPU threads of each interpreter.
        expected: names of the signatures that the file must have.
        longest: number of tokens of the longest source that is expected. Interpreters have no more
            room, unless a source is longer.

    Raises:
        InputError: if ai-edge-litert is not installed, it cannot read the file, or a signature is
            missing.
    """

    def __init__(
        self, content: bytes, name: str, threads: int, expected: Iterable[str], longest: int
    ) -> None:
        self._content, self._threads, self._longest = content, threads, longest
        self._runners: dict[str, Any] = {}
        self._source_runners: dict[str, SourceRunner] = {}
        try:
            self._plain = self._make(PLAIN)
            signatures = self._plain.get_signature_list()
        except ImportError:
            raise InputError(
                "running a TFLite file requires ai-edge-litert: pip install ai-edge-litert."
            ) from None
        except (ValueError, RuntimeError):
            raise InputError(f"{name}: damaged, the TFLite runtime cannot read it.") from None
        if missing := set(expected) - set(signatures):
            raise InputError(
                f"{name}: the signature {min(missing)!r} is missing; expected a TFLite file that "
                f"keras-attention exported. Received: the signatures "
                f"{', '.join(sorted(signatures))}."
            )

    def runner(self, signature: str) -> Any:
        """Return a runner of a signature, which runs without XNNPACK."""
        if signature not in self._runners:
            self._runners[signature] = self._plain.get_signature_runner(signature)
        return self._runners[signature]

    def run(self, signature: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the outputs of a signature.

        Args:
            signature: its name.
            inputs: an array for each of its inputs, by name.
        """
        if set(inputs) != {"source"}:
            outputs: Mapping[str, Any] = self.runner(signature)(**inputs)
            return outputs
        source, made = inputs["source"], self._source_runners
        if signature in made and source.shape[-1] > made[signature].room:
            del made[signature]  # frees the old interpreter before the new one needs memory
        if signature not in made:
            made[signature] = self._make_room(signature, source)
        outputs = made[signature].run(source=source)
        return outputs

    def _make_room(self, signature: str, source: Any) -> SourceRunner:
        """Return a runner in a new interpreter, which has read a source that fills its room."""
        tokens = source.shape[-1]
        doubled = max(LEAST_ROOM, 1 << (tokens - 1).bit_length())  # a power of two
        room = max(tokens, min(doubled, self._longest))
        made = SourceRunner(self._make(FAST).get_signature_runner(signature), room)
        if tokens < room:
            made.run(source=np.pad(source, ((0, 0), (0, room - tokens)), constant_values=PAD_ID))
        return made

    def _make(self, kernels: str) -> Any:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        return Interpreter(
            model_content=self._content,
            num_threads=self._threads,
            experimental_op_resolver_type=OpResolverType[kernels],
        )
