"""The teachers of a run: trained models whose predictions it learns (Kim and Rush 2016)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.models.ensemble import Ensemble
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.special_tokens import SPECIAL_TOKENS
from keras_attention.text.tokenizers import SubwordTokenizer, Tokenizer
from keras_attention.translation.codec import SIDES, TextCodec
from keras_attention.translation.folders.ensemble_folder import member_folders
from keras_attention.translation.folders.model_paths import find_parts, is_export
from keras_attention.translation.model_files import load_codec
from keras_attention.translation.translator import Translator

from ..data.data_paths import teacher_paths
from ..recipe.languages import feature_names
from ..recipe.recipe import Recipe
from ..recipe.text_config import TextConfig
from ..recipe.training_config import TrainingConfig

_Path = str | os.PathLike[str]


def open_teachers(paths: Sequence[_Path]) -> Translator:
    """Load one teacher, or several as an ensemble."""
    check_teachers(paths)
    return Translator.load_ensemble(map(Path, paths))


def check_teachers(paths: Sequence[_Path]) -> TextCodec:
    """Check that teachers are trained models with equal tokenizers, and return their codec."""
    codecs = {path: _read_codec(Path(path)) for path in paths}
    (first, codec), *others = codecs.items()
    for path, other in others:
        if side := codec.differs_in(other):
            raise InputError(
                f"{os.fspath(path)}: expected the same tokenizers and normal forms as in "
                f"{os.fspath(first)}, which all teachers must share. "
                f"Received: a different {side} tokenizer."
            )
    return codec


def check_output(teachers: Sequence[_Path], output: Path) -> None:
    """Check that no teacher is in the folder of a new run, because that folder may be removed."""
    for path in teachers:
        folder = find_parts(Path(path))[0]
        for each in (folder, *member_folders(folder)):
            real = each.resolve()
            if output.resolve() in (real, *real.parents):
                raise InputError(
                    f"{output}: a teacher is in this folder; choose another with --output."
                )


def load_teachers(config: TrainingConfig, codec: TextCodec) -> Seq2Seq | Ensemble:
    """Load the teachers of a recipe's `[training]` section as one model."""
    translator = open_teachers(teacher_paths(config))
    if side := codec.differs_in(translator.codec):
        raise InputError(
            f"{teacher_paths(config)[0]}: expected the tokenizers that the run was started with. "
            f"Received: a teacher with a different {side} tokenizer."
        )
    return translator.model


def teacher_tokenizers(recipe: Recipe) -> tuple[Tokenizer, Tokenizer]:
    """Return the teachers' tokenizers, which the student must share to learn probabilities."""
    paths = teacher_paths(recipe.training)
    codec = check_teachers(paths)
    check_features(recipe, codec, paths[0])
    for side in SIDES:
        _check_text(recipe.text, side, getattr(codec, side), paths[0])
    if recipe.text.joint_vocabulary and not codec.joint_vocabulary:
        raise _other_text(paths[0], "joint_vocabulary", True, False)
    return codec.source, codec.target


def check_features(recipe: Recipe, codec: TextCodec, path: _Path) -> None:
    """Check that the recipe's sources carry the features that a teacher reads."""
    names = set(feature_names(recipe.data.source_features)), set(codec.source.features.vocabularies)
    if names[0] != names[1]:
        own, known = (", ".join(sorted(each)) or "none" for each in names)
        raise InputError(
            f"{os.fspath(path)}: expected a teacher with the source features of the recipe, "
            f"data.source_features: {own}. Received: a teacher with the features: "
            f"{known}."
        )


def _check_text(text: TextConfig, side: str, tokenizer: Tokenizer, path: str) -> None:
    """Check that the recipe's settings for a side match the teacher's tokenizer."""
    form = tokenizer.normalizer
    own = {
        f"{side}_tokenizer": tokenizer.name,
        f"{side}_normalization": form.form,
        "lowercase": form.lowercase,
        "strip": form.strip,
    }
    for key, value in own.items():
        if getattr(text, key) != value:
            raise _other_text(path, key, getattr(text, key), value)
    size, limit = len(tokenizer.vocabulary), getattr(text, f"{side}_vocabulary_size")
    if tokenizer.name != SubwordTokenizer.name:
        size -= len(SPECIAL_TOKENS)
    fits = size == limit if tokenizer.name == SubwordTokenizer.name else size <= limit
    if limit and not fits and not (text.joint_vocabulary and side == "target"):
        raise _other_text(path, f"{side}_vocabulary_size", limit, size)


def _other_text(path: str, key: str, own: object, found: object) -> InputError:
    return InputError(
        f"{path}: a student learns a teacher's probabilities only with the same tokenizers; set "
        f"text.{key}={_toml(found)}, like the teacher, or learn from its outputs only. "
        f"Received: text.{key}={_toml(own)}."
    )


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_codec(path: Path) -> TextCodec:
    if is_export(path):
        raise InputError(
            f"{path}: a teacher must be the folder of a trained model or a .keras checkpoint. "
            "Received: an export."
        )
    return load_codec(find_parts(path)[0])
