"""The trained model that a run is fine-tuned from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from keras_attention.errors import InputError
from keras_attention.text.text_limit import UNLIMITED
from keras_attention.translation.folders.model_paths import check_model_path
from keras_attention.translation.model_files import find_parts
from keras_attention.translation.translator import Translator

from ..data.pairs import Pair, read_pairs, split_pairs
from ..recipe.recipe import Recipe
from ..recipe.start_settings import check_start_settings
from .fingerprints import Fingerprint
from .held_out import read_held_out
from .run_data import digest_pairs, load_run_recipe, read_run_data
from .run_files import RECIPE_FILE

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartModel:
    """A trained model in its run folder.

    Attributes:
        folder: the run folder.
        fingerprint: path and digest of the model's file.
        recipe: the recipe that it was trained with.
    """

    folder: Path
    fingerprint: Fingerprint
    recipe: Recipe

    @classmethod
    def find(cls, path: str | Path) -> StartModel:
        """Find the model of a run folder, or a checkpoint in it."""
        folder, file = find_parts(Path(path))
        check_model_path(folder)
        if not file.is_file():
            found = f"a folder without {file.name}" if folder.is_dir() else "a file"
            raise InputError(
                f"{folder}: expected the run folder of a trained model for --from. "
                f"Received: {found}."
            )
        if not (folder / RECIPE_FILE).is_file():
            raise InputError(
                f"{folder}: has no {RECIPE_FILE}, so the settings of its model are not known; "
                "--from requires the run folder of a trained model."
            )
        return cls(folder, Fingerprint.of(file.absolute()), load_run_recipe(folder))

    @classmethod
    def find_again(cls, fingerprint: Fingerprint) -> StartModel:
        """Find the model that a run recorded."""
        found = cls.find(fingerprint.path)
        if found.fingerprint.sha256 != fingerprint.sha256:
            raise InputError(
                f"{fingerprint.path}: changed since a run was started from it; restore the file, "
                "or start again with --overwrite."
            )
        return found

    @cached_property
    def translator(self) -> Translator:
        """The model with its tokenizers, without a limit on the length of texts."""
        translator = Translator.load(self.fingerprint.path)
        translator.max_tokens = UNLIMITED
        return translator

    @property
    def held_out(self) -> list[Pair]:
        """The held-out pairs of its run."""
        return read_held_out(self.folder).pairs

    def check_recipe(self, recipe: Recipe) -> None:
        """Check that a recipe describes this model."""
        own = self.recipe
        sections = recipe.model, recipe.text, recipe.data
        given = {key: value for section in sections for key, value in section.by_key().items()}
        check_start_settings(given, own.model, own.text, own.data)
        longest = recipe.data.max_source_length, own.data.max_source_length
        if own.model.scores_by_location and longest[0] != longest[1]:
            raise InputError(
                f"`data.max_source_length` must be {longest[1]}, as in the model given with "
                "--from, because model.score='location' has a weight for each position. "
                f"Received: data.max_source_length={longest[0]}."
            )

    def draw_pairs(
        self, share: float, new: Sequence[Pair], held_out: Sequence[Pair], seed: int
    ) -> list[Pair]:
        """Draw pairs of this model's run, to be trained on together with new ones.

        They become `share` of all training pairs. Held-out pairs of either run are not drawn.
        """
        if not share:
            return []
        kept = {*held_out, *self.held_out}
        pairs = self._training_pairs()
        places = [place for place, pair in enumerate(pairs) if pair not in kept]
        count = round(share / (1 - share) * len(new))
        if count > len(places):
            _logger.warning(
                "data.replay=%g asks for %d pairs of %s, which has only %d; all of them are used.",
                *(share, count, self.folder, len(places)),
            )
        drawn = np.random.default_rng(seed).permutation(len(places))[:count]
        return [pairs[places[index]] for index in drawn]

    def _training_pairs(self) -> Sequence[Pair]:
        """Return the training pairs of the run, and warn if they have changed since."""
        recipe, data = self.recipe, read_run_data(self.folder)
        if data is not None and data.changed:
            training = read_pairs(recipe.data, recipe.seed)
        else:
            training, _ = split_pairs(recipe.data, recipe.seed)
            if data is not None and digest_pairs(training) != data.training:
                _logger.warning(
                    "%s: the training pairs have changed since the run was started; data.replay "
                    "draws from the current ones.",
                    self.folder,
                )
        return training
