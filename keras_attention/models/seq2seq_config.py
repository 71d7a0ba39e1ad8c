"""The settings of a `Seq2Seq`. Like `LayerConfig`, this imports no Keras."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import Any

from keras_attention.errors import SettingError
from keras_attention.models.layer_config import LayerConfig
from keras_attention.settings.arguments import checked_units
from keras_attention.settings.setting import redeclare, setting


def _is_layer(value: object) -> bool:
    """Return whether a value is a Keras layer, without the slow import of Keras."""
    return callable(getattr(value, "get_config", None))


_LAYER = {"other": _is_layer, "other_doc": "a Keras layer"}


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig(LayerConfig):
    """All settings of a `Seq2Seq`.

    Raises:
        SettingError: if a setting is out of range or contradicts another one.

    Example:
        >>> config = Seq2SeqConfig(source_vocabulary_size=10, target_vocabulary_size=12, units=8)
        >>> config.units, config.embedding, config.attends
        (8, 256, False)
    """

    source_vocabulary_size: int | None = setting(
        MISSING,
        "number of source ids; None if the encoder reads features, whose shape is `source_shape`",
        kind=int,
        other=lambda value: value is None,
        minimum=1,
    )
    target_vocabulary_size: int = setting(MISSING, "number of target ids", kind=int, minimum=1)
    source_shape: tuple[int | None, ...] | None = field(default=None)
    source_features: tuple[int, ...] = field(default=())
    preprocessor: Any = field(default=None, compare=False)
    encoder: Any = redeclare(LayerConfig, "encoder", **_LAYER)
    decoder: Any = redeclare(LayerConfig, "decoder", **_LAYER)
    max_target_length: int | None = setting(
        None,
        "largest number of steps in a search; required by decoder transformer",
        kind=int,
        minimum=1,
    )
    scheduled_sampling: bool = setting(
        False,
        "in training, replace a share of the previous target tokens with the model's predictions; "
        "the variable `sampler.rate` in [0, 1] is the share (Bengio et al. 2015, in one parallel "
        "pass as in Duckworth et al. 2019)",
    )
    l2: float = setting(0.0, "weight of the squared norm of all matrices in the loss", minimum=0)
    coverage_loss: float = setting(
        0.0,
        "weight of the coverage loss, which penalises attending to the same source token again",
        minimum=0,
    )
    guided_alignment: float = setting(
        0.0,
        "weight of the loss that compares the alignment with the guide, the last input of `fit`",
        minimum=0,
    )
    freeze: str = setting(
        "",
        "layers whose weights training does not change: names or patterns, separated by commas, "
        "such as encoder or `*_embedding`; empty: none",
    )
    r_drop: float = setting(
        0.0,
        "weight of the loss that compares the predictions of two passes with different dropout "
        "masks (R-Drop, Liang et al. 2021); it doubles the cost of a training step",
        minimum=0,
    )

    @property
    def source_width(self) -> int:
        """The width of the encoder's inputs, if the source is ids."""
        if self.feature_merge == "sum":
            return self.embedding
        return self.embedding + self.feature_embedding * len(self.source_features)

    def check_together(self) -> None:
        """Check settings that depend on each other, on the attention or on the vocabularies.

        Raises:
            SettingError: if two settings contradict each other.
        """
        self._check_attention()
        self._check_r_drop()
        self._check_source()
        super().check_together()
        self._check_lengths()
        self._check_vocabularies()

    def _check_attention(self) -> None:
        for name in ("coverage_loss", "guided_alignment", "copying"):
            if getattr(self, name) and not self.attends:
                raise SettingError(name, "requires `attention`. Received: attention=None.")

    def _check_r_drop(self) -> None:
        if self.r_drop and not self.drops_out:
            raise SettingError(
                "r_drop",
                "requires dropout, because without it both passes are equal. "
                f"Received: r_drop={self.r_drop} and no dropout.",
            )
        if self.r_drop and self.output_mapping != "softmax":
            raise SettingError(
                "r_drop",
                "requires output_mapping='softmax', because the divergence of sparse distributions "
                f"can be infinite. Received: output_mapping={self.output_mapping!r}.",
            )

    def _check_source(self) -> None:
        """Check the settings of the source, and convert its sizes to tuples."""
        if (self.source_vocabulary_size is None) == (self.source_shape is None):
            raise SettingError(
                "source_shape",
                "must be given, such as (None, 13) for steps of 13 numbers, if and only if "
                "source_vocabulary_size=None. Received: "
                f"source_vocabulary_size={self.source_vocabulary_size}, "
                f"source_shape={self.source_shape}.",
            )
        object.__setattr__(self, "source_features", _feature_sizes(self.source_features))
        if self.source_shape is None:
            return
        if self.source_features:
            raise SettingError(
                "source_features",
                "requires token ids as the source. Received: source_vocabulary_size=None.",
            )
        object.__setattr__(self, "source_shape", tuple(self.source_shape))
        if self.copying:
            raise SettingError(
                "copying",
                "requires token ids as the source. Received: source_vocabulary_size=None.",
            )

    def _check_lengths(self) -> None:
        if self.decoder == "transformer" and self.max_target_length is None:
            raise SettingError(
                "max_target_length",
                "must be given with decoder='transformer', a positive integer. "
                "Received: max_target_length=None.",
            )

    def _check_vocabularies(self) -> None:
        sizes = self.source_vocabulary_size, self.target_vocabulary_size
        if self.tie_embeddings == "all" and sizes[0] != sizes[1]:
            raise SettingError(
                "tie_embeddings",
                "with the value 'all' requires one joint vocabulary. Received: "
                f"source_vocabulary_size={sizes[0]}, target_vocabulary_size={sizes[1]}.",
            )


def _feature_sizes(sizes: object) -> tuple[int, ...]:
    """Check and return the sizes of the source features."""
    if not isinstance(sizes, tuple | list):
        raise SettingError(
            "source_features",
            "must be the number of ids of each feature, such as (10,) for one feature. "
            f"Received: source_features={sizes!r}.",
        )
    return tuple(checked_units(size, "source_features") for size in sizes)
