"""The base class of models that are trained on texts and generate them, with a preprocessor."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
import numpy.typing as npt

from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.samplers import Sampler, check_sampler, sampler_options
from keras_attention.decoding.search import search
from keras_attention.errors import OptionError
from keras_attention.models.texts import has_texts, is_text_dataset, read_column, read_texts
from keras_attention.models.training.training_model import TrainingModel
from keras_attention.ops.ids import concrete


@runtime_checkable
class Preprocessor(Protocol):
    """The methods that a `TextModel` calls on its preprocessor, such as a `TextPreprocessor`."""

    codec: Any

    def check(self, model: Any) -> None:
        """Check that a model has the vocabularies of the preprocessor's tokenizers."""

    def copied_ids(self) -> list[int]:
        """Return the target id of each source id, for a model that copies."""

    def encode_pairs(self, sources: list[str], targets: list[str]) -> tuple[Any, Any]:
        """Return the arrays `((source, target_in), target_out)` of pairs of texts."""

    def encode_dataset(self, dataset: Any) -> Any:
        """Convert a `tf.data.Dataset` of batches of pairs of texts to one of such arrays."""


class TextModel(TrainingModel):
    """A `TrainingModel` with a search; with a preprocessor it also reads and generates texts."""

    copy_output: Any
    _sampler: Sampler | None = None
    _translator: Any = None

    @property
    def preprocessor(self) -> Any:
        """The `TextPreprocessor`, or None for a model of ids. It can be replaced."""
        return self.settings.preprocessor

    @preprocessor.setter
    def preprocessor(self, preprocessor: Preprocessor | None) -> None:
        check_preprocessor(preprocessor, self)
        self.settings = dataclasses.replace(self.settings, preprocessor=preprocessor)
        self._translator = None
        if preprocessor is not None and self.settings.copying and self.built:
            self.copy_output.set_targets(preprocessor.copied_ids())

    @property
    def generate_sampler(self) -> Sampler | None:
        """The sampler of `compile`: a name, search options, or None."""
        return self._sampler

    def compile(self, *args: Any, sampler: Sampler | None = None, **kwargs: Any) -> None:
        """Configure the model as `keras.Model.compile` does, and choose the sampler of `generate`.

        Args:
            *args: the arguments of `keras.Model.compile`.
            sampler: how `generate` searches by default; see `generate`.
            **kwargs: the arguments of `keras.Model.compile`.

        Raises:
            ValueError: if the sampler is unknown, or one of its options is out of its range.
            TypeError: if the sampler has a wrong type, or one of its options is unknown.
        """
        check_sampler(sampler)
        super().compile(*args, **kwargs)
        # Keras would track a dictionary as a part of the model.
        self._sampler = sampler if isinstance(sampler, str) else _read_only(sampler)

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile`, which Keras saves with the model."""
        config: dict[str, Any] = super().get_compile_config()
        sampler = self._sampler
        if not config or sampler is None:
            return config
        return {**config, "sampler": sampler if isinstance(sampler, str) else dict(sampler)}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile the model with the result of `get_compile_config`, when Keras loads it."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train the model as `keras.Model.fit` does, on ids or on texts.

        Args:
            x: inputs of `call`; or, with a preprocessor, the sources, an array or list of strings,
                or a `tf.data.Dataset` of batches `(sources, targets)` of strings.
            y: target ids `[B, T]`, or the targets as strings.
            *args: the arguments of `keras.Model.fit`.
            **kwargs: the arguments of `keras.Model.fit`, without `class_weight`. Its
                `validation_data` may be texts too.

        Raises:
            TextError: if a text has too many tokens.
            TypeError: if texts are given in a different form, or to a model without a preprocessor.
            ValueError: if an id is not in the vocabulary, if `target_in` is not `target_out`
                shifted right, or if `class_weight` is given, because Keras would interpret ids
                `[B, T]` as one-hot rows of `T` classes.
        """
        x, y = self._encoded(x, y)
        validation = kwargs.get("validation_data")
        if isinstance(validation, tuple | list) and len(validation) > 1:
            kwargs["validation_data"] = (*self._encoded(*validation[:2]), *validation[2:])
        elif validation is not None:
            kwargs["validation_data"], _ = self._encoded(validation)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return loss and metrics as `keras.Model.evaluate` does; `x` and `y` are as in `fit`."""
        x, y = self._encoded(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train on one batch as `keras.Model.train_on_batch` does; `x` and `y` are as in `fit`."""
        x, y = self._encoded(x, y)
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return loss and metrics of one batch; `x` and `y` are as in `fit`."""
        x, y = self._encoded(x, y)
        return super().test_on_batch(x, y, *args, **kwargs)

    def generate(
        self,
        inputs: Any,
        max_length: int | None = None,
        sampler: Sampler | None = None,
        **options: Any,
    ) -> Any:
        """Generate the outputs of some sources.

        With the same options, the outputs for texts equal those of
        `Translator.from_model(model)`, and the outputs for ids equal those of `search`.

        Args:
            inputs: with a preprocessor, a text or several: a string, a list or array of strings, or
                a `tf.data.Dataset` of them. Otherwise ids `[B, S]`, each row with the end token and
                then padding, or features `[B, *source_shape]`.
            max_length: largest number of tokens of an output, including the end token. Default:
                that of the preprocessor; a model without one requires it.
            sampler: "greedy"; "beam", which searches with 4 hypotheses unless the preprocessor or
                `beam_width` says otherwise; "random", which draws from all tokens; "top_k" or
                "top_p", which draw from the most likely ones and require the option of the same
                name. Or a dictionary of search options. Default: the sampler of `compile`, or the
                preprocessor's search settings, or greedy search.
            **options: fields of `SearchOptions`, such as `length_penalty` or `seed`; for texts also
                the other arguments of `Translator.stream`, such as `batch_size`, and for ids
                `prefix`.

        Returns:
            For texts, the best output of each, or its first sample: a string for a string,
            otherwise a list. For ids or features, ids `[B, T]` of the best output, padded with 0
            after the end token.

        Raises:
            OptionError: if an option is out of its range, contradicts the sampler, or is missing.
            TextError: if a text has too many tokens.
            TypeError: if an option is unknown, or texts are given to a model without a
                preprocessor.
            ValueError: if `inputs` have a wrong shape, or an id that is not in its vocabulary.

        Example:
            >>> from keras_attention import CharacterTokenizer, Seq2Seq, TextPreprocessor
            >>> from keras_attention import Vocabulary
            >>> letters = CharacterTokenizer(Vocabulary("abc"))
            >>> preprocessor = TextPreprocessor(letters, max_length=9)
            >>> model = Seq2Seq(7, 7, units=4, preprocessor=preprocessor)
            >>> model.build()
            >>> len(model.generate(["cab", "a"], sampler="beam", beam_width=2))  # after `fit`
            2
        """
        if isinstance(inputs, list | tuple) and not inputs:
            return []
        if max_length is not None:
            options["max_length"] = max_length
        preprocessor, texts = self.preprocessor, read_texts(inputs)
        own_width = 1 if preprocessor is None else preprocessor.codec.settings.beam_width
        chosen = self._sampler if sampler is None else sampler
        options = sampler_options(chosen, options, own_width=own_width)
        if texts is None:
            return self._generate_ids(inputs, options)
        self._check_reads_texts()
        found = [each.text for each in self._find_translator()(texts, **options)]
        return found[0] if isinstance(inputs, str) else found

    def export(
        self,
        filepath: str | Path,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: None = None,
        **options: Any,
    ) -> None:
        """Export the model for inference: the export reads texts and returns what `generate` does.

        The export searches as `generate` does by default. `keras.Model.export` would write a graph
        that needs the targets as its input, so a model without a preprocessor is refused.

        Args:
            filepath: the folder of a SavedModel or of ONNX files, or a TFLite file.
            format: "tf_saved_model", a folder that TensorFlow Serving and `SavedModelTranslator`
                read; "litert", a TFLite file for `DeviceTranslator`; or "onnx", a folder with
                `search.onnx`, which searches from ids to ids, and the files of `export_onnx`.
            verbose: whether to print the path at the end.
            input_signature: None, because the inputs follow from the preprocessor.
            **options: for "tf_saved_model" the options `limits`, `compute` and `about` of
                `export_saved_model`; for "litert" `precision`, `batch_size` and `about` of
                `export_tflite`.

        Raises:
            InputError: if the model has no preprocessor or cannot be exported, the sampler of
                `compile` draws at random, the format is unknown, or the path cannot be written.
            TypeError: if an option is unknown.
        """
        import_above("export.model_export").export_model(
            self, filepath, format, verbose, input_signature, **options
        )

    def _generate_ids(self, source: Any, options: dict[str, Any]) -> npt.NDArray[np.int32]:
        if concrete(source) is None:
            raise TypeError(
                "`inputs` must be texts, ids [B, S] or features. "
                f"Received: {type(source).__name__}."
            )
        prefix = options.pop("prefix", None)
        if self.preprocessor is None and "max_length" not in options:
            rule = "must be given to a model without a `preprocessor`"
            raise OptionError("max_length", rule, max_length=None)
        SearchOptions.check_names(options, "prefix")
        stored = None if self.preprocessor is None else self.preprocessor.codec.settings
        chosen = stored.options(**options) if stored else SearchOptions(**options)
        found = search(self, source, chosen, prefix=prefix)
        tokens: npt.NDArray[np.int32] = keras.ops.convert_to_numpy(found.tokens[:, 0])
        return tokens

    def _find_translator(self) -> Any:
        """Return the translator of the model, which keeps the graphs that it has compiled."""
        if self._translator is not None:
            import_above("translation.model_files").check_finite_weights(self)
            return self._translator
        translator = import_above("translation.translator").Translator.from_model(self)
        if translator.model is self:  # otherwise a copy in float32, which `fit` does not change
            self._translator = translator
        return translator

    def _check_reads_texts(self) -> None:
        if self.preprocessor is None:
            raise TypeError(
                "a model without a `preprocessor` reads ids, not texts; pass "
                "`preprocessor=TextPreprocessor(...)` to the Seq2Seq. Received: texts."
            )

    def _encoded(self, x: Any, y: Any = None) -> tuple[Any, Any]:
        """Return the data of `fit` as ids, if they are texts."""
        if is_text_dataset(x):
            self._check_reads_texts()
            return self.preprocessor.encode_dataset(x), y
        sources = read_column(x)
        if sources is None or not (sources or self.preprocessor):
            return x, y
        self._check_reads_texts()
        targets = read_column(y)
        if targets is None:
            raise TypeError(
                "`y` must be the targets, as many strings as the sources in `x`. "
                f"Received: {type(y).__name__}."
            )
        return self.preprocessor.encode_pairs(sources, targets)

    def _check_batch(self, x: Any, y: Any = None) -> None:
        if has_texts(x):
            raise TypeError(
                "texts must be given as lists or arrays of strings, the sources as `x` and the "
                "targets as `y`, or as a tf.data.Dataset of batches of both, but not in a "
                "generator or PyDataset; for outputs, call `generate`. "
                f"Received: texts in an x of type {type(x).__name__}."
            )
        super()._check_batch(x, y)


def _read_only(options: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if options is None else MappingProxyType(dict(options))


def check_preprocessor(preprocessor: Any, model: Any) -> None:
    """Check that a preprocessor, unless it is None, belongs to a model.

    Raises:
        TypeError: if it is of a different type.
        InputError: if the model has vocabularies or source features of different sizes.
    """
    if preprocessor is None:
        return
    if not isinstance(preprocessor, Preprocessor):
        raise TypeError(
            f"`preprocessor` must be a TextPreprocessor. Received: {type(preprocessor).__name__}."
        )
    preprocessor.check(model)


def import_above(module: str) -> Any:
    """Import a module of a package that itself imports the models; call this at first use.

    Args:
        module: its name without `keras_attention.`.
    """
    return importlib.import_module(f"keras_attention.{module}")
