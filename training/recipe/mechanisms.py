"""The attention that a recipe names, with what its settings say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from keras_attention.attention.bahdanau_attention import BahdanauAttention
from keras_attention.attention.base.attention_mechanism import AttentionMechanism
from keras_attention.attention.chunkwise_attention import ChunkwiseAttention
from keras_attention.attention.coverage_attention import CoverageAttention
from keras_attention.attention.external_memory_attention import ExternalMemoryAttention
from keras_attention.attention.local_attention import LocalAttention
from keras_attention.attention.location_aware_attention import LocationAwareAttention
from keras_attention.attention.luong_attention import LuongAttention
from keras_attention.attention.monotonic_attention import MonotonicAttention
from keras_attention.attention.peeky_attention import PeekyAttention
from keras_attention.attention.query_key_value_attention import QueryKeyValueAttention
from keras_attention.attention.scaled_dot_product_attention import ScaledDotProductAttention

from .sections import ModelConfig


@dataclass(frozen=True)
class _Plan:
    """What mechanisms are built from.

    Attributes:
        config: the section that names one.
        reach: rows of a score by location.
        policy: the dtype policy.
    """

    config: ModelConfig
    reach: int
    policy: str

    @property
    def units(self) -> int:
        """Width of a score's small network."""
        return self.config.attention_units or self.config.units

    def luong(self) -> LuongAttention:
        """A score of Luong's."""
        score = self.config.score
        return LuongAttention(
            score,
            scale=self.config.scale,
            units=self.units if score == "concat" else None,
            max_source_length=self.reach if score == "location" else None,
            **self.options,
        )

    def bahdanau(self, *, normalize: bool = False) -> BahdanauAttention:
        """Bahdanau's score."""
        normalize = normalize or self.config.normalize
        return BahdanauAttention(self.units, normalize=normalize, **self.options)

    def scaled_dot_product(self) -> ScaledDotProductAttention:
        """A Transformer's score."""
        return ScaledDotProductAttention(**self.options)

    def content(self, papers: Callable[[], AttentionMechanism]) -> AttentionMechanism:
        """The score that another mechanism stands on: its paper's, or which the recipe names."""
        known = {"paper": papers, "bahdanau": self.bahdanau, "luong": self.luong}
        return known[self.config.content]()

    @property
    def options(self) -> dict[str, Any]:
        """What every mechanism with a mapping takes."""
        return {"dtype": self.policy, "mapping": self.config.mapping}


def build_attention(
    config: ModelConfig, max_source_length: int, policy: str = "float32"
) -> AttentionMechanism | None:
    """The mechanism that a recipe names; `None` for the fixed-vector model.

    Args:
        config: the section that names it.
        max_source_length: rows of a score by location.
        policy: its dtype policy.
    """
    if config.attention == "none":
        return None
    return MECHANISMS[config.attention](_Plan(config, max_source_length, policy))


def _local(plan: _Plan, *, predictive: bool = False) -> AttentionMechanism:
    content = plan.content(plan.luong)
    return LocalAttention(content, plan.config.window, predictive=predictive, dtype=plan.policy)


def _monotonic(plan: _Plan) -> AttentionMechanism:
    content = plan.content(partial(plan.bahdanau, normalize=True))
    return MonotonicAttention(content, dtype=plan.policy)


def _chunkwise(plan: _Plan) -> AttentionMechanism:
    content = plan.content(partial(plan.bahdanau, normalize=True))
    return ChunkwiseAttention(content, plan.config.window, dtype=plan.policy)


def _multi_head(plan: _Plan) -> AttentionMechanism:
    heads = plan.config.heads
    return QueryKeyValueAttention(
        plan.units // heads,
        heads=heads,
        content=plan.content(plan.scaled_dot_product),
        dtype=plan.policy,
    )


def _seeing_itself(
    kind: type[LocationAwareAttention] | type[CoverageAttention], plan: _Plan
) -> AttentionMechanism:
    return kind(
        plan.units,
        normalize=plan.config.normalize,
        mapping=plan.config.mapping,
        dtype=plan.policy,
    )


MECHANISMS: dict[str, Callable[[_Plan], AttentionMechanism]] = {
    "bahdanau": _Plan.bahdanau,
    "luong": _Plan.luong,
    "local-m": _local,
    "local-p": partial(_local, predictive=True),
    "location-aware": partial(_seeing_itself, LocationAwareAttention),
    "coverage": partial(_seeing_itself, CoverageAttention),
    "monotonic": _monotonic,
    "chunkwise": _chunkwise,
    "multi-head": _multi_head,
    "external-memory": lambda plan: ExternalMemoryAttention(plan.units, **plan.options),
    "peeky": lambda plan: PeekyAttention(dtype=plan.policy),
}
"""How each `model.attention` but "none" is built."""
