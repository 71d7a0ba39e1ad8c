"""The section `[model]` of a recipe: the architecture and its attention mechanism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_attention.attention.registry import MECHANISMS, SCORES, Mechanism
from keras_attention.decoding.options import LONGEST
from keras_attention.errors import InputError, SettingError
from keras_attention.models.layer_config import LayerConfig
from keras_attention.settings.layer_rules import MAPPING_NAMES
from keras_attention.settings.setting import Settings, redeclare, setting

from .settings import Section

if TYPE_CHECKING:
    from keras_attention.attention.base.attention_mechanism import AttentionMechanism


@dataclass(frozen=True)
class MechanismConfig(Settings):
    """The settings that only attention mechanisms use; each mechanism uses some of them."""

    attention: str = setting("bahdanau", "attention mechanism", choices=MECHANISMS.keys())
    score: str = setting(
        "general", "score of Luong attention", choices=("dot", "general", "concat", "location")
    )
    normalize: bool = setting(False, "use the normalized Bahdanau score")
    scale: bool = setting(False, "use the scaled Luong score")
    content: str = setting(
        "paper",
        f"score of {', '.join(name for name, row in MECHANISMS.items() if row.content)}; "
        "paper: the score that the mechanism's paper uses",
        choices=SCORES.keys(),
    )
    mapping: str = setting(
        "softmax",
        "function that turns scores into weights",
        choices=MAPPING_NAMES,
    )
    window: int = setting(
        5,
        "local attention: source tokens on each side of the center; chunkwise attention: tokens in "
        "a chunk",
        minimum=1,
        maximum=LONGEST,
    )


@dataclass(frozen=True)
class ModelConfig(Section, MechanismConfig, LayerConfig):
    """The architecture. Settings that its parts do not use are ignored or rejected."""

    section = "model"
    source_embeddings: str = setting(
        "", "word2vec, fastText or GloVe file with initial source embeddings; empty: none"
    )
    target_embeddings: str = setting(
        "", "word2vec, fastText or GloVe file with initial target embeddings; empty: none"
    )

    # Their defaults or descriptions differ from those of the arguments of `Seq2Seq`.
    placement: str = redeclare(LayerConfig, "placement", default="before")
    units: int = redeclare(LayerConfig, "units", default=512)
    heads: int = redeclare(
        LayerConfig, "heads", doc="heads of multi-head attention and of Transformers"
    )
    attention_units: int | None = redeclare(
        LayerConfig,
        "attention_units",
        doc="width of the additive score and of the attentional vector; units by default",
    )

    @property
    def mechanism(self) -> Mechanism:
        """The row of the registry that declares the mechanism."""
        return MECHANISMS[self.attention]

    @property
    def mechanism_settings(self) -> dict[str, Any]:
        """The values by name from which the mechanism is built."""
        return {**dict(self.values()), "attention_units": self.attention_units or self.units}

    def build_attention(
        self, max_source_length: int, policy: str = "float32"
    ) -> AttentionMechanism | None:
        """Return the attention mechanism, or `None` for `attention = "none"`.

        Args:
            max_source_length: the number of source positions that the location score covers.
            policy: the dtype policy of the mechanism.
        """
        settings = {**self.mechanism_settings, "max_source_length": max_source_length}
        return self.mechanism.build(settings, dtype=policy)

    @property
    def read_by_mechanism(self) -> frozenset[str]:
        """The names of the settings that the mechanism is built from."""
        return self.mechanism.reads(self.mechanism_settings)

    @property
    def ignored_settings(self) -> frozenset[str]:
        """The names of the settings that have no effect, given the other settings."""
        of_mechanisms = {known.key for known in MechanismConfig.settings()} - {"attention"}
        return (self.unread | of_mechanisms) - self.read_by_mechanism

    @property
    def scores_by_location(self) -> bool:
        """Whether the mechanism's score has `data.max_source_length` rows."""
        return "max_source_length" in self.read_by_mechanism

    def check_together(self) -> None:
        """Check the rules that combine several settings."""
        super().check_together()
        self._check_mechanism()
        if self.tie_embeddings == "all" and self.source_embeddings and self.target_embeddings:
            raise SettingError(
                "source_embeddings",
                "and `target_embeddings` initialize the same table with tie_embeddings='all'; set "
                "only one of them. "
                f"Received: {self.source_embeddings!r} and {self.target_embeddings!r}.",
            )

    def _check_mechanism(self) -> None:
        settings = self.mechanism_settings
        for names, rule in self.mechanism.rules.items():
            try:
                rule(*(settings[name] for name in names))
            except ValueError as error:
                own = ["units" if settings[name] != getattr(self, name) else name for name in names]
                keys = " and ".join(f"`model.{name}`" for name in own)
                raise InputError(
                    f"{keys} with model.attention={self.attention!r}: {error}"
                ) from None
