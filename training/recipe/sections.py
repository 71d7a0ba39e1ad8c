"""The sections of a recipe: every setting with its range, and the rules that combine settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_attention.attention.registry import MECHANISMS, SCORES, Mechanism
from keras_attention.decoding.options import LONGEST, StoredOptions
from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError, SettingError
from keras_attention.models.config import LayerConfig, Seq2SeqConfig
from keras_attention.models.freezing import read_rates
from keras_attention.settings.layer_rules import MAPPING_NAMES
from keras_attention.settings.setting import Settings, redeclare, setting
from keras_attention.text.normalization import FORMS
from keras_attention.text.subword_learning import MODEL_TYPES
from keras_attention.text.tokenizers import TOKENIZERS

from ..metrics.metric_kinds import METRICS
from ..tasks.synthetic import TASKS
from .languages import check_languages
from .settings import Section

if TYPE_CHECKING:
    from keras_attention.attention.base.attention_mechanism import AttentionMechanism

TABLES = ("tsv", "csv")
"""Values of `data.format` for files with columns."""

RECORDS = ("jsonl", "parquet")
"""Values of `data.format` for files of records with named fields."""

FILE_FORMATS = ("dates", *TABLES, *RECORDS, "parallel")
"""Values of `data.format` for files."""

PRECISIONS = ("float32", "bfloat16", "auto")

SCHEDULES = ("constant", "inverse_square_root", "cosine", "plateau")

_TABLE_SETTINGS = {
    "delimiter": ("csv",),
    "header": TABLES,
    "source_column": (*TABLES, *RECORDS),
    "target_column": (*TABLES, *RECORDS),
}


@dataclass(frozen=True)
class DataConfig(Section):
    """The source of the pairs, and the limits on them. `data_paths` resolves the paths."""

    section = "data"
    format: str = setting(
        "dates",
        "format of the files: free-form dates, tab-separated columns (tsv), columns with quoted "
        "fields (csv), a JSON object per line (jsonl), Parquet, or two parallel files; or a task "
        "whose pairs are generated: copy letters, reverse letters, or rewrite the date in a "
        "sentence",
        choices=(*FILE_FORMATS, *TASKS),
    )
    delimiter: str = setting(
        ",", 'character between the columns of a csv file, such as ";" or "\\t"'
    )
    header: bool = setting(False, "the first row of a tsv or csv file holds the column names")
    source_column: str = setting(
        "",
        "tsv and csv: column of the sources, a number counted from 1 or a name in the header "
        "(empty = 1). jsonl and parquet: field with the source, such as en or translation.en "
        "(empty = source)",
        numbers=True,
    )
    target_column: str = setting(
        "",
        "column or field of the targets, as for source_column (empty = 2, or target)",
        numbers=True,
    )
    folder: str = setting(
        "", "folder that relative paths of this section start from; empty: the working folder"
    )
    language: str = setting(
        "",
        "code that replaces {language} in the paths of this section, or several codes, separated "
        "by commas, to read the files of each",
    )
    target_language: str = setting(
        "", "code or codes that replace {target_language} in these paths, as for language"
    )
    source_features: str = setting(
        "",
        "names of source features, such as language, separated by commas. The features language "
        "and target_language get the codes of the file, if these are set. Write other values as "
        "tags into the sources, such as <domain=news>",
    )
    path: str = setting(
        "",
        "training file (parallel: of the sources), or a pattern such as parts/*.tsv for several "
        "files, which are read in the order of their names. Leave it empty for dates and tasks to "
        "generate the pairs",
    )
    target_path: str = setting("", "file of the training targets (parallel only)")
    validation_path: str = setting(
        "",
        "held-out file (parallel: of the sources); empty: hold out data.held_out of the "
        "training pairs",
    )
    validation_target_path: str = setting("", "file of the held-out targets (parallel only)")
    alignment_path: str = setting(
        "",
        "file of alignments for training.guided_alignment, with a line per training pair: in "
        "Pharaoh format, with links i-j between tokens (subword models: words), or a .jsonl file "
        "from align --soft; empty: the known alignments of the task",
    )
    size: int = setting(
        50000, "pairs to generate when path is empty", minimum=1, maximum=10_000_000
    )
    shortest: int = setting(
        4,
        "for the tasks copy, reverse and date-sentences: smallest number of tokens of a source, "
        "without </s>",
        minimum=1,
        maximum=LONGEST,
    )
    longest: int = setting(
        10,
        "for the tasks copy, reverse and date-sentences: largest number of tokens of a source, "
        "without </s>",
        minimum=1,
        maximum=LONGEST,
    )
    held_out: int = setting(
        5000,
        "pairs to hold out after a seeded shuffle when validation_path is empty",
        minimum=0,
    )
    replay: float = setting(
        0.0,
        "with --from: share of the training pairs to draw from the run of the start model, so that "
        "the new model forgets less",
        minimum=0,
        below=1,
    )
    max_source_length: int = setting(
        64,
        "largest number of tokens of a source, including </s>; pairs with longer sources are "
        "dropped",
        minimum=1,
        maximum=LONGEST,
    )
    max_target_length: int = setting(
        64,
        "largest number of tokens of a target, including </s>; pairs with longer targets are "
        "dropped",
        minimum=1,
        maximum=LONGEST,
    )
    in_memory: int = setting(
        100,
        "largest training data to hold in memory, in millions of characters. Larger data is kept "
        "in files, in the folder NAME.store next to the run folder NAME, which later starts reuse",
        minimum=0,
    )

    def check_together(self) -> None:
        """Check the rules that combine several values."""
        self._check_columns()
        check_languages(dict(self.values()), labelled=[*TABLES, *RECORDS, "parallel"])
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
        """Check the settings of columns, and that the format has columns."""
        defaults = {known.key: known.default for known in self.settings()}
        for name, formats in _TABLE_SETTINGS.items():
            value = getattr(self, name)
            if value != defaults[f"data.{name}"] and self.format not in formats:
                raise InputError(
                    f"`data.{name}` requires data.format={' or '.join(map(repr, formats))}. "
                    f"Received: data.{name}={value!r}, data.format={self.format!r}."
                )
        # In a shell, or in a TOML string in single quotes, a typed \t stays a backslash and a t.
        typed_tab = self.delimiter == r"\t"
        if not typed_tab and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise InputError(
                "`data.delimiter` must be one character other than a double quote or a line end. "
                f"Received: data.delimiter={self.delimiter!r}."
            )
        for name in ("source_column", "target_column"):
            column = getattr(self, name)
            is_number = column.isascii() and column.isdecimal()
            in_range = is_number and len(column) < 10 and int(column) >= 1
            is_name = self.format in RECORDS or (self.header and not is_number)
            if column and not (in_range or is_name):
                raise InputError(
                    f"`data.{name}` must be a number of at least 1, below 1,000,000,000, or a "
                    f"column name with data.header=true. Received: data.{name}={column[:40]!r}, "
                    f"data.header={str(self.header).lower()}."
                )


@dataclass(frozen=True)
class TextConfig(Section):
    """The normalization of text and its tokenizers."""

    section = "text"
    source_tokenizer: str = setting(
        "character", "unit that sources are split into", choices=tuple(TOKENIZERS)
    )
    target_tokenizer: str = setting(
        "character", "unit that targets are split into", choices=tuple(TOKENIZERS)
    )
    source_vocabulary_size: int = setting(
        0,
        "largest number of source tokens to keep, without special tokens (0 = no limit); subwords: "
        "exact number, including special tokens (0 = 8000)",
        minimum=0,
    )
    target_vocabulary_size: int = setting(
        0,
        "largest number of target tokens to keep, without special tokens (0 = no limit); subwords: "
        "exact number, including special tokens (0 = 8000)",
        minimum=0,
    )
    min_count: int = setting(
        1, "tokens (subwords: characters) that occur less often are unknown", minimum=1
    )
    source_normalization: str = setting("nfc", "Unicode normal form of sources", choices=FORMS)
    target_normalization: str = setting(
        "nfc", "Unicode normal form of targets; outputs are always nfc", choices=FORMS
    )
    lowercase: bool = setting(False, "lower-case sources and targets")
    strip: bool = setting(
        True, "remove white space and invisible characters at both ends of a source or target"
    )
    subword_type: str = setting("unigram", "algorithm that learns subwords", choices=MODEL_TYPES)
    joint_vocabulary: bool = setting(
        False, "learn one vocabulary of source_vocabulary_size from sources and targets"
    )
    source_subword_dropout: float = setting(
        0.0,
        "share of BPE merges to skip at random in training sources, drawn again each epoch",
        minimum=0,
        below=1,
    )
    target_subword_dropout: float = setting(
        0.0,
        "share of BPE merges to skip at random in training targets, drawn again each epoch",
        minimum=0,
        below=1,
    )

    def check_together(self) -> None:
        """Check the rules that combine several values."""
        for name, unset in {"tokenizer": "", "vocabulary_size": 0}.items():
            source, target = getattr(self, f"source_{name}"), getattr(self, f"target_{name}")
            if self.joint_vocabulary and target not in (source, unset):
                raise InputError(
                    f"`text.joint_vocabulary` requires text.target_{name}={source!r}, the same as "
                    f"text.source_{name}. Received: text.target_{name}={target!r}."
                )
        for side in ("source", "target"):
            tokenizer, dropout = (
                getattr(self, f"{side}_{name}") for name in ("tokenizer", "subword_dropout")
            )
            if dropout and (tokenizer, self.subword_type) != ("subword", "bpe"):
                raise InputError(
                    f"`text.{side}_subword_dropout` requires text.{side}_tokenizer='subword' and "
                    f"text.subword_type='bpe'. Received: {tokenizer!r} and {self.subword_type!r}."
                )


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


@dataclass(frozen=True)
class TrainingConfig(Section):
    """The optimizer, the batches, the validations and the length of training."""

    section = "training"
    epochs: int = setting(10, "passes over the training pairs", minimum=1)
    batch_size: int = setting(64, "pairs in a batch", minimum=1)
    batch_tokens: int = setting(
        0,
        "largest number of tokens in a batch, including padding, of sources or of targets; used "
        "instead of batch_size (0 = use batch_size)",
        minimum=0,
    )
    accumulate: int = setting(1, "batches whose gradients are combined in one update", minimum=1)
    learning_rate: float = setting(
        0.001, "Adam's learning rate; with a schedule or warm-up its highest value", above=0
    )
    schedule: str = setting(
        "constant", "how the learning rate changes after the warm-up", choices=SCHEDULES
    )
    warmup: int = setting(
        0, "updates during which the learning rate rises from 0 to learning_rate", minimum=0
    )
    plateau_factor: float = setting(
        0.5,
        "with schedule='plateau', factor on the learning rate at each plateau",
        above=0,
        below=1,
    )
    plateau_patience: int = setting(
        2,
        "with schedule='plateau', number of validations in a row without a new best value that "
        "count as a plateau",
        minimum=1,
    )
    clip_norm: float = setting(
        1.0, "largest global norm of the gradients (0 = no clipping)", minimum=0
    )
    l2: float = redeclare(Seq2SeqConfig, "l2")
    label_smoothing: float = setting(
        0.0, "probability that label smoothing spreads over all tokens", minimum=0, below=1
    )
    guided_alignment: float = redeclare(
        Seq2SeqConfig,
        "guided_alignment",
        doc="weight of the loss that pulls the model's alignment towards a given one; see "
        "data.alignment_path",
    )
    coverage_loss: float = redeclare(Seq2SeqConfig, "coverage_loss")
    r_drop: float = redeclare(Seq2SeqConfig, "r_drop")
    teachers: str = setting(
        "",
        "trained models with the same tokenizers, whose predictions the model also learns; several "
        f"paths, separated by {os.pathsep!r}, are an ensemble",
    )
    teacher_weight: float = setting(
        0.0,
        "weight of the loss that compares the model's probabilities with the teachers'; the weight "
        "of the loss on the targets is 1 minus this weight",
        minimum=0,
        maximum=1,
    )
    scheduled_sampling: float = setting(
        0.0,
        "share of previous target tokens that training replaces with the model's own predictions",
        minimum=0,
        below=1,
    )
    scheduled_sampling_steps: int = setting(
        0,
        "training steps over which scheduled_sampling rises from 0 (0 = full share from the start)",
        minimum=0,
    )
    freeze: str = redeclare(Seq2SeqConfig, "freeze")
    rates: str = setting(
        "",
        "factors on the learning rate of layers, as `NAME=FACTOR` with a name or a pattern, "
        "separated by commas, such as `encoder=0.1, *_embedding=0.5`; empty: none",
    )
    bucket_width: int = setting(
        8,
        "number of consecutive lengths in a group; the pairs of a batch are in one group",
        minimum=1,
        maximum=LONGEST,
    )
    precision: str = setting(
        "float32",
        "number format to compute in; the weights stay float32. auto: bfloat16 for models of 512 "
        "units or more on a processor or GPU that computes in it natively, else float32",
        choices=PRECISIONS,
    )
    metric: str = setting(
        "exact_match",
        "metric that chooses the best model; wer is the word error rate, g2p_wer the share of "
        "words with a wrong phone",
        choices=tuple(METRICS),
    )
    validate_every: int = setting(
        0,
        "training steps between validations (0 = one epoch); the last interval is never shortened",
        minimum=0,
    )
    patience: int = setting(
        0,
        "stop after this many validations in a row without a new best (0 = never stop early)",
        minimum=0,
    )
    ema: float = setting(
        0.0,
        "momentum of a moving average of the weights, updated at every batch; training validates "
        "and keeps this average instead of the weights (0 = no average)",
        minimum=0,
        below=1,
    )
    average_last: int = setting(
        1,
        "number of the last validations whose weights are averaged; training validates and keeps "
        "this mean (1 = no mean)",
        minimum=1,
        maximum=1_000,
    )
    short_list: int = setting(
        0,
        "number of likely target tokens that search scores for each source token; search also "
        "scores 10 times as many frequent target tokens. Only for target vocabularies of 1024 "
        "tokens or more (0 = score all tokens)",
        minimum=0,
        maximum=1_000,
    )
    seed: int = setting(
        0,
        "seed of initial weights, shuffling and dropout only; runs that differ only in it have the "
        "same pairs, held-out pairs and tokenizers (0 = the recipe's seed)",
        minimum=0,
        below=2**32,
    )

    def check_together(self) -> None:
        """Check the rules that combine several values."""
        read_rates(self.rates)
        if self.ema and self.average_last > 1:
            raise InputError(
                "`training.ema` and `training.average_last` both average the weights; use only "
                "one of them. "
                f"Received: training.ema={self.ema}, training.average_last={self.average_last}."
            )
        if bool(self.teachers) != bool(self.teacher_weight):
            raise InputError(
                "`training.teachers` and a training.teacher_weight above 0 require each other. "
                f"Received: training.teachers={self.teachers!r}, "
                f"training.teacher_weight={self.teacher_weight}."
            )
        if self.warmup and self.schedule == "plateau":
            raise InputError(
                "`training.warmup` requires a training.schedule other than 'plateau'. "
                f"Received: training.warmup={self.warmup}, training.schedule='plateau'."
            )


@dataclass(frozen=True)
class DecodingConfig(Section, StoredOptions):
    """The model's default search options, used in validation and by its exports."""

    section = "decoding"
    max_length: int = redeclare(
        SearchSettings,
        "max_length",
        default=0,
        minimum=0,
        doc="largest number of tokens of an output, including </s> (0 = data.max_target_length)",
    )
    replace_unknown: bool = redeclare(
        SearchSettings,
        "replace_unknown",
        doc="replace each <unk> with the source token that has the largest attention weight; "
        "always on with model.copying",
    )
