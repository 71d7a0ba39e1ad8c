"""Source features: categorical values, such as a language, that a source text carries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras_attention.errors import InputError, TextError, suggest
from keras_attention.special_tokens import SPECIAL_TOKENS, UNKNOWN_ID
from keras_attention.text.vocabulary import Vocabulary

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE = re.compile(r"[^\s<>=,]+")
_TAG = "<{}=[^<>]*>"
_ANY_TAGS = re.compile(f"(?:{_TAG.format(_NAME.pattern)})+")
_SHOWN_VALUES = 20
_SHOWN = 40


class SourceFeatures:
    """The features of a model's sources, each with a vocabulary of its values.

    Features are written as tags before the text, in any order, and followed by a space:
    `<language=kor> 한국`. In a row of ids, the ids of the values come before the ids of the tokens.
    The graph tokenizers apply the same regular expressions.

    Args:
        values: the values of each feature, by the feature's name. A name consists of ASCII letters,
            digits and `_`; a value has no white space and none of `<`, `>`, `=` and `,`.

    Raises:
        InputError: if a name or a value is invalid, if a feature has no value, or if it has the
            same value twice.

    Example:
        >>> features = SourceFeatures({"language": ["fre", "kor"]})
        >>> features.encode("<language=kor> 한국"), features.text_of("<language=kor> 한국")
        ([5], '한국')
        >>> features.sizes  # four special tokens, as in every vocabulary, and two values
        (6,)
    """

    def __init__(self, values: Mapping[str, Sequence[str]] | None = None) -> None:
        values = values or {}
        for name, known in values.items():
            check_feature_name(name)
            _check_values(name, known)
        self.vocabularies = {name: Vocabulary(known) for name, known in values.items()}
        tag = _TAG.format(f"(?:{'|'.join(values)})")
        self.tags = f"^(?:{tag})+ ?"
        """Regular expression of the tags at the beginning of a text."""
        self.first_tags = f"(?s)^((?:{tag})*).*$"
        """Regular expression of a whole text; its group is the tags."""
        self.places = {name: self._place(name) for name in values}
        """For each feature, the regular expression of tags that contain it exactly once."""
        self._tags, self._first_tags = re.compile(self.tags), re.compile(self.first_tags)

    def _place(self, name: str) -> str:
        others = "|".join(other for other in self.vocabularies if other != name)
        rest = f"(?:{_TAG.format(f'(?:{others})')})*" if others else ""
        return f"^{rest}<{name}=([^<>]*)>{rest}$"

    @classmethod
    def learn(cls, names: Sequence[str], texts: Iterable[str]) -> SourceFeatures:
        """Collect the values of features in texts.

        Args:
            names: the names of the features.
            texts: texts that carry all of them.

        Raises:
            TextError: if a text lacks a feature or carries it twice.
        """
        found: dict[str, set[str]] = {name: set() for name in names}
        tags = cls(dict.fromkeys(names, ["any"]))
        for position, text in enumerate(texts):
            for name, value in tags.values_of(text).items():
                if value is None or not _VALUE.fullmatch(value):
                    raise TextError(
                        f"expected the source feature {name} before the text, as in "
                        f"'<{name}=VALUE> text'. Received: {text[:_SHOWN]!r}.",
                        position,
                    )
                found[name].add(value)
        return cls({name: sorted(values) for name, values in found.items()})

    @classmethod
    def find(cls, texts: Sequence[str]) -> SourceFeatures:
        """Return the features that all texts carry, with their values; there may be none."""
        match = _ANY_TAGS.match(texts[0]) if texts else None
        names = dict.fromkeys(re.findall(f"<({_NAME.pattern})=", match[0]) if match else [])
        try:
            return cls.learn(list(names), texts if names else [])
        except InputError:
            return cls()

    def extend(self, learned: SourceFeatures) -> SourceFeatures:
        """Return these features with the values of other ones after their own.

        Args:
            learned: features with the same names, in any order.

        Example:
            >>> known = SourceFeatures({"language": ["fre", "kor"]})
            >>> known.extend(SourceFeatures({"language": ["ice", "kor"]})).to_json()
            {'language': ['fre', 'kor', 'ice']}
        """
        new = learned.to_json()
        return SourceFeatures(
            {name: list(dict.fromkeys([*own, *new[name]])) for name, own in self.to_json().items()}
        )

    def __len__(self) -> int:
        """Return the number of features."""
        return len(self.vocabularies)

    def __eq__(self, other: object) -> bool:
        """Return whether the other object has the same features with the same values."""
        return isinstance(other, SourceFeatures) and [*self.vocabularies.items()] == [
            *other.vocabularies.items()
        ]

    def __hash__(self) -> int:
        """Return the same hash for equal features."""
        return hash(tuple(self.vocabularies.items()))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of ids of each feature, including the special tokens."""
        return tuple(map(len, self.vocabularies.values()))

    def to_json(self) -> dict[str, list[str]]:
        """Return the argument of the constructor."""
        return {
            name: list(vocabulary.tokens[len(SPECIAL_TOKENS) :])
            for name, vocabulary in self.vocabularies.items()
        }

    def text_of(self, text: str) -> str:
        """Return a text without the tags before it."""
        return self._tags.sub("", text, count=1) if self.vocabularies else text

    def values_of(self, text: str) -> dict[str, str | None]:
        """Return the value of each feature of a text, None if it is missing or occurs twice."""
        tags = self._first_tags.match(text)[1] if self.vocabularies else ""  # type: ignore[index]
        matches = {name: re.match(place, tags) for name, place in self.places.items()}
        return {name: match and match[1] for name, match in matches.items()}

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text's values, in the order of the features.

        Raises:
            TextError: if a feature is missing, occurs twice or has an unknown value. The error's
                position is 0.
        """
        ids = []
        for name, value in self.values_of(text).items():
            (id_,) = self.vocabularies[name].encode([value or ""])
            if id_ == UNKNOWN_ID:
                nearest = suggest(value, self.to_json()[name]) if value else ""
                received = repr(value if value else text[:_SHOWN])
                raise TextError(f"{self.expected(name)}{nearest}. Received: {received}.")
            ids.append(id_)
        return ids

    def expected(self, name: str) -> str:
        """Return the beginning of the error about a feature, which shows how to write it."""
        return (
            f"expected the source feature {name} before the text, as in '<{name}=VALUE> text', "
            f"with one of the values {self._listed(name)}"
        )

    def _expected_names(self, name: str) -> str:
        """Return a sentence that lists the model's features and the feature nearest to a name."""
        if not self.vocabularies:
            return "expected no source features, because the model has none."
        known = ", ".join(self.vocabularies)
        return f"expected a source feature of the model: {known}{suggest(name, self.vocabularies)}."

    def check(self, given: Mapping[str, str]) -> None:
        """Check the features that a caller gives for texts.

        Raises:
            InputError: if the model has no feature with this name, or if the feature does not have
                this value.
        """
        for name, value in given.items():
            if name not in self.vocabularies:
                raise InputError(f"{self._expected_names(name)} Received: {name!r:.{_SHOWN}}.")
            if not isinstance(value, str) or value not in self.to_json()[name]:
                nearest = suggest(str(value), self.to_json()[name])
                raise InputError(
                    f"expected the source feature {name} with one of the values "
                    f"{self._listed(name)}{nearest}. Received: {value!r:.{_SHOWN}}."
                )

    def add_to(self, texts: Iterable[str], given: Mapping[str, str] | None) -> Any:
        """Check the features that a caller gives, and add them to texts.

        Raises:
            InputError: as in `check`.
        """
        self.check(given or {})
        return add_features(texts, given or {})

    def _listed(self, name: str) -> str:
        values = self.to_json()[name]
        more = f" and {len(values) - _SHOWN_VALUES} more" * (len(values) > _SHOWN_VALUES)
        return ", ".join(values[:_SHOWN_VALUES]) + more


