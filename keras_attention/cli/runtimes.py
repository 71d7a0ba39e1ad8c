"""Which runtime a path asks for, and which pairs a model is judged on."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from keras_attention.errors import InputError
from keras_attention.translation import Translation

Translate = Callable[[Iterable[str]], list[Translation]]


def open_translator(
    path: Path,
    beam_width: int | None = None,
    length_penalty: float | None = None,
    nbest: int = 1,
    *,
    replace_unknown: bool = False,
) -> Translate:
    """The translator behind a path: Keras folder, SavedModel version folder or TFLite file.

    Args:
        path: the folder or file.
        beam_width: hypotheses searched; default the model's own.
        length_penalty: default the model's own.
        nbest: hypotheses that are wanted.
        replace_unknown: whether source words stand in for `<unk>`; see `TextCodec`.

    Raises:
        InputError: if there is none, or the search options do not fit it.
    """
    exported = path.suffix == ".tflite" or (path / "saved_model.pb").is_file()
    if exported and (beam_width, length_penalty, nbest) != (None, None, 1):
        raise InputError(
            f"{path}: an export searches as it was exported; --beam, --length-penalty and "
            "--nbest need the model's folder."
        )
    if exported and replace_unknown:
        raise InputError(f"{path}: --replace-unknown needs the model's folder.")
    if path.suffix == ".tflite":
        from keras_attention.export.device import DeviceTranslator

        return DeviceTranslator.load(path)
    if exported:
        from keras_attention.export.saved_model import SavedModelTranslator

        return SavedModelTranslator.load(path)
    from keras_attention.translator import Translator

    translator = Translator.load(path)
    width = beam_width or translator.codec.settings.beam_width
    if nbest > width:
        raise InputError(
            f"--nbest must not be over the beam width, {width}. Received: --nbest {nbest}."
        )

    def translate(texts: Iterable[str]) -> list[Translation]:
        found = translator(texts, beam_width=width, length_penalty=length_penalty)
        return list(map(translator.codec.replace_unknown, found)) if replace_unknown else found

    return translate


def export_all(translator: Any, folder: Path, *, version: int = 1) -> list[Path]:
    """Writes the SavedModel and the TFLite file of a translator into its folder."""
    from keras_attention.export.saved_model import export_saved_model
    from keras_attention.export.tflite import export_tflite

    name = folder.resolve().name
    return [
        export_saved_model(translator, folder, version=version),
        export_tflite(translator, folder / f"{name}.tflite"),
    ]


def evaluation_pairs(
    model: Path,
    data: Path | None = None,
    data_format: str = "tsv",
    target: Path | None = None,
) -> tuple[list[tuple[str, str]], set[str]]:
    """The pairs of a file, or those the model's own recipe held out.

    Returns:
        The pairs, and the sources that the model was trained on (empty for a file).

    Raises:
        InputError: if the file cannot be used, or the model brings no recipe or held-out pairs.
    """
    from keras_attention.training.data import read_pairs, split_pairs
    from keras_attention.training.data_paths import literal
    from keras_attention.training.recipe import load_recipe
    from keras_attention.training.sections import DataConfig

    if data is not None:
        paths = {"path": literal(str(data)), "target_path": literal(str(target or ""))}
        return read_pairs(DataConfig(format=data_format, **paths)), set()
    folder = model if model.is_dir() else model.parent
    if not (folder / "recipe.toml").is_file():
        folder = folder.parent
    if not (folder / "recipe.toml").is_file():
        raise InputError(f"{model}: brings no recipe.toml, so no held-out pairs; name a file.")
    recipe = load_recipe(folder / "recipe.toml")
    training, held_out = split_pairs(recipe.data, recipe.seed)
    if not held_out:
        raise InputError(f"{folder}: its recipe held no pairs out; name a file.")
    return held_out, {source for source, _ in training}
