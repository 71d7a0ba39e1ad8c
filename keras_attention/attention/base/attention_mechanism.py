"""What every attention mechanism shares: keys, weights and the context vector."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_attention.attention.base.configured import Configured
from keras_attention.ops.dense import MatrixDense
from keras_attention.ops.mappings import MAPPINGS
from keras_attention.ops.masking import Tensor as Tensor
from keras_attention.ops.time_loop import time_loop
from keras_attention.settings.arguments import checked_choice as checked_choice
from keras_attention.settings.arguments import checked_rate as checked_rate
from keras_attention.settings.arguments import checked_units as checked_units


class AttentionMechanism(Configured, keras.layers.Layer):
    """Base class: `context = sum_s alignment_s * memory_s`, `alignment = softmax(score)`.

    A new score overrides `_score(query, keys)`, and `project(memory)` where its keys are not the
    memory itself. Nothing is kept on the layer between calls: a decoder's loop calls
    `keys = mechanism.project(memory)` once and passes them to every step.

    A mechanism whose weights depend on the steps before (where it looked, how often) is
    `recurrent`: it overrides `initial_state`, `state_structure` and `_attend`, and its state goes
    in and out of every step.

    Args:
        mapping: from scores to weights: `"softmax"`, or one of those that give many positions
            exactly nothing, `"sparsemax"` (Martins and Astudillo 2016) and `"entmax15"`
            (1.5-entmax, Peters et al. 2019). Default `"softmax"`.
        kernel_initializer: initializer of the matrices, if there are any, as Keras's layers take
            it. Default `"glorot_uniform"`.
        bias_initializer: initializer of the biases, if there are any. Default `"zeros"`.
        kernel_regularizer: regularizer of the matrices. Default `None`.
        bias_regularizer: regularizer of the biases. Default `None`.

    Call arguments:
        query: float tensor, one step `[B, D]` or all steps `[B, T, D]`. One step may be that of
            `K` hypotheses a source, `[B * K, D]`, which share its memory.
        memory: float tensor `[B, S, M]`, the encoder's outputs.
        memory_mask: boolean tensor `[B, S]`, True where the source token is real. Taken from
            Keras's mask propagation when it is not given.
        keys: `project(memory)` of an earlier call, `[B, S, U]`; computed when it is not given.
        state: what the step before returned, or `initial_state`; the latter when it is not
            given. Of `K` hypotheses a source it has `B * K` rows.
        training: whether the weights are those of training, where the mechanism makes a
            difference.
        return_state: whether the state is returned too. Default `False`.

    Returns:
        `(context, alignment)`: `[B, M]` and `[B, S]` for one step (`B * K` rows for hypotheses),
        `[B, T, M]` and `[B, T, S]` for all steps. A row of memory that is all padding gets zero
        weights and a zero context. With `return_state` also the next state.

    Raises:
        ValueError: on an unknown `mapping`.

    Reference:
        https://arxiv.org/abs/1602.02068, https://arxiv.org/abs/1905.05702
    """

    recurrent = False
    """Whether the weights of a step depend on the steps before."""

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
        super().__init__(autocast=False, **kwargs)  # a cast would narrow the state too
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
            kernel_initializer=_own(self.kernel_initializer),
            bias_initializer=_own(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            dtype=self.dtype_policy if dtype is None else dtype,
            name=name,
        )

    def _vector(self, units: int, name: str) -> Any:
        """Add a weight `[units]`, initialized and regularized as a matrix `[units, 1]`."""
        initializer = keras.initializers.get(_own(self.kernel_initializer))

        def start(shape: Any, dtype: Any = None) -> Tensor:
            return ops.reshape(initializer((*shape, 1), dtype=dtype), shape)

        return self.add_weight(
            shape=(units,), initializer=start, regularizer=self.kernel_regularizer, name=name
        )

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Makes the weights from the shapes `[..., D]` of the query and `[B, S, M]` of memory."""
        self.built = True

    def project(self, memory: Tensor) -> Tensor:
        """Keys `[B, S, U]` of `memory` `[B, S, M]`: what queries are compared with."""
        return ops.cast(memory, self.compute_dtype)

    def initial_state(self, memory: Tensor, memory_mask: Tensor | None = None) -> Any:
        """The first step's state, of one hypothesis a source: nested float32 `[B, ...]`, or `()`.

        A state has no dtype of its own: what adds up over steps is kept in float32.
        """
        return ()

    def state_structure(self) -> Any:
        """The nesting of the state, with a 0 for each tensor."""
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
        """Attends from `query` to `memory`; see the class for shapes."""
        keys = self.project(memory) if keys is None else keys
        query, memory, keys = (ops.cast(x, self.compute_dtype) for x in (query, memory, keys))
        mask = None if memory_mask is None else ops.expand_dims(memory_mask, 1)
        if state is None:
            state = self._first_state(query, memory, memory_mask)
        attend = self._attend_once if len(query.shape) == 2 else self._attend_always
        attended = attend(query, keys, memory, mask, state, bool(training))
        return attended if return_state else attended[:2]

    def _first_state(self, query: Tensor, memory: Tensor, memory_mask: Tensor | None) -> Any:
        """The initial state, a row a query where there are `K` hypotheses a source."""
        state = self.initial_state(memory, memory_mask)
        if len(query.shape) == 3 or _one_each(query, memory):
            return state
        per_source = ops.shape(_by_source(query, memory))[1]
        return map_state(lambda x: ops.repeat(x, per_source, axis=0), state)

    def _attend_once(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """One step of `[B * K, D]` queries, those of a source beside each other."""
        queries, rows = _by_source(query, memory), ops.shape(query)[0]
        sides = ops.shape(queries)[:2]
        state = map_state(lambda x: ops.reshape(x, (*sides, *ops.shape(x)[1:])), state)
        *outputs, state = self._attend(queries, keys, memory, mask, state, training)
        context, alignment = (ops.reshape(x, (rows, ops.shape(x)[-1])) for x in outputs)
        return (
            context,
            alignment,
            map_state(lambda x: ops.reshape(x, (rows, *ops.shape(x)[2:])), state),
        )

    def _attend_always(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """All steps `[B, T, D]`: at once, or one after the other where each needs the last."""
        if not self.recurrent:
            return self._attend(query, keys, memory, mask, state, training)

        def step(x: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
            *outputs, state = self._attend_once(x, keys, memory, mask, state, training)
            return tuple(ops.cast(each, x.dtype) for each in outputs), state

        widths = self.context_width(memory.shape[-1]), memory.shape[1]
        (context, alignment), state = time_loop(
            step, state, query, widths, self.non_trainable_variables
        )
        return context, alignment, state

    def _attend(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Any, state: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """Context `[B, N, M]`, alignment `[B, N, S]` and the next state of `N` queries a source.

        Args:
            query: `[B, N, D]`: all steps where the mechanism is not recurrent, otherwise the
                hypotheses of one step.
            keys: `[B, S, U]`.
            memory: `[B, S, M]`.
            mask: `[B, 1, S]`, or None.
            state: nested `[B, N, ...]`.
            training: whether this is training.
        """
        alignment = self._weigh(self._scores(query, keys, mask), self._visible(memory, mask))
        return ops.matmul(alignment, memory), alignment, state

    def _visible(self, memory: Tensor, mask: Tensor | None) -> Tensor | None:
        """The mask `[B, 1, S]`, or None, of what may get a weight; by default every real token."""
        return mask

    def _weigh(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        """Weights `[B, N, S]` of scores: the mapping that the layer was made with."""
        return MAPPINGS[self.mapping](scores, mask)

    def _check_built(self) -> None:
        """Keys need weights, whose shapes follow from the query too."""
        if not self.built:
            raise ValueError(
                f"`project` needs the weights of {self.name!r}: call the layer on a query and a "
                "memory first, or `build(query_shape, memory_shape)`."
            )

    def _scores(self, query: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
        """Scores `[B, T, S]` of a source whose mask is `[B, 1, S]`; by default without it."""
        return self._score(query, keys)

    def _score(self, query: Tensor, keys: Tensor) -> Tensor:
        """Scores `[B, T, S]` of queries `[B, T, D]` against keys `[B, S, U]`."""
        raise NotImplementedError(f"{type(self).__name__} must define `_score(query, keys)`.")

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> tuple[Any, None]:
        """The context keeps the query's mask; the alignment has none."""
        return (mask[0] if isinstance(mask, (list, tuple)) else mask), None

    def compute_output_shape(
        self, query_shape: Any, memory_shape: Any
    ) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        """Shapes of the context and of the alignment."""
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
        """Width of the context over a memory `memory_width` wide."""
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
    """Applies `function` to every tensor of a nested state, of which there may be none."""
    return keras.tree.map_structure(function, state) if keras.tree.flatten(state) else state


def _checked_initializer(initializer: Any) -> Any:
    """Return an initializer; default names stay strings, so that each weight draws its own seed."""
    if initializer in ("glorot_uniform", "zeros"):
        return initializer
    return keras.initializers.get(initializer)


def _own(initializer: Any) -> Any:
    """Copy an initializer for one weight: called again, a Keras initializer repeats its values."""
    return initializer.clone() if hasattr(initializer, "clone") else initializer


def _one_each(query: Tensor, memory: Tensor) -> bool:
    """Whether every source is known to have one query; two unknown numbers may differ."""
    return query.shape[0] is not None and query.shape[0] == memory.shape[0]


def _by_source(query: Tensor, memory: Tensor) -> Tensor:
    """One step's queries `[B * K, D]` as `[B, K, D]`, beside the memory that they share."""
    if _one_each(query, memory):
        return ops.expand_dims(query, 1)
    sources = ops.shape(memory)[0]
    # Of no source there is no hypothesis. JAX reshapes to numbers alone, which are static there.
    least_one = max(sources, 1) if isinstance(sources, int) else ops.maximum(sources, 1)
    per_source = ops.shape(query)[0] // least_one
    return ops.reshape(query, (sources, per_source, query.shape[-1]))
