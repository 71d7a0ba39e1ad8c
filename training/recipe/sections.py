"""The sections of a recipe: what can be set, what it may be, and how settings go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras_attention.attention.registry import MECHANISMS, SCORES, Mechanism
from keras_attention.decoding.options import (
    LONGEST,
    MOST_COVERAGE_PENALTY,
    MOST_LENGTH_PENALTY,
    MOST_REPETITION_PENALTY,
    WIDEST_BEAM,
)
from keras_attention.errors import InputError, SettingError
from keras_attention.models.config import LayerConfig, Seq2SeqConfig
from keras_attention.settings.setting import Settings, redeclare, setting
from keras_attention.text.normalization import FORMS
from keras_attention.text.subword_learning import MODEL_TYPES
from keras_attention.text.tokenizers import TOKENIZERS

from ..metrics.text_metrics import METRICS
from ..tasks.synthetic import TASKS
from .settings import Section

TABLES = ("tsv", "csv")
"""Values of `data.format` that are tables of columns."""

SCHEDULES = ("constant", "inverse_square_root", "cosine", "plateau")

_TABLE_SETTINGS = {
    "delimiter": ("csv",),
    "header": TABLES,
    "source_column": TABLES,
    "target_column": TABLES,
}


@dataclass(frozen=True)
class DataConfig(Section):
    """Where the pairs come from, and which are left out; `data_paths` says what paths mean."""

    section = "data"
    format: str = setting(
        "dates",
        "how the pairs are stored: free-form dates, tab-separated columns as they stand, columns "
        "with quoted fields (csv), or two parallel files; or what is made in memory: letters "
        "copied or reversed, sentences with a date",
        choices=("dates", *TABLES, "parallel", *TASKS),
    )
    delimiter: str = setting(",", 'character between the columns of csv, such as ";" or "\\t"')
    header: bool = setting(False, "the first row of tsv or csv has the names of its columns")
    source_column: str = setting(
        "", "column of sources: a number from 1, or a name of the header; empty: 1", numbers=True
    )
    target_column: str = setting("", "column of targets; empty: 2", numbers=True)
    folder: str = setting("", "folder that the paths here start at; empty: the working folder")
    language: str = setting("", "code that stands for {language} in the paths here")
    target_language: str = setting("", "code that stands for {target_language} in them")
    path: str = setting("", "training file (parallel: its sources); empty for dates: generate them")
    target_path: str = setting("", "training targets (parallel only)")
    validation_path: str = setting("", "held-out file (parallel: its sources); else see held_out")
    validation_target_path: str = setting("", "held-out targets (parallel only)")
    alignment_path: str = setting(
        "",
        "what training.guided_alignment goes by: a Pharaoh file, i-j for linked tokens of each "
        "training pair (subwords: words), or .jsonl of align --soft; empty: what the task knows",
    )
    size: int = setting(
        50000, "pairs to make in memory when there is no path", minimum=1, maximum=10_000_000
    )
    shortest: int = setting(
        4,
        "tokens of the shortest source of copy, reverse and date-sentences, without </s>",
        minimum=1,
        maximum=LONGEST,
    )
    longest: int = setting(
        10, "tokens of their longest source, without </s>", minimum=1, maximum=LONGEST
    )
    held_out: int = setting(
        5000, "pairs held out after a seeded shuffle when there is no validation_path", minimum=0
    )
    max_source_length: int = setting(
        64, "tokens with </s>; longer sources are dropped", minimum=1, maximum=LONGEST
    )
    max_target_length: int = setting(
        64, "tokens with </s>; longer targets are dropped", minimum=1, maximum=LONGEST
    )

    def __post_init__(self) -> None:
        """Checks the values, then how they go together."""
        super().__post_init__()
        self._check_columns()
        if (
            self.format in TASKS
            and not TASKS[self.format].shortest <= self.shortest <= self.longest
        ):
            raise InputError(
                f"`data.shortest` must be at least {TASKS[self.format].shortest} for "
                f"data.format={self.format!r} and not above data.longest. Received: "
                f"data.shortest={self.shortest}, data.longest={self.longest}."
            )

    def _check_columns(self) -> None:
        """Checks the settings of columns, and that the format has columns."""
        defaults = {known.key: known.default for known in self.settings()}
        for name, needs in _TABLE_SETTINGS.items():
            value = getattr(self, name)
            if value != defaults[f"data.{name}"] and self.format not in needs:
                raise InputError(
                    f"`data.{name}` requires data.format={' or '.join(map(repr, needs))}. "
                    f"Received: data.{name}={value!r}, data.format={self.format!r}."
                )
        typed_tab = self.delimiter == r"\t"  # as a shell, and a TOML string in ' ', pass it on
        if not typed_tab and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise InputError(
                "`data.delimiter` must be one character, no quote and no line end. "
                f"Received: data.delimiter={self.delimiter!r}."
            )
        for name in ("source_column", "target_column"):
            column = getattr(self, name)
            number = column.isascii() and column.isdecimal()
            if column and (int(column) < 1 if number else not self.header):
                raise InputError(
                    f"`data.{name}` must be a number from 1, or a name where data.header=true. "
                    f"Received: data.{name}={column!r}, data.header={str(self.header).lower()}."
                )


@dataclass(frozen=True)
class TextConfig(Section):
    """How text becomes tokens."""

    section = "text"
    source_tokenizer: str = setting("character", "unit of a source", choices=tuple(TOKENIZERS))
    target_tokenizer: str = setting("character", "unit of a target", choices=tuple(TOKENIZERS))
    source_vocabulary_size: int = setting(
        0, "most tokens kept (0 = no limit); subwords: all of them (0 = 8000)", minimum=0
    )
    target_vocabulary_size: int = setting(
        0, "most tokens kept (0 = no limit); subwords: all of them (0 = 8000)", minimum=0
    )
    min_count: int = setting(1, "a token (subwords: a character) seen less is unknown", minimum=1)
    source_normalization: str = setting("nfc", "Unicode normal form of sources", choices=FORMS)
    target_normalization: str = setting(
        "nfc", "Unicode normal form of targets; what is decoded is always nfc", choices=FORMS
    )
    lowercase: bool = setting(False, "lower-case both sides")
    strip: bool = setting(
        True, "remove white space and invisible characters at both ends of a source or target"
    )
    subword_type: str = setting("unigram", "how subwords are learned", choices=MODEL_TYPES)
    joint_vocabulary: bool = setting(
        False, "learn one vocabulary, of source_vocabulary_size, from both sides"
    )
    source_subword_dropout: float = setting(
        0.0, "share of BPE merges left out of training sources, anew each epoch", minimum=0, below=1
    )
    target_subword_dropout: float = setting(
        0.0, "share of BPE merges left out of training targets", minimum=0, below=1
    )

    def __post_init__(self) -> None:
        """Checks the values, then their combination."""
        super().__post_init__()
        for name, free in {"tokenizer": "", "vocabulary_size": 0}.items():
            source, target = getattr(self, f"source_{name}"), getattr(self, f"target_{name}")
            if self.joint_vocabulary and target not in (source, free):
                raise InputError(
                    f"`text.joint_vocabulary` needs text.target_{name}={source!r}, that of the "
                    f"source. Received: text.target_{name}={target!r}."
                )
        for side in ("source", "target"):
            tokenizer, dropout = (
                getattr(self, f"{side}_{name}") for name in ("tokenizer", "subword_dropout")
            )
            if dropout and (tokenizer, self.subword_type) != ("subword", "bpe"):
                raise InputError(
                    f"`text.{side}_subword_dropout` needs text.{side}_tokenizer='subword' and "
                    f"text.subword_type='bpe'. Received: {tokenizer!r} and {self.subword_type!r}."
                )


@dataclass(frozen=True)
class MechanismConfig(Settings):
    """The settings that attention mechanisms alone are built from; each reads some of them."""

    attention: str = setting("bahdanau", "how the decoder attends", choices=MECHANISMS.keys())
    score: str = setting(
        "general", "Luong's score", choices=("dot", "general", "concat", "location")
    )
    normalize: bool = setting(False, "normed Bahdanau score")
    scale: bool = setting(False, "scaled Luong score")
    content: str = setting(
        "paper",
        f"score under {', '.join(name for name, row in MECHANISMS.items() if row.content)}; "
        "paper: the one that the mechanism's paper uses",
        choices=SCORES.keys(),
    )
    mapping: str = setting(
        "softmax", "from scores to weights", choices=("softmax", "sparsemax", "entmax15")
    )
    window: int = setting(
        5,
        "source tokens on either side that local attention sees; a chunk's in all",
        minimum=1,
        maximum=LONGEST,
    )


@dataclass(frozen=True)
class ModelConfig(Section, MechanismConfig, LayerConfig):
    """The model's shape. What a mechanism or decoder does not read is ignored or refused."""

    section = "model"
    source_embeddings: str = setting(
        "", "word2vec, fastText or GloVe file that the sources' embeddings begin with; empty: none"
    )
    target_embeddings: str = setting("", "such a file for the targets' embeddings")

    # What differs from the arguments of `Seq2Seq`.
    placement: str = redeclare(LayerConfig, "placement", default="before")
    units: int = redeclare(LayerConfig, "units", default=512)
    heads: int = redeclare(
        LayerConfig, "heads", doc="heads of multi-head attention and of Transformers"
    )
    attention_units: int | None = redeclare(
        LayerConfig,
        "attention_units",
        doc="width of the additive score and of the attentional vector; units unless it is set",
    )

    @property
    def mechanism(self) -> Mechanism:
        """The row of the registry that declares the mechanism."""
        return MECHANISMS[self.attention]

    @property
    def mechanism_settings(self) -> dict[str, Any]:
        """The values that the mechanism is built from, by name."""
        return {**dict(self.values()), "attention_units": self.attention_units or self.units}

    @property
    def read_by_mechanism(self) -> frozenset[str]:
        """The names of the settings that the mechanism is built from."""
        return self.mechanism.reads(self.mechanism_settings)

    @property
    def ignored_settings(self) -> frozenset[str]:
        """The names of the settings that make no difference beside the others."""
        of_mechanisms = {known.key for known in MechanismConfig.settings()} - {"attention"}
        return (self.unread | of_mechanisms) - self.read_by_mechanism

    @property
    def scores_by_location(self) -> bool:
        """Whether a score of `data.max_source_length` rows is among what is built."""
        return "max_source_length" in self.read_by_mechanism

    def check_together(self) -> None:
        """Check that the settings are a model together.

        Raises:
            SettingError: if an encoder or decoder cannot be made of them.
            InputError: if the mechanism cannot.
        """
        super().check_together()
        self._check_mechanism()
        if self.tie_embeddings == "all" and self.source_embeddings and self.target_embeddings:
            raise SettingError(
                "source_embeddings",
                "and `target_embeddings` are one table with tie_embeddings='all'; set one of them. "
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


@dataclass(frozen=True)
class TrainingConfig(Section):
    """How the model is fitted."""

    section = "training"
    epochs: int = setting(10, "passes over the training pairs", minimum=1)
    batch_size: int = setting(64, "pairs in a batch", minimum=1)
    batch_tokens: int = setting(
        0, "padded tokens in a batch, on either side, instead (0 = batch_size)", minimum=0
    )
    accumulate: int = setting(1, "batches whose gradients make one update", minimum=1)
    learning_rate: float = setting(0.001, "Adam's step size, or a schedule's largest", above=0)
    schedule: str = setting(
        "constant", "how the step size changes after the warm-up", choices=SCHEDULES
    )
    warmup: int = setting(0, "updates in which the step size grows from 0", minimum=0)
    plateau_factor: float = setting(
        0.5, "what a plateau multiplies the step size with", above=0, below=1
    )
    plateau_patience: int = setting(
        2, "validations without a new best that make a plateau", minimum=1
    )
    clip_norm: float = setting(1.0, "largest norm of all gradients (0 = no limit)", minimum=0)
    l2: float = redeclare(Seq2SeqConfig, "l2")
    label_smoothing: float = setting(
        0.0, "probability that the loss spreads over all tokens", minimum=0, below=1
    )
    guided_alignment: float = redeclare(
        Seq2SeqConfig,
        "guided_alignment",
        doc="weight in the loss of leaving the given alignment; see data.alignment_path",
    )
    coverage_loss: float = redeclare(Seq2SeqConfig, "coverage_loss")
    scheduled_sampling: float = setting(
        0.0, "share of previous target tokens that the model gives itself", minimum=0, below=1
    )
    scheduled_sampling_steps: int = setting(
        0, "steps in which that share grows from 0 (0 = at once)", minimum=0
    )
    bucket_width: int = setting(
        8, "lengths within this many tokens batch together", minimum=1, maximum=LONGEST
    )
    mixed_precision: bool = setting(False, "compute in 16 bits, keep weights in 32")
    metric: str = setting(
        "exact_match",
        "what the best model is kept by; wer is the word error rate, g2p_wer the share of words "
        "with a wrong phone",
        choices=tuple(METRICS),
    )
    validate_every: int = setting(
        0, "steps before each validation (0 = an epoch); the last ones are all taken", minimum=0
    )
    patience: int = setting(
        0,
        "stop after so many validations without a better value than the best (0 = never)",
        minimum=0,
    )
    ema: float = setting(
        0.0,
        "momentum, from batch to batch, of averaged weights to validate and keep (0 = none)",
        minimum=0,
        below=1,
    )
    average_last: int = setting(
        1,
        "validate and keep the mean of the weights at so many last validations",
        minimum=1,
        maximum=1_000,
    )
    short_list: int = setting(
        0,
        "likeliest target tokens of each source token, which search looks at beside the ten times "
        "as many most frequent ones; for target vocabularies over 1023 (0 = search all)",
        minimum=0,
        maximum=1_000,
    )

    def __post_init__(self) -> None:
        """Checks the values, then their combination."""
        super().__post_init__()
        if self.ema and self.average_last > 1:
            raise InputError(
                "`training.ema` and `training.average_last` are two ways to average; choose one. "
                f"Received: training.ema={self.ema}, training.average_last={self.average_last}."
            )
        if self.warmup and self.schedule == "plateau":
            raise InputError(
                "`training.warmup` needs another schedule than 'plateau'. "
                f"Received: training.warmup={self.warmup}."
            )


@dataclass(frozen=True)
class DecodingConfig(Section):
    """How the model searches unless it is told otherwise: held-out sources, and its exports."""

    section = "decoding"
    beam_width: int = setting(
        1, "hypotheses kept a step (1 = greedy)", minimum=1, maximum=WIDEST_BEAM
    )
    length_penalty: float = setting(
        0.0, "GNMT's alpha, of beams", minimum=0, maximum=MOST_LENGTH_PENALTY
    )
    coverage_penalty: float = setting(
        0.0, "GNMT's beta, of beams", minimum=0, maximum=MOST_COVERAGE_PENALTY
    )
    max_length: int = setting(
        0, "longest output (0 = data.max_target_length)", minimum=0, maximum=LONGEST
    )
    min_length: int = setting(0, "shortest output in tokens, with </s>", minimum=0, maximum=LONGEST)
    repetition_penalty: float = setting(
        1.0,
        "factor on the log-probability of a token that was said before",
        minimum=1,
        maximum=MOST_REPETITION_PENALTY,
    )
    no_repeat_ngram: int = setting(
        0,
        "size of the n-grams that no output holds twice (0 = all may come)",
        minimum=0,
        maximum=LONGEST,
    )
    replace_unknown: bool = setting(
        False,
        "write the source token with the largest weight in the place of <unk>; with model.copying "
        "always done",
    )
