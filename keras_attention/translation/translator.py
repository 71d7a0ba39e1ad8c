"""The `Translator`, which returns the text, score, tokens and alignment of a translation.

The steps of a translation, with the function for each step:

    text            given to `Translator.__call__`, which calls `Translator.stream`
    -> batch        texts of similar length, which `TextSearch` encodes, collects and pads
    -> encoder      `Seq2Seq.encode`: memory and first state, compiled by `Searches` with the search
    -> search       `search` picks `greedy_search`, `beam_search` or `sample_search`, which call
                    `Seq2Seq.step` for each target token
    -> tokens       `Hypotheses`: ids, scores and alignments
    -> Translation  `TextCodec.translations`, which joins the tokens to text
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any, overload

import keras

from keras_attention.decoding.confidence import Confidence
from keras_attention.decoding.options import SearchOptions
from keras_attention.decoding.search import check_room
from keras_attention.decoding.short_list import ShortList
from keras_attention.errors import InputError, OptionError, check_positive, check_texts
from keras_attention.kinds import check_kind
from keras_attention.models.ensemble import Ensemble, members_of
from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.progress import is_interactive, report_progress
from keras_attention.settings.arguments import keyword_arguments
from keras_attention.text.padded_batches import BATCH_NUMBERS, BATCH_TOKENS
from keras_attention.text.text_limit import default_limit
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.translation.batched_pairs import EncodedPair, map_pairs
from keras_attention.translation.codec import TextCodec, pad
from keras_attention.translation.compatibility import check_sizes, make_codec
from keras_attention.translation.folders.presets import (
    check_preset_folder,
    find_preset,
    write_card,
)
from keras_attention.translation.folders.translator_folder import (
    TranslatorParts,
    load_members,
    load_parts,
    save_parts,
)
from keras_attention.translation.model_files import (
    build_model,
    check_finite_weights,
    copy_for_inference,
    is_narrow,
    save_short_list,
)
from keras_attention.translation.outputs.kept_rules import KeptRules
from keras_attention.translation.outputs.output_rule import OutputRule
from keras_attention.translation.processes import LoadedModel
from keras_attention.translation.result import PairScore, StreamedToken, Translation
from keras_attention.translation.searches.compiled_search import (
    Searches,
    compile_aligner,
    compile_scorer,
)
from keras_attention.translation.searches.streaming import check_streamed
from keras_attention.translation.searches.text_search import TextSearch


class Translator:
    """A trained model and its tokenizers.

    Several threads can call a translator at the same time. With an integer seed, they draw the same
    samples as one thread. With a `SeedGenerator`, the samples depend on the order of the threads.
    To use a translator in other processes, let `multiprocessing` spawn them, and pass the
    translator, which can be pickled. Forked processes cannot use it.

    Args:
        model: a `Seq2Seq`, or an `Ensemble` of several.
        codec: its tokenizers and search settings.
        short_list: limits the target tokens that a search considers. Default: no limit. Also an
            attribute. Ensembles do not use it.
        max_tokens: largest number of tokens of a text, `</s>` included. Longer texts are errors,
            and so are texts of more than 16,384 bytes, or 16 bytes per token if that is more. Also
            an attribute. Default: 1024, or the codec's `max_source_length` if that is more.
        confidence: temperature and threshold of the outputs' confidences, which `evaluate`
            measures. Also an attribute. Default: a temperature of 1 and no threshold.
        output_rule: the outputs that the translator may return. Default: all. Also an attribute,
            which `limit_outputs` sets. Exports of the translator store it, and so does `save`.

    Raises:
        InputError: if the model is not a `Seq2Seq` or `Ensemble`, if its vocabulary sizes differ
            from the codec's, or if it does not support outputs as long as the codec's settings
            allow.
        ValueError: if `max_tokens` is not a positive integer.

    Example:
        translator = Translator.load("saved_models/dates")
        translation = translator("march 27, 2016", beam_width=4)
        translation.text, translation.score, translation.tokens, translation.alignment
    """

    def __init__(
        self,
        model: Seq2Seq | Ensemble,
        codec: TextCodec,
        short_list: ShortList | None = None,
        *,
        max_tokens: int | None = None,
        confidence: Confidence | None = None,
        output_rule: OutputRule | None = None,
    ) -> None:
        self._mark = LoadedModel("a Translator")
        check_sizes(model, codec)
        build_model(model)
        if max_tokens is None:
            max_tokens = default_limit(codec.settings.max_source_length)
        check_positive(max_tokens=max_tokens)
        check_room(model, codec.settings.max_length)
        self.model = model
        self.codec = codec
        self.short_list = short_list
        self.max_tokens = max_tokens
        self.confidence = confidence or Confidence()
        self.output_rule = output_rule
        self._rules = KeptRules(codec.source, codec.target)
        self._searches = Searches(model)

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling; the copy compiles its functions again."""
        # Unpickle the marker first: in a forked process it raises an error; the model would hang.
        return _remake, (self._mark, {**self._parts._asdict(), "max_tokens": self.max_tokens})

    @property
    def _parts(self) -> TranslatorParts:
        return TranslatorParts(*(getattr(self, name) for name in TranslatorParts._fields))

    @classmethod
    def load(cls, path: str | Path) -> "Translator":
        """Load a model folder that `save`, `train` or `quickstart` wrote.

        Args:
            path: a model's folder, or the folder of an ensemble, as `train --seeds` writes it; or a
                `.keras` file, such as a checkpoint, in a model's folder or in one of its
                subfolders.

        Raises:
            InputError: if the folder is missing, does not contain a model, or has a damaged file.
                Also if a member of an ensemble is missing, or its tokenizers differ from those of
                the first member.
        """
        return cls(**load_parts(Path(path))._asdict())

    @classmethod
    def from_model(
        cls,
        model: Seq2Seq,
        source_tokenizer: Tokenizer | None = None,
        target_tokenizer: Tokenizer | None = None,
        *,
        max_source_length: int | None = None,
        max_length: int | None = None,
        **settings: Any,
    ) -> "Translator":
        """Make a translator from a model that you trained yourself and its tokenizers.

        It can be saved and exported like one that `load` returns. It computes in float32, so it
        contains a float32 copy of a model in mixed precision.

        Args:
            model: a trained `Seq2Seq`. A model that was never built gets random weights, and a
                warning is logged.
            source_tokenizer: the tokenizer of its sources, such as a `CharacterTokenizer`. Default:
                that of the model's `preprocessor`.
            target_tokenizer: the tokenizer of its targets. Default: that of the `preprocessor`.
            max_source_length: largest number of source tokens in a browser, `</s>` included, where
                a TFLite file has fixed shapes. Default: that of the `preprocessor`.
            max_length: largest number of target tokens of an output, `</s>` included. Default: that
                of the `preprocessor`.
            **settings: defaults for the model's searches, which replace those of the
                `preprocessor`: fields of `StoredOptions`, and `replace_unknown`, whether source
                tokens replace `<unk>` (default: whether the model copies).

        Raises:
            InputError: if the model is not a `Seq2Seq`, if a weight is not a finite number, if its
                vocabulary sizes differ from those of the tokenizers, or if a setting is unknown or
                out of its range.

        Example:
            >>> from keras_attention import CharacterTokenizer, Seq2Seq, Vocabulary
            >>> letters = CharacterTokenizer(Vocabulary("abc"))
            >>> model = Seq2Seq(len(letters.vocabulary), len(letters.vocabulary), units=4)
            >>> translator = Translator.from_model(  # after `model.fit`
            ...     model, letters, letters, max_source_length=20, max_length=10, beam_width=2
            ... )
            >>> translator("cab").source_tokens
            ('c', 'a', 'b', '</s>')
        """
        lengths = {"max_source_length": max_source_length, "max_length": max_length}
        settings |= {name: length for name, length in lengths.items() if length is not None}
        preprocessor = getattr(model, "preprocessor", None)
        if preprocessor is not None:
            source_tokenizer = source_tokenizer or preprocessor.codec.source
            target_tokenizer = target_tokenizer or preprocessor.codec.target
            settings = {**preprocessor.settings, **settings}
        check_kind(model, Seq2Seq)
        build_model(model)
        codec = make_codec(model, source_tokenizer, target_tokenizer, **settings)
        check_finite_weights(model)
        rule = None
        if preprocessor is not None and target_tokenizer is preprocessor.codec.target:
            rule = preprocessor.output_rule
        inferring = copy_for_inference(model) if is_narrow(model) else model
        return cls(inferring, codec, output_rule=rule)

    @classmethod
    def load_ensemble(cls, paths: Iterable[str | Path]) -> "Translator":
        """Load several models as an ensemble, which searches with the settings of the first model.

        The outputs are limited as those of the first model are. The confidences of the models are
        not read, because they were measured for each model alone.

        Args:
            paths: paths for `load`, at least one. For a single path, return the result of `load`.
                The folder of an ensemble adds all its members.

        Raises:
            InputError: if a model cannot be loaded, or their tokenizers differ.
        """
        return cls(**load_members(paths)._asdict())

    @property
    def single_model(self) -> Seq2Seq:
        """The model, if it is not an ensemble.

        Raises:
            InputError: if it is an ensemble.
        """
        if isinstance(self.model, Ensemble):
            count = len(self.model.models)
            raise InputError(f"expected a single model. Received: an ensemble of {count} models.")
        return self.model

    def limit_outputs(
        self, *, allowed: Iterable[str] | None = None, pattern: str | None = None
    ) -> None:
        r"""Limit the outputs of all later searches, and of the exports of this translator.

        `save` stores the limit with the model. Without arguments, remove the limit.

        Args:
            allowed: the texts that an output may be; see `stream`.
            pattern: a regular expression that the whole output must match; see `stream`.

        Raises:
            InputError: if both are given, or one cannot be used.

        Example:
            >>> from keras_attention import CharacterTokenizer, Seq2Seq, Vocabulary
            >>> digits = CharacterTokenizer(Vocabulary("0123456789-"))
            >>> translator = Translator.from_model(
            ...     Seq2Seq(15, 15, units=4), digits, digits, max_source_length=20, max_length=11
            ... )
            >>> translator.limit_outputs(pattern=r"\d{4}-\d\d-\d\d")
            >>> translator("12").text[4::3]
            '--'
        """
        self.output_rule = self._rules.output_rule(allowed, pattern)
        for member in members_of(self.model):
            if member.preprocessor is not None:  # for `Seq2Seq.export`
                member.preprocessor.output_rule = self.output_rule

    def save(self, folder: str | Path) -> None:
        """Write the model, its tokenizers, its confidence and the limit on its outputs to `folder`.

        Each file is written atomically. Each member of an ensemble is written to its own subfolder,
        without a confidence and a limit. `load` can also read such a subfolder as a single model.

        Raises:
            InputError: if `folder` is a file; if a single model is written to an ensemble's folder,
                or the reverse; if the `output_rule` was made from an automaton.
        """
        save_parts(self._parts, Path(folder))

    @classmethod
    def from_preset(cls, preset: str | Path) -> "Translator":
        """Load a translator from a folder or from a hub.

        Args:
            preset: a model's folder; or `hf://USER/NAME` on the Hugging Face Hub, or
                `kaggle://USER/MODEL/keras/VARIATION`, which need the extra `[hub]`.

        Raises:
            InputError: if the download fails, or the folder cannot be loaded.
        """
        return cls.load(find_preset(preset))

    def save_to_preset(
        self,
        folder: str | Path,
        metrics: Mapping[str, float | str] | None = None,
        training: Mapping[str, str] | None = None,
        **tags: str,
    ) -> None:
        """Save the translator with a model card, ready for `upload_preset`.

        `keras_attention.training.run_facts` returns `metrics` and `training` for the folder of a
        trained model: `translator.save_to_preset("months", **run_facts("saved_models/dates"))`.

        Args:
            folder: the folder to write, which should not be a run folder: `train --overwrite` does
                not remove a run whose folder contains a model card.
            metrics: measured figures by name, for the card.
            training: facts about the training by name, for the card, such as the data and its
                licence.
            **tags: further entries of the card's header, such as `license="cc-by-sa-4.0"` and
                `language="ko"`.

        Raises:
            InputError: if `folder` is an address or a file, or has a README.md but no model.
            TypeError: if `metrics` or `training` is not a mapping.
        """
        check_preset_folder(folder)
        for name, value in (("metrics", metrics), ("training", training)):
            if not isinstance(value, Mapping | None):
                raise TypeError(f"`{name}` must be a mapping. Received: {type(value).__name__}.")
        model = self.single_model
        self.save(folder)
        write_card(
            Path(folder),
            model,
            self.codec,
            metrics=metrics or {},
            training=training or {},
            tags=tags,
        )

    def save_short_list(self, folder: str | Path) -> None:
        """Write the short list only; if there is none, remove an existing file."""
        save_short_list(self.short_list, Path(folder))

    @overload
    def __call__(self, texts: str, **options: Any) -> Translation: ...
    @overload
    def __call__(self, texts: Iterable[str], **options: Any) -> list[Translation]: ...
    def __call__(self, texts: Any, *, progress: bool | None = None, **options: Any) -> Any:
        """Translate one text or many.

        Args:
            texts: a string, or an iterable of strings. The output of a text without tokens, such
                as an empty text, is empty with a score of 0, here and in every export.
            progress: whether to show a progress bar with the time left on standard error, after two
                seconds. Default: only in notebooks and other interactive sessions.
            **options: options of `stream`, such as `beam_width`.

        Returns:
            One `Translation` for a string, a list in the same order for an iterable.

        Raises:
            TextError: if a text has more than `max_tokens` tokens.
            TypeError: if `texts` is neither a string nor an iterable of strings, or an option is
                unknown.
        """
        if isinstance(texts, str):
            return next(self.stream([texts], **options))
        texts = list(check_texts(texts))
        if not (is_interactive() if progress is None else progress):
            return list(self.stream(texts, **options))
        with report_progress(len(texts), unit="texts") as advance:
            return list(self.stream(texts, advance=advance, **options))

    @overload
    def stream(self, texts: str, **options: Any) -> Iterator[StreamedToken]: ...
    @overload
    def stream(self, texts: Iterable[str], **options: Any) -> Iterator[Translation]: ...
    def stream(
        self,
        texts: Any,
        *,
        prefix: str = "",
        allowed: Iterable[str] | None = None,
        pattern: str | None = None,
        terms: Mapping[str, str | Sequence[str]] | Iterable[str | Sequence[str]] | None = None,
        batch_size: int = 64,
        first: int = 0,
        advance: Callable[[int], object] = lambda count: None,
        features: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """Translate `texts` in order, batch by batch, or one text token by token.

        A string is translated greedily, and each token is yielded as soon as it is chosen. The
        tokens are those of a call with `beam_width=1`, without `</s>`.

        Args:
            texts: a string, or any iterable of strings. From a list or tuple, 16 batches are read
                at a time and sorted by length, which is faster; sampling keeps the order of the
                texts.
            prefix: a text that every output must begin with.
            allowed: the allowed outputs, instead of the translator's `output_rule`. Search
                considers each text only in the tokens into which the target tokenizer splits it.
                Empty texts are ignored.
            pattern: a regular expression of `re` that the whole output must match, instead of the
                `output_rule`. Search considers all ways to split a text into tokens. Not
                supported: back-references, look-around, word boundaries, atomic groups and
                possessive quantifiers.
            terms: a mapping from each source term to its target term, or to a list of forms of the
                target term. If a source contains the source term, its output contains one of the
                forms, as whole words. A term that ends with `*` also matches longer words. Pass a
                list instead of a mapping for terms that all outputs must contain. Requires a
                `beam_width` of at least 2, and may return fewer hypotheses than that.
            batch_size: largest number of sources in a batch, a positive integer. Batches of long
                sources are smaller, with at most 16,384 padded tokens. Batches with a large
                `beam_width` are smaller too, with at most 134,217,728 logits in a step and as many
                alignment weights.
            first: number of the first text, from 0 to 2 ** 62. With an integer seed, a sample
                depends on the number of its text, so separate calls for parts of a file draw the
                same samples as one call for the whole file.
            advance: called with the number of texts finished since its last call, after each
                batch.
            features: the value of each source feature, by name, for texts without a tag of it; see
                `add_features`.
            **options: fields of `SearchOptions`, instead of the model's own settings. With the same
                seed and texts you get the same samples, with any batch size and in any thread.

        Returns:
            For an iterable, an iterator of `Translation` objects; for a string, of `StreamedToken`
            objects with the text so far.

        Raises:
            OptionError: if a string is given with a beam, with sampling or with `terms`.
            ValueError: if an option is out of its range, if the prefix or an `allowed` text has
                unknown tokens, if no output of the `pattern` can be written, or if the model does
                not have one of the `features`.
            TextError: if a text has more than `max_tokens` tokens, or lacks a source feature, or
                if its terms do not fit into `max_length` tokens. The translations of the texts
                before it are yielded first. Also if one of the `terms` cannot be used.
            TypeError: if `texts` is not an iterable of strings, or an option is unknown.
        """
        by_token = isinstance(texts, str)
        texts = [texts] if by_token else check_texts(texts)
        self._mark.check_process()
        check_positive(batch_size=batch_size)
        if not isinstance(first, Integral) or not 0 <= first <= 2**62:
            raise ValueError(f"`first` must be an integer from 0 to 2 ** 62. Received: {first!r}.")
        others = keyword_arguments(Translator.stream) + keyword_arguments(Translator.__call__)
        SearchOptions.check_names(options, *others)
        if by_token:
            options = {"beam_width": 1, **options}
            check_streamed(**options, terms=terms)
        search = self._text_search(options, prefix, allowed, pattern)
        texts = self.codec.source.features.add_to(texts, features)
        if by_token:
            return search.stream(next(iter(texts)))
        forced = self._rules.term_rule(terms, search.options, search.rule)
        return search.translate(texts, forced, batch_size=batch_size, first=first, advance=advance)

    def _text_search(
        self,
        options: Mapping[str, Any],
        prefix: str,
        allowed: Iterable[str] | None,
        pattern: str | None,
    ) -> TextSearch:
        """Check the options of a search and the limits on its outputs, and return the search."""
        chosen = self.codec.settings.options(**options)
        begin = self.codec.encode_prefix(prefix)
        if len(begin) > chosen.max_length:
            limit = f"must not be longer than {{max_length}} ({chosen.max_length} tokens)"
            raise OptionError("prefix", limit, prefix=f"{prefix!r}, of {len(begin)} tokens")
        rule = self._rules.output_rule(allowed, pattern) or self.output_rule
        if rule is not None:
            rule.check(chosen, prefix, begin)
        return TextSearch(
            model=self.model,
            codec=self.codec,
            searches=self._searches,
            options=chosen,
            prefix=begin,
            rule=rule,
            short_list=self.short_list,
            max_tokens=self.max_tokens,
        )

    def score(
        self,
        sources: Iterable[str],
        targets: Iterable[str],
        *,
        batch_size: int = 64,
        features: Mapping[str, str] | None = None,
    ) -> list[PairScore]:
        """Score given targets by their log-probabilities.

        The score of a target that a search returned, with `</s>` at its end, equals the score of
        that search. There are three exceptions: the source is empty, so the output does not come
        from the model; the search has a short list, so its probabilities sum to 1 over the short
        list; or source tokens have replaced `<unk>`.

        Args:
            sources: any iterable of strings.
            targets: a target for each source.
            batch_size: largest number of pairs in a batch, a positive integer. Batches of long
                pairs are smaller. Up to 16 times as many pairs are sorted by length.
            features: the value of each source feature, by name, for sources that do not carry it
                themselves; see `add_features`.

        Returns:
            A `PairScore` for each pair, in order. The function `perplexity` computes the model's
            perplexity from these scores.

        Raises:
            ValueError: if there are not as many sources as targets, or `batch_size` is out of its
                range.
            TextError: if a text of a pair has more than `max_tokens` tokens.
            TypeError: if `sources` or `targets` is not an iterable of strings.
        """
        self._mark.check_process()
        check_positive(batch_size=batch_size)
        sources = check_texts(sources, "sources")
        sources = self.codec.source.features.add_to(sources, features)
        pairs = zip(sources, check_texts(targets, "targets"), strict=True)
        vocabulary = len(self.codec.target.vocabulary)
        return list(
            map_pairs(
                self._score_batch,
                pairs,
                self.codec,
                self.max_tokens,
                batch_size=batch_size,
                tokens=min(BATCH_TOKENS, BATCH_NUMBERS // vocabulary),
            )
        )

    @cached_property
    def _scorer(self) -> Callable[[Any, Any], Any]:
        return compile_scorer(self.model)

    def _score_batch(self, pairs: Sequence[EncodedPair]) -> list[PairScore]:
        source, target = pad([pair.source for pair in pairs]), pad([pair.target for pair in pairs])
        values = keras.ops.convert_to_numpy(self._scorer(source, target))
        return [
            PairScore(
                *pair.texts,
                tuple(self.codec.target.tokens(pair.texts[1])),
                tuple(row[: len(pair.target)].astype(float).tolist()),
            )
            for pair, row in zip(pairs, values, strict=True)
        ]

    def align(self, source: Any, target_in: Any) -> Any:
        """Return the alignments `[B, T, S]` of given targets, as `compile_aligner` computes them.

        Args:
            source: ids `[B, S]`.
            target_in: ids `[B, T]`, shifted right by one after a start token.
        """
        self._mark.check_process()
        return self.aligner(source, target_in)

    @cached_property
    def aligner(self) -> Callable[[Any, Any], Any]:
        """The function that `compile_aligner` returns for the model; see `align`."""
        return compile_aligner(self.model)


def _remake(_: LoadedModel, arguments: Mapping[str, Any]) -> Translator:
    """Make a translator from the pickled arguments."""
    return Translator(**arguments)
