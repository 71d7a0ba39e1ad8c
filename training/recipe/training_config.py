"""The section `[training]` of a recipe: the optimizer, the losses and the length of training."""

from __future__ import annotations

import os
from dataclasses import dataclass

from keras_attention.decoding.options import LONGEST
from keras_attention.errors import InputError
from keras_attention.models.seq2seq_config import Seq2SeqConfig
from keras_attention.models.training.freezing import read_rates
from keras_attention.settings.setting import redeclare, setting

from ..metrics.metric_kinds import METRICS
from .settings import Section

PRECISIONS = ("float32", "bfloat16", "auto")

NEW_VOCABULARIES = {
    "none": (),
    "source": ("source",),
    "target": ("target",),
    "both": ("source", "target"),
}
"""Values of `training.new_vocabulary`, and the sides whose vocabulary is learned again."""

SCHEDULES = ("constant", "inverse_square_root", "cosine", "plateau")


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
    new_vocabulary: str = setting(
        "none",
        "with --from: side whose vocabulary or subwords are learned again from the training pairs, "
        "instead of only adding new tokens",
        choices=tuple(NEW_VOCABULARIES),
    )
    bucket_width: int = setting(
        8,
        "number of consecutive lengths in a group; the pairs of a batch are in one group",
        minimum=1,
        maximum=LONGEST,
    )
    precision: str = setting(
        "float32",
        "number format to compute in; the weights stay float32. auto: bfloat16 for models of 256 "
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
        if self.teachers and self.new_vocabulary != "none":
            raise InputError(
                "`training.new_vocabulary` excludes training.teachers, because a student has the "
                "vocabularies of its teachers. Received: "
                f"training.new_vocabulary={self.new_vocabulary!r}, "
                f"training.teachers={self.teachers!r}."
            )
        if self.warmup and self.schedule == "plateau":
            raise InputError(
                "`training.warmup` requires a training.schedule other than 'plateau'. "
                f"Received: training.warmup={self.warmup}, training.schedule='plateau'."
            )
