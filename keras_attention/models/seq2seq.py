"""The sequence-to-sequence model, which computes logits from source ids and shifted target ids."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.attention_mechanism import AttentionMechanism, Tensor
from keras_attention.layers.copy_output import CopyOutput
from keras_attention.layers.feature_embedding import FeatureEmbedding
from keras_attention.layers.token_embedding import TokenEmbedding
from keras_attention.models import saved_classes as saved_classes
from keras_attention.models.architectures import (
    find_mechanism,
    make_bridge,
    make_decoder,
    make_encoder,
)
from keras_attention.models.encoding import run_encoder
from keras_attention.models.memory import Memory
from keras_attention.models.seq2seq_config import Seq2SeqConfig
from keras_attention.models.text_model import TextModel, check_preprocessor, import_above
from keras_attention.models.training.freezing import freeze_layers
from keras_attention.models.training.r_drop import split_passes, twice
from keras_attention.models.training.scheduled_sampling import ScheduledSampler
from keras_attention.ops.ids import check_ids
from keras_attention.ops.masking import real_steps, real_tokens
from keras_attention.ops.packing import pack_steps
from keras_attention.ops.sparse_outputs import sparse_log_probabilities
from keras_attention.settings.documented import documented

_OF_KERAS = ("name", "dtype", "trainable")
"""The arguments of `keras.Model` that a `Seq2Seq` accepts."""


@documented(Seq2SeqConfig)
@keras.saving.register_keras_serializable(package="keras_attention")
class Seq2Seq(TextModel):
    """An encoder and an attention decoder, for `fit` and for search.

    `fit` trains on `((source, target_in), target_out)`, where `target_in` is `target_out` shifted
    right by one, with the start token first (teacher forcing). Search and exports run the same
    network one token at a time, with `encode` and `step`.

    Ids of 0 are padding, after the tokens or before them. On a GPU, Keras uses cuDNN's LSTM if
    `layer_norm` and `recurrent_dropout` are off; cuDNN does not support padding before a source.
    Wherever `target_in` is padding, `target_out` must be padding too.

    The logits depend on the `output_mapping`:

    - "softmax": train with `MaskedCrossentropy`.
    - "sparsemax" or "entmax15": train with `MaskedFenchelYoung` and the same mapping. A call
      returns the logits for this loss. `step` and `teacher_forced`, which searches and exports
      use, return log-probabilities instead. For a token of probability 0, these are from -600 to
      -300.

    With `r_drop` (Liang et al. 2021), each training step passes its batch through the model twice,
    with different dropout masks. The loss is the mean of both cross-entropies plus `r_drop` times
    `consistency_loss`, which is half the sum of the two divergences between the passes. The paper
    adds the cross-entropies instead, so a weight from the paper is twice `r_drop`.

    With `copying`, the logits are log-probabilities. Set the target id of each source id with
    `copy_output.set_targets`; see `CopyOutput`. A model with a `preprocessor` does this itself.

    Args:
        attention: an `AttentionMechanism`, or `None` for a model without attention.
        source_shape: shape of the features of one source, such as `(None, 13)` for any number of
            steps of 13 numbers. A step with only zeros is padding. Features with more axes, such as
            images `(28, 28, 1)`, have no padding and need a custom encoder. A shape with one
            axis, such as `(None,)`, means ids that are not embedded; they also need a custom
            encoder. Default `None`: the source is ids, which are embedded.
        source_features: for each source feature, such as the language, the number of its ids. The
            encoder reads their embeddings together with the embedding of every token; see
            `FeatureEmbedding`. Each source must begin with the ids of its features, which are not
            part of the memory. Default `()`.
        preprocessor: a `TextPreprocessor`. With it, `fit` and `generate` also accept texts, and
            `export` works. It is saved with the model. Default `None`.
        {settings}
        **options: `name`, `dtype` and `trainable` of `keras.Model`.

    A custom `encoder` is a Keras layer that accepts embedded ids or features and returns the memory
    and its final states, as `run_encoder` describes. A custom `decoder` is a `DecoderCell`, which
    contains its attention.

    Call arguments:
        inputs: `(source, target_in)`, integer tensors `[B, S]` and `[B, T]`, or features
            `[B, *source_shape]` as the source. With F `source_features`, the source is
            `[B, F + S]`. With `copying`, you can add the `pointers` `[B, T, S]` of `CopyOutput`,
            which belong to `target_out`. With `guided_alignment`, add the guide `[B, T, S]` as the
            last input; training requires it.
        training: whether dropout is active.

    Returns:
        Logits `[B, T, target_vocabulary_size]` in at least float32. In training with `r_drop`, the
        logits of both passes: `[2, B, T, target_vocabulary_size]`.

    Raises:
        SettingError: a `ValueError`, if an argument is out of range or contradicts another one.
        TypeError: if an argument is unknown.

    Example:
    >>> import numpy as np
    >>> from keras_attention import BahdanauAttention, Seq2Seq
    >>> model = Seq2Seq(10, 12, units=8, embedding=4, attention=BahdanauAttention(8))
    >>> logits = model((np.array([[5, 6, 2]]), np.array([[1, 7]])))
    >>> tuple(logits.shape)
    (1, 2, 12)

    Reference:
        https://arxiv.org/abs/1409.0473, https://arxiv.org/abs/1508.04025,
        https://arxiv.org/abs/2106.14448
    """

    def __init__(
        self,
        source_vocabulary_size: int | None,
        target_vocabulary_size: int,
        *,
        attention: AttentionMechanism | None = None,
        **settings: Any,
    ) -> None:
        Seq2SeqConfig.check_names(settings, *_OF_KERAS)
        own, options = Seq2SeqConfig.split(settings)
        super().__init__(**options)
        self.settings = config = Seq2SeqConfig(
            source_vocabulary_size=source_vocabulary_size,
            target_vocabulary_size=target_vocabulary_size,
            attention=find_mechanism(attention, own.get("decoder")),
            **own,
        )
        check_preprocessor(config.preprocessor, self)
        self._make_embeddings()
        self.encoder = make_encoder(config, self.dtype_policy)
        self.bridge = make_bridge(config, self.dtype_policy)
        self.decoder = make_decoder(config, self.dtype_policy)
        self.embedding_dropout = self._dropout("embedding_dropout", config.dropout)
        self.output_dropout = self._dropout("output_dropout", config.dropout)
        self.memory_dropout = self._dropout("memory_dropout")
        self._make_output()
        if config.scheduled_sampling:
            self.sampler = ScheduledSampler(dtype=self.dtype_policy, name="sampler")

    def _make_embeddings(self) -> None:
        config = self.settings
        self.target_embedding = self._embedding(config.target_vocabulary_size, "target_embedding")
        if config.tie_embeddings == "all":
            self.source_embedding = self.target_embedding
        elif config.source_vocabulary_size is not None:
            size = config.source_vocabulary_size
            self.source_embedding = self._embedding(size, "source_embedding")
        if self.source_features:
            self.feature_embedding = FeatureEmbedding(
                config.source_features,
                config.embedding if config.feature_merge == "sum" else config.feature_embedding,
                merge=config.feature_merge,
                dtype=self.dtype_policy,
                name="feature_embedding",
            )

    def _embedding(self, size: int, name: str) -> TokenEmbedding:
        width = self.settings.embedding
        return TokenEmbedding(size, width, dtype=self.dtype_policy, name=name)

    def _make_output(self) -> None:
        config, policy = self.settings, self.dtype_policy
        if config.tie_embeddings == "none":
            self.output_projection = keras.layers.Dense(
                config.target_vocabulary_size, dtype=policy, name="output_projection"
            )
        if config.copying:
            sizes = config.source_vocabulary_size, config.target_vocabulary_size
            self.copy_output = CopyOutput(*sizes, dtype=policy, name="copy_output")

    def _dropout(self, name: str, default: float = 0.0) -> keras.layers.Dropout:
        rate = getattr(self.settings, name)
        rate = default if rate is None else rate
        return keras.layers.Dropout(rate, dtype=self.dtype_policy, name=name)

    def build(self, input_shape: Any = None) -> None:
        """Create every weight. The shapes depend only on the constructor's arguments."""
        embedded = (None, None, self.settings.embedding)
        self.target_embedding.build((None, None))
        if self.settings.source_shape is None and not self.source_embedding.built:
            self.source_embedding.build((None, None))
        if self.source_features:
            self.feature_embedding.build(None)
        memory, states = self._build_encoder()
        if self.bridge is not None:
            self.bridge.build(states)
        self.decoder.build(embedded, memory)
        self._build_output()
        freeze_layers(self, self.settings.freeze)
        self.built = True

    def _build_encoder(self) -> tuple[Any, Any]:
        """Build the encoder and return the shapes of its memory and final states."""
        shape = self.settings.source_shape or (None, self.settings.source_width)
        source = keras.KerasTensor((None, *shape), self.compute_dtype if shape[1:] else "int32")
        mask = keras.KerasTensor((None, shape[0]), "bool") if len(shape) < 3 else None
        memory, states, _ = run_encoder(self.encoder, source, mask)
        return memory.shape, [[tensor.shape for tensor in layer] for layer in states]

    def _build_output(self) -> None:
        size, width = self.settings.target_vocabulary_size, self.decoder.cell.output_width
        if self.settings.tie_embeddings == "none":
            self.output_projection.build((None, width))
        else:
            self.output_bias = self.add_weight((size,), initializer="zeros", name="output_bias")
        if self.settings.copying:
            self.copy_output.build((None, size), (None, width))
            if self.preprocessor is not None:
                self.copy_output.set_targets(self.preprocessor.copied_ids())

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the logits, `[B, T, V]`."""
        return (*input_shape[1], self.settings.target_vocabulary_size)

    def call(self, inputs: tuple[Tensor, ...], training: bool = False) -> Tensor:
        """Compute logits by teacher forcing; see the class for shapes."""
        source, target, pointers, guide = self._read_inputs(inputs)
        settings, (packed, unpack) = self.settings, pack_steps(target)
        if training and settings.scheduled_sampling:
            logits, _ = self.teacher_forced(source, packed, return_alignment=False)
            packed = self.sampler(packed, logits)
        two_passes = training and settings.r_drop
        if two_passes:
            source, target, packed, pointers, guide = map(
                twice, (source, target, packed, pointers, guide)
            )
            _, unpack = pack_steps(target)
        needs_alignment = bool(training and (settings.coverage_loss or settings.guided_alignment))
        logits, alignment = self._teacher_forced(
            source, packed, training, needs_alignment, pointers, unpack
        )
        if training:
            self._add_losses(alignment, real_tokens(target), guide)
        return split_passes(logits) if two_passes else logits

    def _read_inputs(
        self, inputs: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Return the source, the target as int32, the pointers and the guide."""
        if not isinstance(inputs, (tuple, list)) or len(inputs) < 2:
            raise ValueError(
                "`inputs` must be (source, target_in): the source ids [B, S] and the target ids "
                f"[B, T], shifted right by one step. Received: {type(inputs).__name__}."
            )
        source, target, *given = inputs
        check_ids(target, self.vocabulary_sizes[1], "target_in", "target_vocabulary_size")
        guide = given.pop() if self.settings.guided_alignment and given else None
        pointers = given.pop() if self.settings.copying and given else None
        return source, ops.cast(target, "int32"), pointers, guide

    def teacher_forced(
        self,
        source: Tensor,
        target: Tensor,
        training: bool = False,
        return_alignment: bool = True,
        pointers: Tensor | None = None,
        unpack: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits `[B, T, V]` and alignment `[B, T, S]` for a given target.

        The softmax of the logits is the model's distribution, whatever its `output_mapping`.

        Args:
            source: ids `[B, S]` or features `[B, *source_shape]`.
            target: ids `[B, T]`, with padding after the tokens.
            training: whether dropout is active.
            return_alignment: whether to return the alignment; if False, it is None.
            pointers: the `pointers` of `CopyOutput`.
            unpack: the function that `pack_steps` returned, if it packed `target`.
        """
        logits, alignment = self._teacher_forced(
            source, target, training, return_alignment, pointers, unpack
        )
        return self._mapped(logits), alignment

    def _teacher_forced(
        self,
        source: Tensor,
        target: Tensor,
        training: bool,
        return_alignment: bool,
        pointers: Tensor | None,
        unpack: Callable[[Tensor], Tensor] | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return what `teacher_forced` returns, but with the logits that the loss expects."""
        memory, state = self.encode(source, training=training)
        embedded = self.embedding_dropout(self.target_embedding(target), training=training)
        outputs, alignment, _ = self.decoder(
            embedded,
            state,
            memory.values,
            memory_mask=memory.mask,
            training=training,
            return_alignment=return_alignment or self.settings.copying,
        )
        if unpack is not None:
            outputs = unpack(outputs)
            alignment = alignment if alignment is None else unpack(alignment)
        outputs = self.output_dropout(outputs, training=training)
        logits = self._predict(outputs, alignment, memory, pointers=pointers)
        return logits, alignment if return_alignment else None

    def encode(self, source: Tensor, training: bool = False) -> tuple[Memory, Any]:
        """Return the memory of a source, and the decoder's first state.

        Args:
            source: ids `[B, S]` or features `[B, *source_shape]`. With `source_features`, their
                ids come first.
            training: whether dropout is active.

        Raises:
            ValueError: if the source has a wrong number of axes or, with `source_features`, no
                token; or if an id is not in its vocabulary.
        """
        if not self.built:
            self.build()
        features, source = self.split_features(self._checked_source(source))
        mask = real_steps(source) if len(source.shape) < 4 else None
        inputs = source
        if self.settings.source_shape is None:
            embedded = self.source_embedding(source)
            if self.source_features:
                embedded = self.feature_embedding((embedded, features))
            inputs = self.embedding_dropout(embedded, training=training)
        values, states, mask = run_encoder(self.encoder, inputs, mask, training)
        values = ops.cast(self.memory_dropout(values, training=training), self.compute_dtype)
        cell = self.decoder.cell
        bridged = () if self.bridge is None else self.bridge(states)
        state = cell.initial_state(bridged, values, mask)
        copies = self.copy_output.target_ids(source) if self.settings.copying else ()
        return Memory(values, cell.project(values), mask, copies), state

    def split_features(self, source: Tensor) -> tuple[Tensor | None, Tensor]:
        """Split sources `[B, F + S]` into the ids of their features and the ids of their tokens.

        Returns:
            `(features, tokens)`: `[B, F]` and `[B, S]`; `(None, source)` if there are no features.
        """
        count = len(self.source_features)
        return (source[:, :count], source[:, count:]) if count else (None, source)

    def _checked_source(self, source: Tensor) -> Tensor:
        shape = self.settings.source_shape
        axes = 2 if shape is None else 1 + len(shape)
        if len(source.shape) != axes:
            kind = "ids [B, S]" if shape is None else f"features [B, *{shape}]"
            raise ValueError(f"`source` must be {kind}. Received: shape {tuple(source.shape)}.")
        count = len(self.source_features)
        if count and source.shape[1] is not None and source.shape[1] <= count:
            raise ValueError(
                f"`source` must be ids [B, {count} + S], first those of the source features, then "
                f"those of at least one token. Received: shape {tuple(source.shape)}."
            )
        self.check_source_ids(source)
        return ops.cast(source, "int32" if axes == 2 else self.compute_dtype)

    def step(
        self,
        tokens: Tensor,
        state: Any,
        memory: Memory,
        table: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Any, Tensor]:
        """Run one decoder step.

        With `K` hypotheses per source, tokens, state and results have `B * K` rows, but the memory
        has `B` rows.

        Args:
            tokens: previous target ids `[B]`.
            state: the state that the previous step, or `encode`, returned.
            memory: the memory that `encode` returned.
            table: the `output_table` of `N` target ids, to restrict the logits to them.

        Returns:
            `(logits, state, alignment)`: logits `[B, V]`, or `[B, N]` with a `table`, in at least
            float32, whose softmax is the model's distribution; the next state; and the alignment
            `[B, S]`.

        Raises:
            ValueError: if a `table` is given to a model that copies, which may copy any token.
        """
        if table is not None and self.settings.copying:
            raise ValueError("`table` must be None for a model that copies. Received: a table.")
        output, state, alignment = self.decoder.cell(
            self.target_embedding(tokens),
            state,
            memory.values,
            memory_mask=memory.mask,
            keys=memory.keys,
        )
        return self._mapped(self._predict(output, alignment, memory, table)), state, alignment

    @property
    def vocabulary_sizes(self) -> tuple[int | None, int]:
        """The number of source ids (`None` for features) and the number of target ids."""
        return self.settings.source_vocabulary_size, self.settings.target_vocabulary_size

    @property
    def source_features(self) -> tuple[int, ...]:
        """The number of ids of each source feature."""
        return self.settings.source_features

    @property
    def longest(self) -> int | None:
        """The largest number of steps of a search, or `None` for no limit."""
        return self.decoder.cell.longest

    def memory_widths(self) -> tuple[int, int]:
        """Return the widths of the memory's values and of its keys."""
        shape, _ = self._build_encoder()
        values = ops.zeros((1, 1, shape[-1]), self.compute_dtype)
        return shape[-1], self.decoder.cell.project(values).shape[-1]

    def output_table(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output projection's kernel `[D, N]` and bias `[N]` for target ids `[N]`."""
        if self.settings.tie_embeddings == "none":
            kernel = ops.take(self.output_projection.kernel, ids, axis=1)
            return kernel, ops.take(self.output_projection.bias, ids)
        rows = ops.take(self.target_embedding.embeddings, ids, axis=0)
        return ops.transpose(rows), ops.take(self.output_bias, ids)

    def _predict(
        self,
        outputs: Tensor,
        alignment: Tensor,
        memory: Memory,
        table: Any = None,
        pointers: Tensor | None = None,
    ) -> Tensor:
        logits = self._logits(outputs, table)
        if not self.settings.copying:
            return logits
        return self.copy_output(logits, outputs, alignment, memory.copies, pointers)

    def _mapped(self, logits: Tensor) -> Tensor:
        """Return logits whose softmax equals the `output_mapping` of `logits`."""
        mapping = self.settings.output_mapping
        return logits if mapping == "softmax" else sparse_log_probabilities(logits, mapping)

    def _logits(self, outputs: Tensor, table: tuple[Tensor, Tensor] | None = None) -> Tensor:
        if table is not None:
            kernel, bias = (ops.cast(part, outputs.dtype) for part in table)
            logits = ops.matmul(outputs, kernel) + bias
        elif self.settings.tie_embeddings == "none":
            logits = self.output_projection(outputs)
        else:
            logits = self.target_embedding.similarities(outputs)
            logits = logits + ops.cast(self.output_bias, logits.dtype)
        return logits if logits.dtype == "float64" else ops.cast(logits, "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this model."""
        config = {**super().get_config(), **dict(self.settings.values())}
        if self.settings.source_shape is not None:
            config["source_shape"] = self.settings.source_shape
        if self.source_features:
            config["source_features"] = self.source_features
        config["attention"] = self.settings.attention
        if not isinstance(self.settings.decoder, str):
            config["attention"] = None  # the cell contains it
        for part in ("attention", "encoder", "decoder"):
            if not isinstance(config[part], str):
                config[part] = keras.saving.serialize_keras_object(config[part])
        if self.preprocessor is not None:
            config["preprocessor"] = keras.saving.serialize_keras_object(self.preprocessor)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Seq2Seq":
        """Rebuild the model, its layers and its preprocessor."""
        if config.get("preprocessor"):
            import_above("translation.text_preprocessor")  # registers its class with Keras
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("attention", "encoder", "decoder", "preprocessor")
            if isinstance(config.get(name), dict)
        }
        return cls(**{**config, **parts})
