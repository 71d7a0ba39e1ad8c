"""Opens models and exports for translation."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from keras_attention.cli.output_limit import named_lines
from keras_attention.cli.search_options import RANKING, option_of
from keras_attention.decoding.options import ServedOptions
from keras_attention.errors import InputError, OptionError, TextError
from keras_attention.translation.folders.model_paths import check_model_path, is_export
from keras_attention.translation.result import Translate, Translation

if TYPE_CHECKING:
    from keras_attention.export.device.device_file import DeviceFile
    from keras_attention.files.file_states import FileState
    from keras_attention.translation.translator import Translator

NumberedTranslate = Callable[[int], Translate]
"""A function that returns the `Translate` function of the texts from a given number on.

Numbers are counted from 0.
"""


def open_translator(
    path: Path, search: Mapping[str, Any] = MappingProxyType({}), **options: Any
) -> Translate:
    """Return the `Translate` function of texts that are numbered from 0; see `open_numbered`."""
    return open_numbered(path, search, **options)(0)


def open_numbered(
    path: Path,
    search: Mapping[str, Any] = MappingProxyType({}),
    *,
    others: Sequence[Path] = (),
    nbest: int = 1,
    batch_size: int = 64,
    replace_unknown: bool = False,
    whole_vocabulary: bool = False,
    max_tokens: int | None = None,
    any_length: bool = False,
    features: Mapping[str, str] = MappingProxyType({}),
) -> NumberedTranslate:
    """Open a model's folder, a checkpoint, a SavedModel or a TFLite file for translation.

    With an integer seed, a sample depends on the number of its text, so parts of a file that are
    translated on their own get the same samples as the whole file.

    Args:
        path: the folder or file.
        search: `prefix`, `allowed`, `pattern` and fields of `SearchOptions`, which override the
            model's settings.
        others: models that search together with this one, as an ensemble.
        nbest: number of hypotheses to return.
        batch_size: largest number of sources in a batch; an export uses the size stored in it.
        replace_unknown: whether source words replace `<unk>`; see `TextCodec`.
        whole_vocabulary: whether to ignore a model's short list; exports have none.
        max_tokens: largest number of tokens of a text; a SavedModel does not support it. Default:
            the translator's limit.
        any_length: whether to remove a model's limit on tokens; an export keeps its limit.
        features: values of source features by name, for texts that do not carry them.
    """
    for each in (path, *others):
        check_model_path(each)
    if exports := [each for each in (path, *others) if is_export(each)]:
        if others:
            raise InputError(
                f"{exports[0]}: an export cannot be part of an ensemble; --with requires folders "
                f"of models. Received: --with {others[0]}."
            )
        _check_for_export(path, max_tokens, replace_unknown, whole_vocabulary)
        export = _open_export(path, search, nbest, features, max_tokens)
        return lambda first: export  # an export does not sample
    if any_length:
        from keras_attention.text.text_limit import UNLIMITED

        max_tokens = UNLIMITED
    search = {**search, "features": features}
    translator = load_local(
        [path, *others], search, whole_vocabulary=whole_vocabulary, max_tokens=max_tokens
    )
    width = search.get("beam_width", translator.codec.settings.beam_width)
    _check_nbest(nbest, width)
    _check_ranked(search, width)
    replaces = replace_unknown and not translator.codec.settings.replace_unknown
    return partial(_translate_from, translator, batch_size, search, replaces)


def _check_for_export(
    path: Path, max_tokens: int | None, replace_unknown: bool, whole_vocabulary: bool
) -> None:
    """Check that no option is given that an export does not support."""
    if replace_unknown:
        raise InputError(
            f"{path}: --replace-unknown requires the model's folder; an export replaces `<unk>` "
            "only if its model was trained with decoding.replace_unknown=true."
        )
    if path.suffix != ".tflite" and max_tokens is not None:
        raise InputError(
            f"{path}: --max-tokens requires the model's folder or a TFLite file; the limit of a "
            f"SavedModel is fixed when it is written. Received: --max-tokens {max_tokens}."
        )
    if whole_vocabulary:
        raise InputError(
            f"{path}: --whole-vocabulary requires the model's folder; an export always considers "
            "all target tokens. Received: --whole-vocabulary."
        )


def _translate_from(
    translator: "Translator",
    batch_size: int,
    search: Mapping[str, Any],
    replaces: bool,
    first: int,
) -> Translate:
    """Return a function that counts the texts of all its calls, `first` being the first number."""
    done = first

    def translate(texts: Iterable[str]) -> Iterator[Translation]:
        nonlocal done
        found = translator.stream(list(texts), batch_size=batch_size, first=done, **search)
        try:
            for each in found:
                done += 1
                yield translator.codec.replace_unknown(each) if replaces else each
        except TextError:
            done += 1
            raise

    return translate


def load_local(
    paths: Sequence[Path],
    search: Mapping[str, Any],
    *,
    whole_vocabulary: bool,
    max_tokens: int | None,
) -> "Translator":
    """Load the models at some paths, and check the options of `Translator.stream` in `search`."""
    from keras_attention.translation.translator import Translator

    translator = Translator.load_ensemble(paths)
    if whole_vocabulary:
        translator.short_list = None
    translator.max_tokens = max_tokens or translator.max_tokens
    with named_lines(search):
        translator.stream([], **search)
    return translator


def lines_at_once(path: Path, batch_size: int, *, sample: bool = False) -> int:
    """Return how many lines to collect; without sampling, a model sorts them by length.

    So does a TFLite file that searches several texts together. It uses its own batch size.
    """
    from keras_attention.text.padded_batches import SORTED_BATCHES

    if path.suffix == ".tflite":
        own = read_tflite(path).batch_size
        return own * SORTED_BATCHES if own > 1 else batch_size
    return batch_size if sample or is_export(path) else batch_size * SORTED_BATCHES


def read_tflite(path: Path) -> "DeviceFile":
    """Return the content of a TFLite file; read it again only if its `FileState` has changed."""
    from keras_attention.files.file_states import FileState

    return _read_tflite(path, FileState.of(path))


@lru_cache(1)
def _read_tflite(path: Path, state: "FileState") -> "DeviceFile":
    from keras_attention.export.device.device_file import read_device_file
    from keras_attention.files.artefacts import LARGEST_MODEL, read_artefact

    return read_device_file(read_artefact(path, largest=LARGEST_MODEL), str(path))


def _open_export(
    path: Path,
    search: Mapping[str, Any],
    nbest: int,
    features: Mapping[str, str],
    max_tokens: int | None,
) -> Translate:
    served = [known.key for known in ServedOptions.settings()]
    taken = [*(["beam_width"] if path.suffix == ".tflite" else served), "terms"]
    if refused := [name for name in search if name not in taken]:
        options = ", ".join(map(option_of, taken))
        raise InputError(
            f"{path}: an export of this format supports only the search options {options} and "
            f"--nbest; others require the model's folder. Received: {option_of(refused[0])}."
        )
    if path.suffix == ".tflite":
        return _open_tflite(path, search, nbest, features, max_tokens)
    from keras_attention.export.saved_model.saved_model_translator import SavedModelTranslator

    saved = SavedModelTranslator.load(path)
    search = {**search, "features": features}
    with named_lines(search):
        saved.stream([], nbest=nbest, **search)  # checks the options
    return partial(saved.stream, nbest=nbest, **search)


def _open_tflite(
    path: Path,
    search: Mapping[str, Any],
    nbest: int,
    features: Mapping[str, str],
    max_tokens: int | None,
) -> Translate:
    from keras_attention.export.device.device_translator import DeviceTranslator

    device, width = DeviceTranslator.load(path, max_tokens=max_tokens), search.get("beam_width")
    own = device.manifest["beam_width"]
    if "terms" in search:
        return _with_terms(device, search["terms"], width or own, nbest, features)
    if width not in (None, 1, own):
        raise InputError(
            f"{path}: --beam must be {own}, the beam width it was exported with, or 1. "
            f"Received: --beam {width}."
        )
    _check_nbest(nbest, width or own)
    device.translate_each([], features=features)  # checks the features
    beam = nbest > 1 or (width or 1) > 1
    return partial(device.translate_each, beam=beam, features=features)


def _with_terms(
    device: Any, terms: Any, width: int, nbest: int, features: Mapping[str, str]
) -> Translate:
    from keras_attention.export.tflite.device_terms import translate_with_terms

    _check_nbest(nbest, width)
    options = {"beam_width": width, "nbest": nbest, "features": features}
    with named_lines({"terms": terms}):
        translate_with_terms(device, [], terms, **options)  # checks the options
    return partial(translate_with_terms, device, terms=terms, **options)


def _check_nbest(nbest: int, width: int) -> None:
    if nbest > width:
        rule = f"must not exceed {{beam_width}}, which is {width}"
        raise OptionError("nbest", rule, nbest=nbest)


def _check_ranked(search: Mapping[str, Any], width: int) -> None:
    for name in RANKING:
        if width == 1 and search.get(name):
            rule = "has no effect without beam search, which requires a {beam_width} of at least 2"
            raise OptionError(name, rule, **{name: search[name], "beam_width": width})
