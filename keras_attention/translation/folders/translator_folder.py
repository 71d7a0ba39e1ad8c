"""The folder of a translator: a single model with its tokenizers and settings, or an ensemble."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from keras_attention.decoding.confidence import Confidence
from keras_attention.decoding.search import check_room
from keras_attention.decoding.short_list import ShortList
from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import check_kind, write_file
from keras_attention.models.ensemble import Ensemble, members_of
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.translation.codec import TextCodec
from keras_attention.translation.file_names import MODEL_FILE
from keras_attention.translation.folders.ensemble_folder import (
    ENSEMBLE_FILE,
    is_ensemble,
    member_folders,
    read_members,
    write_members,
)
from keras_attention.translation.model_files import (
    check_tokenizers,
    copy_for_inference,
    find_parts,
    is_narrow,
    load_codec,
    load_confidence,
    load_model,
    load_short_list,
    save_confidence,
    save_model,
    save_short_list,
)
from keras_attention.translation.outputs.output_rule import OutputRule
from keras_attention.translation.outputs.stored_rule import check_storable, load_rule, save_rule
from keras_attention.translation.text_preprocessor import TextPreprocessor


class TranslatorParts(NamedTuple):
    """The parts of a translator that its folder contains, named as the arguments of `Translator`.

    An ensemble's folder contains only its members and the output rule.
    """

    model: Seq2Seq | Ensemble
    codec: TextCodec
    short_list: ShortList | None = None
    confidence: Confidence | None = None
    output_rule: OutputRule | None = None


def load_parts(path: Path, *, with_confidence: bool = True) -> TranslatorParts:
    """Load the parts of a translator; see `Translator.load`."""
    if is_ensemble(path):
        parts = load_members(member_folders(path))
        own = load_rule(path, parts.codec.target)
        return parts._replace(output_rule=own or parts.output_rule)
    folder, file = find_parts(path)
    codec = load_codec(folder)
    rule = load_rule(folder, codec.target)
    model, short_list = load_model(file), load_short_list(folder, codec)
    confidence = load_confidence(folder, file) if with_confidence else None
    check_tokenizers(file, folder, codec)
    if is_narrow(model):  # a checkpoint keeps the precision that it was trained in
        model = copy_for_inference(model)
    try:
        model.preprocessor = TextPreprocessor.from_codec(codec)
        check_room(model, codec.settings.max_length)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    model.preprocessor.output_rule = rule
    return TranslatorParts(model, codec, short_list, confidence, rule)


def load_members(paths: Iterable[str | Path]) -> TranslatorParts:
    """Load the parts of several models as one ensemble; see `Translator.load_ensemble`."""
    if isinstance(paths, str | Path):
        raise InputError(f"expected a list of paths. Received: the single path {paths}.")
    paths = list(paths)
    if not paths:
        raise InputError("expected at least one model. Received: none.")
    alone = len(paths) == 1
    loaded = [(path, load_parts(Path(path), with_confidence=alone)) for path in paths]
    (first, parts), *others = loaded
    for path, other in others:
        if side := parts.codec.differs_in(other.codec):
            raise InputError(
                f"{path}: expected the same tokenizers as in {first}, which all models of an "
                f"ensemble must share. Received: a different {side} tokenizer."
            )
    if not others:
        return parts
    models = [model for _, each in loaded for model in members_of(each.model)]
    return TranslatorParts(Ensemble(models), parts.codec, output_rule=parts.output_rule)


def save_parts(parts: TranslatorParts, folder: Path) -> None:
    """Write the parts of a translator; see `Translator.save`."""
    check_storable(parts.output_rule)
    check_kind(folder, folder, folder=True)
    if isinstance(parts.model, Ensemble):
        _save_members(parts.model, parts.codec, folder)
    else:
        _save_single(parts, folder)
    save_rule(parts.output_rule, folder)


def _save_single(parts: TranslatorParts, folder: Path) -> None:
    if is_ensemble(folder):
        raise _other_kind(folder / ENSEMBLE_FILE, "a single model")
    folder.mkdir(parents=True, exist_ok=True)
    for name, file_bytes in parts.codec.to_files().items():
        write_file(folder / name, file_bytes)
    save_short_list(parts.short_list, folder)
    save_model(parts.model, folder / MODEL_FILE, codec=parts.codec)
    save_confidence(parts.confidence or Confidence(), folder)


def _save_members(ensemble: Ensemble, codec: TextCodec, folder: Path) -> None:
    if (folder / MODEL_FILE).exists():
        raise _other_kind(folder / MODEL_FILE, "an ensemble")
    if is_ensemble(folder) and any(seed is not None for seed in read_members(folder).values()):
        raise InputError(
            f"{folder}: expected a new folder to save an ensemble. Received: the folder of "
            "`train --seeds`, whose runs would no longer belong to it."
        )
    names = [f"member-{number}" for number in range(1, len(ensemble.models) + 1)]
    for name, model in zip(names, ensemble.models, strict=True):
        save_parts(TranslatorParts(model, codec), folder / name)
    write_members(folder, dict.fromkeys(names))


def _other_kind(file: Path, kind: str) -> InputError:
    return InputError(
        f"{file.parent}: expected a new folder, or one that already holds {kind}, to save {kind}. "
        f"Received: a folder with {file.name}."
    )
