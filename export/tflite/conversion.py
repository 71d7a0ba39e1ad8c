"""Convert a translator to a TFLite file that uses only built-in operators.

The graphs in the file read source ids, and return target ids, a score and an alignment.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_atomically
from keras_attention.files.path_errors import errors_of_writing
from keras_attention.models.ensemble import members_of
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.outputs.output_rule import OutputRule, automaton_of
from keras_attention.translation.translator import Translator

from ..device.device_file import check_batch_size, source_lengths, write_device_file
from ..graphs.named_memory import Model
from ..graphs.portable import portable_copy
from ..graphs.searches import raw_variables
from ..saved_model.manifest import describe
from .compact import compact
from .declared_length import declare_length
from .device_graphs import beam_width_of, trace_graphs
from .flat_file import pack_flat_file, read_flat_file
from .own_subgraphs import separate_signatures
from .precision import FLOAT16, FLOAT32, INT8, INT8_WEIGHTS, lower

RULES: dict[str, Mapping[str, str]] = {
    FLOAT32: {"": FLOAT32},
    FLOAT16: {"": FLOAT16},
    # Rounding these parts further would change many outputs, and save few bytes and little
    # time; see benchmarks/export.md.
    "mixed": {"attentional_projection": FLOAT16, "decoder/": INT8_WEIGHTS, "": INT8},
    INT8: {"": INT8},
}
"""For each precision, a mapping from a part of a weight's Keras path to the type in which the
weight is stored. The first match applies."""

PRECISIONS = tuple(RULES)


def export_tflite(
    translator: Translator,
    path: str | Path,
    *,
    precision: str = FLOAT32,
    batch_size: int = 1,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write one TFLite file that a phone, a browser or `DeviceTranslator` can run.

    Its signatures are those of `trace_graphs`. The tokenizers and a manifest are appended as a zip
    archive, which `zipfile` reads and the TFLite runtimes ignore.

    Args:
        translator: a trained translator.
        path: the file to write.
        precision: one of `PRECISIONS`. All except "float32" may change outputs; `measure_variants`
            measures by how much.
        batch_size: number of texts that the file searches together, from 1 to `LARGEST_BATCH`. With
            2 or more, `DeviceTranslator` translates many texts several times as fast; phones and
            browsers translate one text at a time and do not need it.
        about: further values for the manifest, such as the recipe's name; `json.dumps` must accept
            them.

    Returns:
        The path of the file.

    Raises:
        InputError: if `precision` is not one of `PRECISIONS`, or the model cannot be exported.
        ValueError: if `batch_size` is out of its range.
    """
    return Converted.of(translator, about, batch_size=batch_size).write(path, precision)


class Converted:
    """A converted model, which can be written in any precision.

    Args:
        file_bytes: the flat buffer in float32.
        codec: the tokenizers and search settings.
        paths: a mapping from the bytes of each matrix to the Keras path of its weight.
        about: further values for the manifests.
        rule: the output rule that the graphs obey, or None.
    """

    def __init__(
        self,
        file_bytes: bytes,
        codec: TextCodec,
        paths: Mapping[bytes, str],
        about: Mapping[str, Any] | None = None,
        rule: OutputRule | None = None,
    ) -> None:
        self._file_bytes, self._codec, self._paths = file_bytes, codec, paths
        self._about, self._rule = about or {}, rule

    @classmethod
    def of(
        cls,
        translator: Translator,
        about: Mapping[str, Any] | None = None,
        *,
        batch_size: int = 1,
    ) -> Converted:
        """Convert a translator's model.

        Args:
            translator: a trained translator.
            about: further values for the manifests.
            batch_size: see `export_tflite`.

        Raises:
            InputError: if the model cannot be exported.
            ValueError: if `batch_size` is out of its range.
        """
        check_batch_size(batch_size)
        copy = portable_copy(translator)
        about = {
            **(about or {}),
            "max_steps": translator.model.longest,
            "any_length": True,
            "confidence": translator.confidence.to_json(),
            **({"batch_size": batch_size} if batch_size > 1 else {}),
        }
        file_bytes = convert(trace_graphs(copy, batch_size), copy.model)
        return cls(file_bytes, translator.codec, paths_of(copy.model), about, copy.output_rule)

    def write(
        self, path: str | Path, precision: str, rules: Mapping[str, str] | None = None
    ) -> Path:
        """Write the file in a precision; see `export_tflite`.

        Args:
            path: the file to write.
            precision: one of `PRECISIONS`, or a name for `rules`.
            rules: rules like an entry of `RULES`; by default, the entry for `precision`.

        Returns:
            The path of the file.

        Raises:
            InputError: if there are no `rules` and `precision` is not one of `PRECISIONS`.
        """
        path, settings = Path(path), self._codec.settings
        model = read_flat_file(self._file_bytes)
        declare_length(model, *source_lengths(self._codec))
        content = lowered(model, self._paths, precision, rules)
        described = describe(
            self._codec,
            **self._about,
            precision=precision,
            max_source_length=settings.max_source_length,
            max_length=settings.max_length,
            beam_width=beam_width_of(settings),
            length_penalty=settings.length_penalty,
            **({} if self._rule is None else {"outputs": self._rule.about}),
        )
        automaton = automaton_of(self._rule)
        with write_atomically(path) as temporary_path:
            write_device_file(temporary_path, content, self._codec, described, automaton)
        return path


def lowered(
    model: Any,
    paths: Mapping[bytes, str],
    precision: str,
    rules: Mapping[str, str] | None = None,
) -> bytes:
    """Return a flat buffer with weights in another precision, made smaller by `compact`.

    Args:
        model: the result of `convert` as objects, which this function changes.
        paths: the result of `paths_of`.
        precision: as in `Converted.write`.
        rules: as in `Converted.write`.
    """
    rules = rules or RULES.get(precision)
    if rules is None:
        raise InputError(
            f"the precision must be one of {', '.join(PRECISIONS)}. Received: {precision!r}."
        )

    def choose(weights: npt.NDArray[Any]) -> str:
        name = paths.get(weights.tobytes(), "")
        return next(kind for part, kind in rules.items() if part in name)

    lower(model, choose)
    compact(model)
    separate_signatures(model)
    return pack_flat_file(model)


def convert(graphs: Mapping[str, Any], model: Model) -> bytes:
    """Convert graphs to a flat buffer in float32.

    Args:
        graphs: a mapping from the name of each signature to its concrete function.
        model: the model whose weights the functions read.
    """
    holder = tf.Module()
    holder.weights = raw_variables(model)
    with errors_of_writing(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(holder, folder, signatures=graphs)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(graphs))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        # The loop of an encoder then writes each output into its place in a tensor. By default, it
        # builds the tensor from all its rows again at each step, which is slower.
        converter._experimental_enable_dynamic_update_slice = True
        file_bytes: bytes = converter.convert()
    return file_bytes


def paths_of(model: Model) -> dict[bytes, str]:
    """Return a mapping from the bytes of each matrix, and of its transpose, to its Keras path."""
    paths = {}
    for weight in (weight for member in members_of(model) for weight in member.weights):
        matrix = np.array(weight, "float32")
        for stored in (matrix, matrix.T):
            paths[stored.tobytes()] = weight.path
    return paths
