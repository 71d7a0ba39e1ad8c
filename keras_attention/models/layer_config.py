"""The settings of a model's parts, for the constructor of a `Seq2Seq` and for recipes.

Nothing here imports Keras, so that recipes can be checked without waiting for the import.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from keras_attention.errors import SettingError
from keras_attention.settings.layer_rules import (
    BRIDGES,
    FEATURE_MERGES,
    MAPPING_NAMES,
    MERGES,
    PLACEMENTS,
    RNNS,
    check_input_feeding,
    check_rnn,
    check_transformer_width,
    direction_units,
)
from keras_attention.settings.setting import Settings, setting

ENCODERS = ("bilstm", "gnmt", "transformer")
DECODERS = ("lstm", "gnmt", "transformer")
TIES = ("none", "target", "all")

WIDEST = 16_384
"""The largest width of a layer. A matrix can have as many weights as the square of a width."""

_RECURRENT_ONLY = ("rnn", "merge", "bridge", "layer_norm", "recurrent_dropout")
_RATE = {"minimum": 0, "below": 1}
_OPTIONAL_RATE = {"kind": float, "unset": -1.0, **_RATE}


@dataclass(frozen=True, kw_only=True)
class LayerConfig(Settings):
    """The settings of encoder, bridge, decoder and output.

    They are arguments of a `Seq2Seq` and keys of the section `[model]` of a recipe.

    Attributes:
        attention: an `AttentionMechanism` or `None`; in a recipe, its name or "none".
    """

    attention: Any = field(default=None, compare=False)
    encoder: str = setting(
        "bilstm",
        "layer that encodes the source: BiLSTMEncoder, GNMTEncoder or TransformerEncoder",
        choices=ENCODERS,
    )
    decoder: str = setting(
        "lstm",
        "cell that generates the target: AttentionCell, GNMTCell or TransformerCell; each works "
        "with every encoder",
        choices=DECODERS,
    )
    rnn: str = setting(
        "lstm",
        "kind of recurrent layers in encoders and decoders other than Transformers: lstm, or gru "
        "(Cho et al. 2014)",
        choices=RNNS,
    )
    heads: int = setting(
        4,
        "number of heads of a Transformer's self-attention; must divide `units`",
        minimum=1,
        maximum=1_000,
    )
    feed_forward: int | None = setting(
        None,
        "width of a Transformer's feed-forward layers; 4 * units if unset",
        kind=int,
        unset=0,
        minimum=1,
        maximum=4 * WIDEST,
    )
    output_mapping: str = setting(
        "softmax",
        "function that turns logits into the probabilities of target tokens; sparsemax and "
        "entmax15 give most tokens a probability of exactly 0 and have their own loss, "
        "MaskedFenchelYoung (Peters et al. 2019)",
        choices=MAPPING_NAMES,
    )
    copying: bool = setting(
        False,
        "copy source tokens through the alignment (pointer-generator); requires output_mapping "
        "softmax",
    )
    placement: str = setting(
        "after",
        "attend before the LSTM (Bahdanau) or after it (Luong); only for decoder lstm",
        choices=PLACEMENTS,
    )
    input_feeding: bool = setting(
        False, "pass the attentional vector to the next step; requires placement after"
    )
    embedding: int = setting(256, "width of token embeddings", minimum=1, maximum=WIDEST)
    feature_embedding: int = setting(
        20,
        "width of the embedding of each source feature; only for feature_merge concat",
        minimum=1,
        maximum=WIDEST,
    )
    feature_merge: str = setting(
        "concat",
        "how to join the embeddings of source features to the embedding of every source token",
        choices=FEATURE_MERGES,
    )
    units: int = setting(
        256,
        "width of the decoder and of the memory; must be even with merge concat and for a "
        "Transformer",
        minimum=1,
        maximum=WIDEST,
    )
    encoder_layers: int = setting(1, "number of encoder layers", minimum=1, maximum=100)
    decoder_layers: int = setting(1, "number of decoder layers", minimum=1, maximum=100)
    merge: str = setting(
        "concat", "how to join the two directions of a bidirectional encoder", choices=MERGES
    )
    bridge: str = setting(
        "dense",
        "how to compute the decoder's first state from the encoder's final states",
        choices=BRIDGES,
    )
    dropout: float = setting(
        0.0, "dropout rate of embeddings, between layers and before the logits", **_RATE
    )
    embedding_dropout: float | None = setting(
        None, "dropout rate of embeddings; the value of dropout if unset", **_OPTIONAL_RATE
    )
    memory_dropout: float = setting(0.0, "dropout rate of the encoder's outputs", **_RATE)
    output_dropout: float | None = setting(
        None, "dropout rate before the logits; the value of dropout if unset", **_OPTIONAL_RATE
    )
    recurrent_dropout: float = setting(
        0.0,
        "dropout rate of the previous state of every recurrent layer, with one mask for all steps "
        "(Gal and Ghahramani 2016)",
        **_RATE,
    )
    layer_norm: bool = setting(False, "layer normalisation in the LSTMs (Ba et al. 2016)")
    deep_output: bool = setting(
        False, "predict from the context and the previous token too (Bahdanau et al. 2015)"
    )
    tie_embeddings: str = setting(
        "none",
        "share the target embeddings with the output projection (target; Press and Wolf 2017), or "
        "also with the source embeddings (all)",
        choices=TIES,
    )
    attention_units: int | None = setting(
        None,
        "width of the attentional vector; units if unset",
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
    def drops_out(self) -> bool:
        """Whether any layer has dropout; a custom encoder or decoder may have its own."""
        names = [known.key for known in LayerConfig.settings() if known.key.endswith("dropout")]
        rates = (getattr(self, name) for name in names if name not in self.unread)
        custom = not (isinstance(self.encoder, str) and isinstance(self.decoder, str))
        return custom or any(rate is not None and rate > 0 for rate in rates)  # unset: None or -1

    @property
    def projects(self) -> bool:
        """Whether the decoder's output is a projection, `attention_units` wide."""
        return self.deep_output or (
            self.attends and (self.decoder, self.placement) == ("lstm", "after")
        )

    @property
    def output_width(self) -> int:
        """The width of the decoder's output."""
        of_cell: int | None = getattr(self.decoder, "output_width", None)
        return of_cell or (self.attention_units if self.projects else None) or self.units

    @property
    def unread(self) -> frozenset[str]:
        """The names of the settings that the encoder, bridge and decoder do not use."""
        kinds = self.encoder, self.decoder
        recurrent_encoder, recurrent_decoder = (
            kind in ("bilstm", "lstm", "gnmt") for kind in kinds
        )
        has_placement = self.decoder == "lstm" and self.attends
        used = {
            "heads": "transformer" in kinds,
            "feed_forward": "transformer" in kinds,
            "attention_units": self.projects,
            "feature_embedding": self.feature_merge == "concat",
            "placement": has_placement,
            "input_feeding": has_placement,
            "merge": recurrent_encoder,
            "bridge": self.decoder != "transformer",
            "rnn": recurrent_encoder or recurrent_decoder,
            "layer_norm": recurrent_encoder or recurrent_decoder,
            "recurrent_dropout": recurrent_encoder or self.decoder != "transformer",
        }
        return frozenset(name for name, is_used in used.items() if not is_used)

    def least_parameters(self, source_tokens: int, target_tokens: int) -> int:
        """Return a lower bound on the number of weights, without building the model.

        It counts the embeddings and the matrices that every layer has: the recurrent matrices of an
        LSTM, or the attention matrices of a Transformer.

        Args:
            source_tokens: size of the source vocabulary.
            target_tokens: size of the target vocabulary.
        """
        layers = 2 * self.encoder_layers + 4 * self.decoder_layers
        tokens = target_tokens + (0 if self.tie_embeddings == "all" else source_tokens)
        return layers * self.units**2 + tokens * self.embedding

    def check_together(self) -> None:
        """Check settings that depend on each other.

        Raises:
            SettingError: if no layer supports a combination, or if a setting that only recurrent
                layers use is changed although there are no such layers.
        """
        self._check_unread()
        self._check_output()
        self._check_decoder()
        self._check_widths()
        self._check_ties()

    def _check_output(self) -> None:
        if self.copying and self.output_mapping != "softmax":
            raise SettingError(
                "output_mapping",
                "must be 'softmax' with copying, because no sparse loss can train a copying model. "
                f"Received: output_mapping={self.output_mapping!r}, copying=True.",
            )

    def _check_decoder(self) -> None:
        check_rnn(self.rnn, self.layer_norm)
        if not isinstance(self.decoder, str):
            self._refuse("input_feeding", "is a custom cell")
            self._refuse("deep_output", "is a custom cell")
        elif self.decoder != "lstm" and not self.attends:
            raise SettingError(
                "decoder",
                f"must be 'lstm' without an `attention`. Received: decoder={self.decoder!r}, "
                f"attention={self.attention!r}.",
            )
        elif self.decoder == "gnmt":
            self._refuse("input_feeding", "passes the context to every layer instead")
        elif self.decoder == "transformer":
            self._refuse("input_feeding", "has no attentional vector")
            self._refuse("deep_output", "has no deep output")
        elif self.attends:
            check_input_feeding(self.input_feeding, self.attention, self.placement)

    def _refuse(self, name: str, reason: str) -> None:
        if getattr(self, name):
            raise SettingError(
                name,
                f"must be false with decoder={self.decoder!r}, which {reason}. "
                f"Received: {name}=True.",
            )

    def _check_widths(self) -> None:
        if "transformer" in (self.encoder, self.decoder):
            check_transformer_width(self.units, self.heads)
        if self.encoder in ("bilstm", "gnmt"):
            direction_units(self.units, self.merge)

    def _check_unread(self) -> None:
        defaults = {known.key: known.default for known in LayerConfig.settings()}
        for name in _RECURRENT_ONLY:
            if name in self.unread and getattr(self, name) != defaults[name]:
                raise SettingError(
                    name,
                    f"must be {defaults[name]!r}, its default, with encoder={self.encoder!r} and "
                    f"decoder={self.decoder!r}, which do not use it. "
                    f"Received: {name}={getattr(self, name)!r}.",
                )

    def _check_ties(self) -> None:
        if self.tie_embeddings != "none" and self.output_width != self.embedding:
            raise SettingError(
                "tie_embeddings",
                "requires outputs as wide as the embeddings: set "
                f"`{'attention_units' if self.projects else 'units'}` to `embedding`. "
                f"Received: embedding={self.embedding} and outputs of {self.output_width}.",
            )
