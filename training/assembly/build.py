"""Builders of a recipe's codec and of its compiled model."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_attention.decoding.search_settings import SearchSettings
from keras_attention.errors import InputError, OptionError, SettingError
from keras_attention.models.layer_config import LayerConfig
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.models.training.freezing import variable_rates
from keras_attention.objectives.fenchel_young import output_loss
from keras_attention.objectives.metrics import MaskedAccuracy
from keras_attention.text.tokenizers import Tokenizer
from keras_attention.translation.codec import SIDES, TextCodec

from ..data.pairs import Pair
from ..recipe.recipe import Recipe
from ..recipe.training_config import NEW_VOCABULARIES
from .extended_tokenizers import extend_tokenizers
from .optimizer import build_optimizer
from .precision import RunPrecision, choose_precision
from .teachers import teacher_tokenizers
from .tokenizers import learn_features, learn_tokenizers, sample_pairs


def build_codec(
    recipe: Recipe, pairs: Sequence[Pair], trained: TextCodec | None = None
) -> TextCodec:
    """Learn both tokenizers from the training pairs, and return them as a codec.

    With `training.teachers`, the tokenizers are those of the teachers.

    Args:
        recipe: the recipe to train.
        pairs: its training pairs.
        trained: the codec of the model that a run is fine-tuned from. Its tokenizers are extended
            by the tokens of the pairs, or of a sample if the pairs are in a file. The tokenizers
            that `training.new_vocabulary` names are learned again instead. With
            `training.teachers`, the codec must have the tokenizers of the teachers.

    Raises:
        InputError: if search options contradict each other, a vocabulary size does not fit the
            texts, a source lacks a feature, or a teacher's tokenizers differ from those of the
            recipe or of `trained`.
    """
    data, decoding = recipe.data, dict(recipe.decoding.values())
    decoding["max_length"] = decoding["max_length"] or data.max_target_length
    decoding["replace_unknown"] = decoding["replace_unknown"] or recipe.model.copying
    try:
        settings = SearchSettings(max_source_length=data.max_source_length, **decoding)
    except OptionError as error:
        raise InputError(error.named("decoding.{}".format)) from error
    if recipe.training.teachers:
        codec = TextCodec(*teacher_tokenizers(recipe), settings)
        if trained is not None and (side := trained.differs_in(codec)):
            raise InputError(
                "with --from and training.teachers, the teachers must have the tokenizers of the "
                f"model. Received: a different {side} tokenizer."
            )
        return codec
    if trained is not None:
        return TextCodec(*_start_tokenizers(recipe, pairs, trained), settings)
    features = learn_features(data, pairs)
    tokenizers = learn_tokenizers(recipe.text, pairs, seed=recipe.seed, features=features)
    return TextCodec(*tokenizers, settings)


def _start_tokenizers(
    recipe: Recipe, pairs: Sequence[Pair], trained: TextCodec
) -> tuple[Tokenizer, Tokenizer]:
    """Return the tokenizers of a model that is fine-tuned from one with the codec `trained`."""
    kept = [side for side in SIDES if side not in NEW_VOCABULARIES[recipe.training.new_vocabulary]]
    sample = sample_pairs(pairs, recipe.seed)
    features = trained.source.features.extend(learn_features(recipe.data, pairs))
    tokenizers = trained.source.with_features(features), trained.target
    extended = extend_tokenizers(tokenizers, recipe.text, sample, kept)
    known = {side: one for side, one in zip(SIDES, extended, strict=True) if side in kept}
    return learn_tokenizers(recipe.text, pairs, seed=recipe.seed, features=features, known=known)


def build_model(
    recipe: Recipe, codec: TextCodec, total_steps: int = 1, precision: RunPrecision | None = None
) -> Seq2Seq:
    """Build the untrained, compiled model; its initial weights depend only on the recipe.

    Args:
        recipe: the recipe to train.
        codec: its tokenizers.
        total_steps: training steps of the whole run; a cosine schedule ends with the last one.
        precision: the number format to compute in. Default: the result of `choose_precision`.
    """
    training = recipe.training
    keras.utils.set_random_seed(recipe.training_seed)
    try:
        model = _build_untrained(recipe, codec, precision)
        rates = variable_rates(model, training.rates)
    except ValueError as error:
        raise InputError(_problem(error)) from error
    model.compile(
        optimizer=build_optimizer(training, total_steps, rates),
        loss=output_loss(recipe.model.output_mapping, training.label_smoothing),
        metrics=[MaskedAccuracy()],
    )
    return model


def _problem(error: ValueError) -> str:
    if isinstance(error, SettingError) and error.field in ("freeze", "rates"):
        return f"`training.{error.field}` {error.problem}"
    return f"invalid model settings: {error}"


def make_fit_variables(model: Seq2Seq, vocabulary_size: int) -> None:
    """Create the variables of the optimizer and of the metrics before `fit` does.

    TensorFlow traces a graph twice if variables are created in it, and tracing a training step
    takes seconds.

    Args:
        model: a compiled model, new or loaded.
        vocabulary_size: size of the target vocabulary.
    """
    model.optimizer.build(model.trainable_variables)
    target, logits = keras.ops.ones((1, 1), "int32"), keras.ops.zeros((1, 1, vocabulary_size))
    model.compute_metrics(None, target, logits)
    model.reset_metrics()


def _build_untrained(
    recipe: Recipe, codec: TextCodec, precision: RunPrecision | None = None
) -> Seq2Seq:
    config = recipe.model
    policy = (precision or choose_precision(recipe.training, config.units)).policy
    settings = {known.key: getattr(config, known.key) for known in LayerConfig.settings()}
    settings["input_feeding"] = config.input_feeding and config.attends
    model = Seq2Seq(
        len(codec.source.vocabulary),
        len(codec.target.vocabulary),
        **settings,
        attention=config.build_attention(recipe.data.max_source_length, policy),
        max_target_length=codec.settings.max_length,
        source_features=codec.source.features.sizes,
        scheduled_sampling=recipe.training.scheduled_sampling > 0,
        l2=recipe.training.l2,
        coverage_loss=recipe.training.coverage_loss,
        guided_alignment=recipe.training.guided_alignment,
        freeze=recipe.training.freeze,
        r_drop=recipe.training.r_drop,
        dtype=policy,
    )
    model.build()
    if config.copying:
        model.copy_output.set_targets(codec.copied_ids())
    return model
