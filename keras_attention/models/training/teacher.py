"""The teacher of a model: its predictions replace a share of the reference in the loss."""

from typing import Any

from keras import ops

from keras_attention.objectives.distribution_losses import distillation_loss
from keras_attention.objectives.losses import MaskedCrossentropy, token_weights
from keras_attention.objectives.replicas import replica_count
from keras_attention.ops.masking import Tensor
from keras_attention.ops.no_gradient import without_gradient
from keras_attention.ops.packing import pack_steps


class Teacher:
    """A trained model from whose predictions a student learns, and the weight of its loss.

    Keras does not track this object, so a student is saved without its teacher.

    Args:
        model: a `Seq2Seq` or an `Ensemble`.
        weight: weight, in [0, 1], of the part of the loss that compares the student with the
            teacher.

    Raises:
        ValueError: if the weight is out of range.
    """

    def __init__(self, model: Any, weight: float) -> None:
        if not 0 <= weight <= 1:
            raise ValueError(
                f"`weight` must be at least 0 and at most 1. Received: weight={weight}."
            )
        self.model = model
        self.weight = weight

    @without_gradient
    def logits(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the teacher's logits `[B, T, V]` for the student's inputs, without a gradient."""
        source, target = inputs[:2]
        packed, unpack = pack_steps(ops.cast(target, "int32"))
        return ops.stop_gradient(unpack(self.model.teacher_forced(source, packed)[0]))

    def added_loss(
        self, y: Tensor, logits: Tensor, given: Tensor, sample_weight: Tensor | None, loss: Any
    ) -> Tensor:
        """Return the loss term that replaces a share of the reference with the teacher's output.

        Args:
            y: target ids `[B, T]`.
            logits: the student's logits `[B, T, V]`.
            given: the teacher's logits `[B, T, V]`.
            sample_weight: weights of the loss.
            loss: the student's loss.

        Returns:
            `weight * (distillation loss - crossentropy)`, a float32 scalar.

        Raises:
            ValueError: if the loss is not a `MaskedCrossentropy`.
        """
        if not isinstance(loss, MaskedCrossentropy):
            raise ValueError(
                "the `loss` of a model with a teacher must be a MaskedCrossentropy. "
                f"Received: {type(loss).__name__}."
            )
        weights = token_weights(y, sample_weight, "float32")
        from_teacher = distillation_loss(logits, given, weights) / replica_count()
        return self.weight * (from_teacher - loss(y, logits, sample_weight))


def check_teacher(teacher: Any, student: Any) -> None:
    """Check that a student can learn from a teacher: a `Seq2Seq` or an `Ensemble`.

    Raises:
        ValueError: if the teacher has different numbers of ids or source features, or the student
            has a sparse `output_mapping`.
    """
    if teacher.vocabulary_sizes != student.vocabulary_sizes:
        raise ValueError(
            "`teacher` must have as many source and target ids as the model, "
            f"{student.vocabulary_sizes}. Received: {teacher.vocabulary_sizes}."
        )
    if teacher.source_features != student.source_features:
        raise ValueError(
            "`teacher` must have the source features of the model, with "
            f"{student.source_features} ids. Received: {teacher.source_features}."
        )
    if student.settings.output_mapping != "softmax":
        raise ValueError(
            "`output_mapping` must be 'softmax' to learn from a teacher, because a sparse "
            "output can give the teacher's tokens a probability of 0. "
            f"Received: output_mapping={student.settings.output_mapping!r}."
        )
