"""The base class of all attention mechanisms: keys, weights and the context vector."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.configured import Configured
from keras_attention.attention.base.rules import check_shapes
from keras_attention.ops.dense import MatrixDense
from keras_attention.ops.loop_products import LoopKernel
from keras_attention.ops.mappings import MAPPINGS
from keras_attention.ops.masking import Tensor as Tensor
from keras_attention.ops.time_loop import time_loop
from keras_attention.settings.arguments import checked_choice as checked_choice
from keras_attention.settings.arguments import checked_rate as checked_rate
from keras_attention.settings.arguments import checked_units as checked_units


class AttentionMechanism(Configured, keras.layers.Layer):
    """Base class: `context = sum_s alignment_s * memory_s`, `alignment = softmax(score)`.

    To write a mechanism with a new score, override `_score(query, keys)`. If its keys are not the
    memory itself, also override `project(memory)`. The layer keeps no state between calls: call
    `keys = mechanism.project(memory)` once, and pass the keys to every step.

    If the weights depend on earlier steps, the mechanism is `recurrent`: each step receives a state
    and returns the next one. For such a mechanism, override `initial_state`, `state_structure` and
    `_attend`.

    Args:
        mapping: the mapping from scores to weights: `"softmax"`, or one of the sparse mappings
            `"sparsemax"` (Martins and Astudillo 2016) and `"entmax15"` (1.5-entmax, Peters et al.
            2019), which set many weights to exactly 0. Default `"softmax"`.
        kernel_initializer: Keras initializer of the matrices. Default `"glorot_uniform"`.
        bias_initializer: Keras initializer of the biases. Default `"zeros"`.
        kernel_regularizer: Keras regularizer of the matrices. Default `None`.
        bias_regularizer: Keras regularizer of the biases. Default `None`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`. In beam search, a step has
            `K` hypotheses per source, `[B * K, D]`, which share the memory of their source.
        memory: float tensor `[B, S, M]`, the encoder's outputs.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real; taken from
            Keras's mask propagation when it is not given.
        keys: the result of `project(memory)`, `[B, S, U]`; computed when it is not given.
        state: the state that the previous step returned. Default: `initial_state`. With `K`
            hypotheses per source it has `B * K` rows.
        training: whether to compute the weights as in training, which differ for some mechanisms.
            Default `False`.
        return_state: whether to return the next state too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]` for one step (`B * K` rows for hypotheses),
        `[B, T, M]` and `[B, T, S]` for all steps. With `return_state` also the next state. If a
        source is only padding, its weights and its context are zero.

    Raises:
        ValueError: if `mapping` is unknown, or the shapes of a call's inputs do not agree.

    Reference:
        https://arxiv.org/abs/1602.02068, https://arxiv.org/abs/1905.05702
    """

    recurrent = False
    """Whether the weights of a step depend on earlier steps."""

    def __init__(
        self,
        *,
        mapping: str = "softmax",
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # autocast would also cast the float32 state
        self.mapping = checked_choice(mapping, "mapping", tuple(MAPPINGS))
        self.kernel_initializer = _checked_initializer(kernel_initializer)
        self.bias_initializer = _checked_initializer(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.supports_masking = True

    def _dense(
        self,
        units: int,
        name: str,
        *,
        use_bias: bool = False,
        activation: str | None = None,
        dtype: Any = None,
    ) -> MatrixDense:
        """Return a projection with the initializers and regularizers of this layer."""
        return MatrixDense(
            units,
            activation,
            use_bias=use_bias,
            kernel_initializer=_copy_of(self.kernel_initializer),
            bias_initializer=_copy_of(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            dtype=self.dtype_policy if dtype is None else dtype,
            name=name,
        )

    def _vector(self, units: int, name: str) -> Any:
        """Add a weight `[units]`, initialized and regularized as a matrix `[units, 1]`."""
        initializer = keras.initializers.get(_copy_of(self.kernel_initializer))

        def start(shape: Any, dtype: Any = None) -> Tensor:
            return ops.reshape(initializer((*shape, 1), dtype=dtype), shape)

        return self.add_weight(
            shape=(units,), initializer=start, regularizer=self.kernel_regularizer, name=name
        )

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Create the weights for a query of shape `[..., D]` and a memory `[B, S, M]`."""
        self.built = True

    def project(self, memory: Tensor) -> Tensor:
        """Return the keys `[B, S, U]` of `memory` `[B, S, M]`, which queries are scored against."""
        return ops.cast(memory, self.compute_dtype)

    @property
    def loop_kernels(self) -> Sequence[LoopKernel]:
        """The weight matrices that each step multiplies by once, with `loop_products.product`."""
        return ()

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Any:
        """Return the state of the first step, with one row per source.

        Returns:
            Nested float32 tensors `[B, ...]`, or `()`. A state is float32 under every dtype policy,
            because it accumulates values over the steps.
        """
        return ()

    def state_structure(self) -> Any:
        """Return the nesting of the state, with a 0 for each tensor."""
        return ()

    def call(
        self,
        query: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        state: Any = None,
        training: bool = False,
        return_state: bool = False,
    ) -> tuple[Any, ...]:
        """Attend from `query` to `memory`; see the class for shapes."""
        check_shapes(query, memory, memory_mask)
        keys = self.project(memory) if keys is None else keys
        query, memory, keys = (ops.cast(x, self.compute_dtype) for x in (query, memory, keys))
        mask = None if memory_mask is None else ops.expand_dims(memory_mask, 1)
        if state is None:
            state = self._first_state(query, memory, memory_mask)
        attend = self._attend_one_step if len(query.shape) == 2 else self._attend_all_steps
        attended = attend(query, keys, memory, mask, state, bool(training))
        return attended if return_state else attended[:2]

    def _first_state(self, query: Tensor, memory: Tensor, memory_mask: Tensor | None) -> Any:
        """Return the initial state, with one row per query if a source has `K` hypotheses."""
        state = self.initial_state(memory, memory_mask)
        if len(query.shape) == 3 or _one_query_each(query, memory):
            return state
        per_source = ops.shape(_group_by_source(query, memory))[1]
        return map_state(lambda x: ops.repeat(x, per_source, axis=0), state)

    def _attend_one_step(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """Attend from one step's queries `[B * K, D]`; the queries of a source are adjacent."""
        queries, rows = _group_by_source(query, memory), ops.shape(query)[0]
        sides = ops.shape(queries)[:2]
        state = map_state(lambda x: ops.reshape(x, (*sides, *ops.shape(x)[1:])), state)
        *outputs, state = self._attend(queries, keys, memory, mask, state, training)
        context, alignment = (ops.reshape(x, (rows, ops.shape(x)[-1])) for x in outputs)
        return (
            context,
            alignment,
            map_state(lambda x: ops.reshape(x, (rows, *ops.shape(x)[2:])), state),
        )

    def _attend_all_steps(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """Attend from all steps `[B, T, D]`: one by one if recurrent, else all at once."""
        if not self.recurrent:
            return self._attend(query, keys, memory, mask, state, training)

        def step(x: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
            *outputs, state = self._attend_one_step(x, keys, memory, mask, state, training)
            return tuple(ops.cast(each, x.dtype) for each in outputs), state

        widths = self.context_width(memory.shape[-1]), memory.shape[1]
        kernels = self.loop_kernels if training else ()
        (context, alignment), state = time_loop(
            step, state, query, widths, self.non_trainable_variables, kernels
        )
        return context, alignment, state

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """Return the context `[B, N, M]`, the alignment `[B, N, S]` and the next state.

        Args:
            query: `[B, N, D]`: `N` hypotheses of one step or, if the mechanism is not recurrent,
                `N` steps.
            keys: `[B, S, U]`.
            memory: `[B, S, M]`.
            mask: `[B, 1, S]`, or None.
            state: nested `[B, N, ...]`.
            training: whether to compute the weights as in training.
        """
        alignment = self._weigh(self._scores(query, keys, mask), self._visible(memory, mask))
        return ops.matmul(alignment, memory), alignment, state

    def _visible(self, memory: Tensor, mask: Tensor | None) -> Tensor | None:
        """Return the mask `[B, 1, S]`, or None, of the tokens that can get a weight."""
        return mask

    def _weigh(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        """Map scores to weights `[B, N, S]` with the layer's `mapping`."""
        return MAPPINGS[self.mapping](scores, mask)

    def _check_built(self) -> None:
        """Check that the layer is built: `project` cannot build it from the memory alone."""
        if not self.built:
            raise ValueError(
                f"`project` requires the weights of {self.name!r}. Call the layer on a query and a "
                "memory first, or call `build(query_shape, memory_shape)`."
            )

    def _scores(self, query: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
        """Return the scores `[B, T, S]`; the mask `[B, 1, S]` is for scores that depend on it."""
        return self._score(query, keys)

    def _score(self, query: Tensor, keys: Tensor) -> Tensor:
        """Return the scores `[B, T, S]` of queries `[B, T, D]` against keys `[B, S, U]`."""
        raise NotImplementedError(f"{type(self).__name__} must define `_score(query, keys)`.")

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> tuple[Any, None]:
        """Return the query's mask for the context, and `None` for the alignment."""
        return (mask[0] if isinstance(mask, (list, tuple)) else mask), None

    def compute_output_shape(
        self, query_shape: Any, memory_shape: Any
    ) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        """Return the shapes of the context and of the alignment."""
        steps = tuple(query_shape[:-1])
        return (*steps, self.context_width(memory_shape[-1])), (*steps, memory_shape[1])

    def compute_output_spec(
        self,
        query: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        state: Any = None,
        training: bool = False,
        return_state: bool = False,
    ) -> tuple[Any, ...]:
        """Return the specs of a call's outputs, with the next state if `return_state` is true."""
        shapes = self.compute_output_shape(query.shape, memory.shape)
        outputs = tuple(keras.KerasTensor(shape, self.compute_dtype) for shape in shapes)
        if not return_state:
            return outputs
        if state is None:
            state = _InitialState(self).compute_output_spec(memory, memory_mask)
        rows = query.shape[0]
        spec = map_state(lambda x: keras.KerasTensor((rows, *x.shape[1:]), "float32"), state)
        return (*outputs, spec)

    def context_width(self, memory_width: int) -> int:
        """Return the width of the context for a memory of width `memory_width`."""
        return memory_width


class _InitialState(keras.Operation):
    """A mechanism's `initial_state` as an operation whose output shapes Keras can infer."""

    def __init__(self, mechanism: AttentionMechanism) -> None:
        super().__init__()
        self.mechanism = mechanism

    def call(self, memory: Tensor, memory_mask: Tensor | None = None) -> Any:
        """Return the state before the first step."""
        return self.mechanism.initial_state(memory, memory_mask)


def map_state(function: Callable[[Tensor], Tensor], state: Any) -> Any:
    """Apply `function` to every tensor of a nested state, which may hold no tensors."""
    return keras.tree.map_structure(function, state) if keras.tree.flatten(state) else state


def _checked_initializer(initializer: Any) -> Any:
    """Return an initializer, or the name of a default initializer.

    Each weight creates its own initializer from the name, with its own seed.
    """
    if initializer in ("glorot_uniform", "zeros"):
        return initializer
    return keras.initializers.get(initializer)


def _copy_of(initializer: Any) -> Any:
    """Copy an initializer for one weight: a Keras initializer returns equal values in each call."""
    return initializer.clone() if hasattr(initializer, "clone") else initializer


def _one_query_each(query: Tensor, memory: Tensor) -> bool:
    """Return whether each source has one query; False if the sizes are not known."""
    return query.shape[0] is not None and query.shape[0] == memory.shape[0]


def _group_by_source(query: Tensor, memory: Tensor) -> Tensor:
    """Reshape one step's queries `[B * K, D]` to `[B, K, D]`, one row per source."""
    if _one_query_each(query, memory):
        return ops.expand_dims(query, 1)
    sources = ops.shape(memory)[0]
    # Avoid dividing by zero on an empty batch; JAX needs static ints here.
    least_one = max(sources, 1) if isinstance(sources, int) else ops.maximum(sources, 1)
    per_source = ops.shape(query)[0] // least_one
    return ops.reshape(query, (sources, per_source, query.shape[-1]))
