"""The base class of models that are trained with the losses of a `Seq2Seq`."""

from __future__ import annotations

from functools import partial
from typing import Any

from keras import ops

from keras_attention.models.training.checked_model import CheckedModel
from keras_attention.models.training.r_drop import has_passes, join_passes, twice
from keras_attention.models.training.replica_updates import clip_sums
from keras_attention.models.training.teacher import Teacher, check_teacher
from keras_attention.objectives.alignment_losses import coverage_loss, guided_alignment_loss
from keras_attention.objectives.distribution_losses import consistency_loss
from keras_attention.objectives.fenchel_young import check_loss
from keras_attention.objectives.losses import MaskedLoss, token_weights
from keras_attention.objectives.replicas import has_replicas, replica_count, weigh_replica
from keras_attention.objectives.split_batches import loss_of_parts, splits_batches
from keras_attention.ops.masking import Tensor


class TrainingModel(CheckedModel):
    """A `CheckedModel` with the losses that its settings add to the loss of `compile`.

    In training, the `call` of a subclass passes its alignment to `_add_losses`. With `r_drop`, it
    returns the logits of both passes, as `split_passes` does.
    """

    settings: Any
    _teacher: Teacher | None = None

    def learn_from(self, teacher: Any, weight: float) -> None:
        """Let `fit` also learn the predictions of a teacher (Kim and Rush 2016, section 3.1).

        In training, a share `weight` of the loss is the cross-entropy with the teacher's
        distribution over the next token, given the same source and previous target tokens. The
        rest is the cross-entropy with the reference. The loss of `compile` must be a
        `MaskedCrossentropy`. The teacher is not saved with the model, so call this method again
        before you train a loaded model further.

        Args:
            teacher: a `Seq2Seq` or an `Ensemble` with the same source and target ids.
            weight: weight, in [0, 1], of the part of the loss that compares the model with the
                teacher.

        Raises:
            ValueError: if the weight is out of range, if the teacher has different numbers of ids
                or source features, or if the model has a sparse `output_mapping`.

        Reference:
            https://arxiv.org/abs/1606.07947
        """
        check_teacher(teacher, self)
        self._teacher = Teacher(teacher, weight)

    def make_train_function(self, force: bool = False) -> Any:
        """Build the function of a training step, as Keras does.

        Under a `tf.distribute` strategy, the optimizer then clips the sum of the gradients.
        """
        strategy = getattr(self, "distribute_strategy", None)
        if strategy is not None and strategy.num_replicas_in_sync > 1:
            clip_sums(self.optimizer)
        return super().make_train_function(force)

    def compute_loss_and_updates(
        self,
        trainable_variables: list[Any],
        non_trainable_variables: list[Any],
        metrics_variables: list[Any],
        x: Any,
        y: Any,
        sample_weight: Any,
        training: bool = False,
        optimizer_variables: list[Any] | None = None,
    ) -> Any:
        """Return the loss and the variables after a step, as Keras does; only on JAX.

        If `keras.distribution` divides the batch among devices, a training step computes each
        part on its own device; see `loss_of_parts`. JAX raises an error unless the number of
        rows of every batch, the last one included, is a multiple of the number of devices.
        """
        compute = partial(super().compute_loss_and_updates, training=training)
        own = trainable_variables, non_trainable_variables, metrics_variables
        if not (training and splits_batches()):
            return compute(*own, x, y, sample_weight, optimizer_variables=optimizer_variables)
        variables = self.non_trainable_variables
        seeds = [variable.name == "seed_generator_state" for variable in variables]
        return loss_of_parts(
            compute,
            seeds,
            (*own, optimizer_variables or []),
            (x, y, sample_weight),
            rows_axis=1 if self.settings.r_drop else 0,
        )

    def compute_loss(
        self,
        x: Any = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Return the loss of a batch, or of a replica's part of it, for `fit` and `evaluate`.

        Under a `tf.distribute` strategy and with a loss of this library, the loss of each replica
        is weighted by its number of tokens. A training step then equals a step of a single replica
        with the whole batch.

        Args:
            x: the inputs of `call`.
            y: target ids `[B, T]`.
            y_pred: logits `[B, T, V]`, or `[2, B, T, V]` with `r_drop`.
            sample_weight: weights of the loss.
            training: whether the call comes from `fit`.

        Returns:
            A float32 scalar.

        Raises:
            ValueError: if the model was compiled with a loss for another `output_mapping`.
        """
        check_loss(self.loss, self.settings.output_mapping)
        loss = self._unweighted_loss(x, y, y_pred, sample_weight, training)
        if not (has_replicas() and isinstance(self.loss, MaskedLoss)):
            return loss
        return weigh_replica(loss, ops.sum(token_weights(y, sample_weight, "float32")))

    def _unweighted_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool
    ) -> Tensor:
        """Return the loss of a batch or of a replica's part of it, not weighted by tokens."""
        added = 0.0
        teacher = self._teacher if training else None
        given = None if teacher is None else teacher.logits(x)
        if has_passes(y_pred):
            weights = token_weights(y, sample_weight, "float32")
            first, second = ops.unstack(y_pred)
            added = self.settings.r_drop * consistency_loss(first, second, weights)
            added = added / replica_count()
            y_pred = join_passes(y_pred)
            y, sample_weight, given = map(twice, (y, sample_weight, given))
        if teacher is not None:
            added += teacher.added_loss(y, y_pred, given, sample_weight, self.loss)
        return super().compute_loss(x, y, y_pred, sample_weight, training) + added

    def _add_losses(self, alignment: Tensor | None, real: Tensor, guide: Tensor | None) -> None:
        """Add the losses on the weights and on the alignment to those of a training step.

        Args:
            alignment: `[B, T, S]`; it may be None if no setting needs it.
            real: `[B, T]`, True where the target token is real.
            guide: the given alignment `[B, T, S]`.
        """
        settings = self.settings
        if settings.l2:
            self.add_loss(settings.l2 * self._squared_norm())
        if settings.coverage_loss:
            self.add_loss(settings.coverage_loss * coverage_loss(alignment, real))
        if settings.guided_alignment:
            if guide is None:
                raise ValueError(
                    "`guided_alignment` requires a third input, the given alignment [B, T, S]. "
                    "Received: source and target only."
                )
            loss = guided_alignment_loss(alignment, guide, real)
            self.add_loss(settings.guided_alignment * loss)

    def _squared_norm(self) -> Tensor:
        matrices = [weight for weight in self.trainable_weights if len(weight.shape) > 1]
        return sum(ops.sum(ops.square(ops.cast(matrix, "float32"))) for matrix in matrices)

    def compute_metrics(
        self, x: Any, y: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Any:
        """Update the metrics of `compile`, from one pass if `r_drop` is set, and return them."""
        y_pred = y_pred[0] if has_passes(y_pred) else y_pred
        return super().compute_metrics(x, y, y_pred, sample_weight)
