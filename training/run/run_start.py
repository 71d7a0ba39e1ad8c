"""The start of a new or resumed run: its training pairs, its data and its tokenizers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from keras_attention.errors import InputError
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.file_names import SETTINGS_FILE
from keras_attention.translation.model_files import check_tokenizers, load_codec

from ..assembly.build import build_codec
from ..assembly.precision import choose_precision
from ..data.data_store import DataStore
from ..data.pairs import Pair, split_pairs
from ..data.stored_pairs import join_pairs
from ..metrics.metric_kinds import WordErrorRate
from ..recipe.recipe import Recipe
from .origin import Origin, read_origin
from .resumed_pairs import check_same_teachers, split_again
from .run_data import RunData, read_run_data
from .run_files import RECIPE_FILE
from .run_folder import RunFolder
from .start_model import StartModel

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunStart:
    """The training pairs, the data and the tokenizers of a new or resumed run.

    Attributes:
        new: the training pairs of the recipe's data.
        data: the description of the data in the run folder, with the held-out pairs.
        codec: the tokenizers.
        origin: the precision of the run, and the model that it is fine-tuned from.
    """

    new: Sequence[Pair]
    data: RunData
    codec: TextCodec
    origin: Origin

    @cached_property
    def training(self) -> Sequence[Pair]:
        """All training pairs: the new ones, and the replayed ones of the start model's run."""
        return join_pairs(self.new, self.origin.replayed)

    def to_files(self) -> dict[str, bytes]:
        """Return the contents of the files that a resumed run reads, by name; the data is last."""
        return {**self.codec.to_files(), **self.origin.to_files(), **self.data.to_files()}


def new_start(
    recipe: Recipe, model: StartModel | None = None, store: DataStore | None = None
) -> RunStart:
    """Read the data of a new run, and learn its tokenizers, or extend those of a trained model.

    Args:
        recipe: the recipe to train.
        model: the model that the run is fine-tuned from, if any.
        store: where large training data is kept for the next start.
    """
    share, precision = recipe.data.replay, choose_precision(recipe.training, recipe.model.units)
    learns_again = recipe.training.new_vocabulary != "none"
    if model is not None:
        model.check_recipe(recipe)
    elif share or learns_again:
        raise _without_model(recipe)
    training, held_out = split_pairs(recipe.data, recipe.seed, store)
    if model is None:
        codec, origin = build_codec(recipe, training), Origin(precision)
    else:
        replayed = model.draw_pairs(share, training, held_out, recipe.seed)
        texts = join_pairs(training, replayed) if learns_again else training
        codec = build_codec(recipe, texts, model.translator.codec)
        origin = Origin(precision, model.fingerprint, replayed)
    data = RunData.of(recipe, training, held_out, origin.replayed)
    return RunStart(training, data, codec, origin)


def _without_model(recipe: Recipe) -> InputError:
    """Return the error about a setting that requires `--from`."""
    share, new = recipe.data.replay, recipe.training.new_vocabulary
    if share:
        return InputError(
            "`data.replay` draws training pairs from the run of the model given with --from, so it "
            f"requires --from. Received: data.replay={share}."
        )
    return InputError(
        "`training.new_vocabulary` replaces the vocabularies of the model given with --from, so it "
        f"requires --from. Received: training.new_vocabulary={new!r}."
    )


def resume_start(
    recipe: Recipe,
    run: RunFolder,
    *,
    is_new: bool = False,
    changed_data: bool = False,
    store: DataStore | None = None,
) -> RunStart:
    """Read the data of a resumed run, its stored tokenizers and its held-out pairs.

    Args:
        recipe: the recipe to train.
        run: the run folder.
        is_new: whether there is no checkpoint yet.
        changed_data: whether the data may have changed.
        store: where large training data is kept for the next start.

    Raises:
        InputError: if the data has changed but `changed_data` is false, the number of teachers has
            changed, a file cannot be used, or an older version computed a different metric under
            the same name.
    """
    data = read_run_data(run.path)
    if data is None:
        return _resume_older(recipe, run, store)
    check_same_teachers(recipe, data)
    codec = load_codec(run.path)
    for _, checkpoint in run.all_checkpoints():
        check_tokenizers(checkpoint, run.path, codec)
    training, data = split_again(
        recipe, data, accept_changes=changed_data, with_embeddings=is_new, store=store
    )
    return RunStart(training, data, codec, _resume_origin(recipe, run))


def _resume_origin(recipe: Recipe, run: RunFolder) -> Origin:
    """Return the origin of a run, and log if this machine would choose another precision."""
    chosen, stored = choose_precision(recipe.training, recipe.model.units), read_origin(run.path)
    if stored is None:
        return Origin(chosen)
    if stored.precision.name != chosen.name:
        _logger.info(
            "%s: the run continues in %s, in which it was started; for a new run, "
            "training.precision=auto would choose %s on this machine.",
            *(run.path, stored.precision.name, chosen.name),
        )
    return stored


def _resume_older(recipe: Recipe, run: RunFolder, store: DataStore | None) -> RunStart:
    """Return the start of a run that an older version started.

    Such a run stored no data, so read the current files.
    """
    metric = recipe.training.metric
    if metric == WordErrorRate.name and run.values(f"val_{metric}"):
        raise InputError(
            f"{run.metrics_file}: an older version wrote this file. Its metric wer is now called "
            "g2p_wer, and training.metric='wer' is now the word error rate. To continue this run, "
            f"replace wer by g2p_wer in its {RECIPE_FILE} and val_wer by val_g2p_wer in its "
            "metrics.csv; or start a new run in another folder."
        )
    start = new_start(recipe, store=store)
    if (run.path / SETTINGS_FILE).is_file() and start.codec.differs_in(load_codec(run.path)):
        raise InputError(
            f"{run.path}: the tokenizers learned from the current data differ from those of the "
            "run: the data has changed, or the older version of keras-attention normalized text "
            "differently; restore the old data, or start a new run in another folder."
        )
    _logger.info(
        "%s: this run did not store the data that it was started with; it continues with the "
        "current data.",
        run.path,
    )
    return start