def add_features(texts: Iterable[str], features: Mapping[str, str]) -> Any:
    """Add source features, as tags, to texts that do not have them yet.

    Args:
        texts: the texts. A text that already has a tag of a feature keeps its own value. Items that
            are not strings stay as they are, because a translator raises an error about them.
        features: the value of each feature for all texts, by the feature's name.

    Returns:
        The texts with their features: a list for a list or tuple, otherwise an iterator.

    Raises:
        InputError: if the name or the value of a feature is invalid.

    Example:
        >>> add_features(["chat", "<language=kor> 한국"], {"language": "fre"})
        ['<language=fre> chat', '<language=kor> 한국']
    """
    for name, value in features.items():
        check_feature_name(name)
        _check_values(name, [value])
    if not features:
        return texts
    added = (_add(text, features) if isinstance(text, str) else text for text in texts)
    return list(added) if isinstance(texts, list | tuple) else added


def _add(text: str, features: Mapping[str, str]) -> str:
    match = _ANY_TAGS.match(text)
    own = match[0] if match else ""
    before = "".join(
        f"<{name}={value}>" for name, value in features.items() if f"<{name}=" not in own
    )
    return f"{before}{text}" if own or not before else f"{before} {text}"


def check_feature_name(name: object) -> None:
    """Check the name of a source feature."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            "expected names of source features with only ASCII letters, digits and _, such as "
            f"'language'. Received: {name!r:.{_SHOWN}}."
        )


def _check_values(name: str, values: Sequence[str]) -> None:
    for value in values:
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InputError(
                f"expected values of the source feature {name} without white space, commas and any "
                f"of < > =. Received: {value!r:.{_SHOWN}}."
            )
    if len(set(values)) != len(values) or not values:
        raise InputError(
            f"expected at least one value of the source feature {name}, each once. "
            f"Received: {list(values)!r:.{_SHOWN}}."
        )
