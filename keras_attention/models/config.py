"""The settings of a `Seq2Seq`, each declared once, for its constructor and for recipes.

Nothing here needs Keras: recipes are checked before it is imported.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import Any

from keras_attention.errors import SettingError
from keras_attention.settings.layer_rules import (
    BRIDGES,
    MERGES,
    PLACEMENTS,
    RNNS,
    check_input_feeding,
    check_rnn,
    check_transformer_width,
    direction_units,
)
from keras_attention.settings.setting import Settings, redeclare, setting

ENCODERS = ("bilstm", "gnmt", "transformer")
DECODERS = ("lstm", "gnmt", "transformer")
TIES = ("none", "target", "all")

WIDEST = 16_384
"""Largest width of a layer, whose matrices have the square of it."""

_OF_LSTMS = ("rnn", "merge", "bridge", "layer_norm", "recurrent_dropout")
_RATE = {"minimum": 0, "below": 1}
_OWN_RATE = {"kind": float, "unset": -1.0, **_RATE}


def _is_layer(value: object) -> bool:
    """Whether a value is a Keras layer; importing Keras to ask would take seconds."""
    return callable(getattr(value, "get_config", None))


_LAYER = {"other": _is_layer, "other_doc": "a Keras layer"}


@dataclass(frozen=True, kw_only=True)
class LayerConfig(Settings):
    """The settings that encoder, bridge, decoder and output are made of.

    A `Seq2Seq` and the section `[model]` of a recipe both have them.

    Attributes:
        attention: an `AttentionMechanism` or `None`; in a recipe, its name or "none".
    """

    attention: Any = field(default=None, compare=False)
    encoder: str = setting(
        "bilstm",
        "what reads the source: BiLSTMEncoder, GNMTEncoder or TransformerEncoder",
        choices=ENCODERS,
    )
    decoder: str = setting(
        "lstm",
        "what writes the target, over any encoder: AttentionCell, GNMTCell or TransformerCell",
        choices=DECODERS,
    )
    rnn: str = setting(
        "lstm",
        "recurrent layers of encoders and decoders other than Transformers: lstm, or gru (Cho et "
        "al. 2014)",
        choices=RNNS,
    )
    heads: int = setting(
        4,
        "heads of a Transformer's self-attention; they divide `units`",
        minimum=1,
        maximum=1_000,
    )
    feed_forward: int | None = setting(
        None,
        "width of a Transformer's feed-forward layers; 4 * units unless it is set",
        kind=int,
        unset=0,
        minimum=1,
        maximum=4 * WIDEST,
    )
    copying: bool = setting(
        False, "copy source tokens from where the decoder looks (pointer-generator)"
    )
    placement: str = setting(
        "after",
        "attend before the LSTM (Bahdanau) or after it (Luong); of decoder lstm",
        choices=PLACEMENTS,
    )
    input_feeding: bool = setting(False, "feed the attentional vector back (placement after only)")
    embedding: int = setting(256, "width of a token's embedding", minimum=1, maximum=WIDEST)
    units: int = setting(
        256,
        "width of the decoder and of the memory; even where an encoder's directions are "
        "concatenated, and for a Transformer",
        minimum=1,
        maximum=WIDEST,
    )
    encoder_layers: int = setting(1, "stacked encoder layers", minimum=1, maximum=100)
    decoder_layers: int = setting(1, "stacked decoder layers", minimum=1, maximum=100)
    merge: str = setting("concat", "how both directions of an encoder join", choices=MERGES)
    bridge: str = setting("dense", "how the decoder's state starts", choices=BRIDGES)
    dropout: float = setting(
        0.0, "share dropped of embeddings, between layers and before the logits", **_RATE
    )
    embedding_dropout: float | None = setting(
        None, "share dropped of embeddings alone; dropout unless it is set", **_OWN_RATE
    )
    memory_dropout: float = setting(0.0, "share dropped of the encoder's outputs", **_RATE)
    output_dropout: float | None = setting(
        None, "share dropped before the logits alone; dropout unless it is set", **_OWN_RATE
    )
    recurrent_dropout: float = setting(
        0.0,
        "share dropped of every LSTM's previous state, the same at all steps (Gal and Ghahramani "
        "2016)",
        **_RATE,
    )
    layer_norm: bool = setting(False, "layer-normalised LSTMs (Ba et al. 2016)")
    deep_output: bool = setting(
        False, "predict from context and previous token too (Bahdanau et al. 2015)"
    )
    tie_embeddings: str = setting(
        "none",
        "share the target embeddings with the output projection (Press and Wolf 2017), or with the "
        "sources' as well",
        choices=TIES,
    )
    attention_units: int | None = setting(
        None,
        "width of the attentional vector; units unless it is set",
        kind=int,
        unset=0,
        minimum=1,
        maximum=WIDEST,
    )

    @property
    def attends(self) -> bool:
        """Whether the decoder has an attention mechanism."""
        return self.attention not in (None, "none")

    @property
    def projects(self) -> bool:
        """Whether the decoder's output is a projection, `attention_units` wide."""
        return self.deep_output or (
            self.attends and (self.decoder, self.placement) == ("lstm", "after")
        )

    @property
    def output_width(self) -> int:
        """Width of the decoder's output."""
        own: int | None = getattr(self.decoder, "output_width", None)
        return own or (self.attention_units if self.projects else None) or self.units

    @property
    def unread(self) -> frozenset[str]:
        """Names of the settings that no encoder, bridge or decoder of this kind reads."""
        kinds = self.encoder, self.decoder
        encoder, decoder = (kind in ("bilstm", "lstm", "gnmt") for kind in kinds)
        placed = self.decoder == "lstm" and self.attends
        conditions = {
            "heads": "transformer" in kinds,
            "feed_forward": "transformer" in kinds,
            "attention_units": self.projects,
            "placement": placed,
            "input_feeding": placed,
            "merge": encoder,
            "bridge": self.decoder != "transformer",
            "rnn": encoder or decoder,
            "layer_norm": encoder or decoder,
            "recurrent_dropout": encoder or self.decoder != "transformer",
        }
        return frozenset(name for name, read in conditions.items() if not read)

    def least_parameters(self, source_tokens: int, target_tokens: int) -> int:
        """Return a number of weights that the model exceeds, without building it.

        It counts embeddings and the matrices that every kind of layer has at least: those of the
        LSTM's recurrence, or of a Transformer's attention.

        Args:
            source_tokens: size of the source vocabulary.
            target_tokens: size of the target vocabulary.
        """
        layers = 2 * self.encoder_layers + 4 * self.decoder_layers
        tokens = target_tokens + (0 if self.tie_embeddings == "all" else source_tokens)
        return layers * self.units**2 + tokens * self.embedding

    def check_together(self) -> None:
        """Check that settings fit each other.

        Raises:
            SettingError: if a layer cannot be made of them, or one that only LSTMs read is set
                without LSTMs.
        """
        self._check_unread()
        self._check_decoder()
        self._check_widths()
        self._check_ties()

    def _check_decoder(self) -> None:
        check_rnn(self.rnn, self.layer_norm)
        if not isinstance(self.decoder, str):
            self._refuse("input_feeding", "is a cell of your own")
            self._refuse("deep_output", "is a cell of your own")
        elif self.decoder != "lstm" and not self.attends:
            raise SettingError(
                "decoder",
                f"must be 'lstm' without an `attention`. Received: decoder={self.decoder!r}, "
                f"attention={self.attention!r}.",
            )
        elif self.decoder == "gnmt":
            self._refuse("input_feeding", "feeds the context to every layer")
        elif self.decoder == "transformer":
            self._refuse("input_feeding", "has no such output")
            self._refuse("deep_output", "has no such output")
        elif self.attends:
            check_input_feeding(self.input_feeding, self.attention, self.placement)

    def _refuse(self, name: str, reason: str) -> None:
        if getattr(self, name):
            raise SettingError(
                name,
                f"does not fit decoder={self.decoder!r}, which {reason}. Received: {name}=True.",
            )

    def _check_widths(self) -> None:
        if "transformer" in (self.encoder, self.decoder):
            check_transformer_width(self.units, self.heads)
        if self.encoder in ("bilstm", "gnmt"):
            direction_units(self.units, self.merge)

    def _check_unread(self) -> None:
        defaults = {known.key: known.default for known in LayerConfig.settings()}
        for name in _OF_LSTMS:
            if name in self.unread and getattr(self, name) != defaults[name]:
                raise SettingError(
                    name,
                    f"is of LSTMs and must be {defaults[name]!r}, its default, with "
                    f"encoder={self.encoder!r} and decoder={self.decoder!r}. "
                    f"Received: {name}={getattr(self, name)!r}.",
                )

    def _check_ties(self) -> None:
        if self.tie_embeddings != "none" and self.output_width != self.embedding:
            raise SettingError(
                "tie_embeddings",
                "needs outputs as wide as the embeddings: set "
                f"`{'attention_units' if self.projects else 'units'}` to `embedding`. "
                f"Received: embedding={self.embedding} and outputs of {self.output_width}.",
            )


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig(LayerConfig):
    """All settings of a `Seq2Seq`.

    Raises:
        SettingError: if a setting is out of range or does not fit the others.

    Example:
        >>> config = Seq2SeqConfig(source_vocabulary_size=10, target_vocabulary_size=12, units=8)
        >>> config.units, config.embedding, config.attends
        (8, 256, False)
    """

    source_vocabulary_size: int | None = setting(
        MISSING,
        "number of source ids; None where the encoder reads features, of a `source_shape`",
        kind=int,
        other=lambda value: value is None,
        minimum=1,
    )
    target_vocabulary_size: int = setting(MISSING, "number of target ids", kind=int, minimum=1)
    source_shape: tuple[int | None, ...] | None = field(default=None)
    encoder: Any = redeclare(LayerConfig, "encoder", **_LAYER)
    decoder: Any = redeclare(LayerConfig, "decoder", **_LAYER)
    max_target_length: int | None = setting(
        None,
        "most steps of a search with decoder transformer, which needs it",
        kind=int,
        minimum=1,
    )
    scheduled_sampling: bool = setting(
        False,
        "let `sampler.rate`, a variable in [0, 1], say how many of the previous target tokens are "
        "the model's own in training (Bengio et al. 2015, sampled in one parallel pass as by "
        "Duckworth et al. 2019)",
    )
    l2: float = setting(0.0, "weight in the loss of the squared norm of all matrices", minimum=0)
    coverage_loss: float = setting(
        0.0, "weight in the loss of attending twice to the same source token", minimum=0
    )
    guided_alignment: float = setting(
        0.0,
        "weight in the loss of leaving the given alignment, a third input of `fit`",
        minimum=0,
    )

    def check_together(self) -> None:
        """Check that settings fit each other, the attention and the vocabularies.

        Raises:
            SettingError: if they do not.
        """
        for name in ("coverage_loss", "guided_alignment", "copying"):
            if getattr(self, name) and not self.attends:
                raise SettingError(name, "needs `attention`. Received: attention=None.")
        self._check_source()
        super().check_together()
        if self.decoder == "transformer" and self.max_target_length is None:
            raise SettingError(
                "max_target_length",
                "must be given with decoder='transformer', a positive integer. "
                "Received: max_target_length=None.",
            )
        sizes = self.source_vocabulary_size, self.target_vocabulary_size
        if self.tie_embeddings == "all" and sizes[0] != sizes[1]:
            raise SettingError(
                "tie_embeddings",
                "'all' needs one joint vocabulary. Received: "
                f"source_vocabulary_size={sizes[0]}, target_vocabulary_size={sizes[1]}.",
            )

    def _check_source(self) -> None:
        if (self.source_vocabulary_size is None) == (self.source_shape is None):
            raise SettingError(
                "source_shape",
                "must be given, such as (None, 13) for steps of 13 numbers, where "
                "source_vocabulary_size=None, and only there. Received: "
                f"source_vocabulary_size={self.source_vocabulary_size}, "
                f"source_shape={self.source_shape}.",
            )
        if self.source_shape is None:
            return
        object.__setattr__(self, "source_shape", tuple(self.source_shape))
        if self.copying:
            raise SettingError("copying", "needs ids. Received: source_vocabulary_size=None.")
