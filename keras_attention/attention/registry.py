"""The table of attention mechanisms, one row each. It imports neither Keras nor a layer.

Everything else derives from this table: the values of `model.attention` and `model.content` in a
recipe, the settings that each mechanism reads, its arguments, and the lists in tests and docs.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keras_attention.attention.base.rules import check_heads, check_own_mapping


@dataclass(frozen=True)
class OnlyWith:
    """A setting that becomes an argument only if another setting has a certain value."""

    setting: str
    other: str
    value: Any


@dataclass(frozen=True)
class Mechanism:
    """One attention mechanism that recipes can name.

    Settings are those of a recipe's `[model]`, with two exceptions: `attention_units` is `units` if
    the recipe sets it to 0, and `max_source_length` comes from `[data]`.

    Args:
        name: its name in a recipe.
        path: `"module:Class"`, or `"module:Class.method"` for a class method that creates a layer.
            Empty for no attention.
        doc: a short description, with the paper.
        arguments: the setting that supplies each argument, by the name of the argument.
        fixed: arguments that do not depend on a setting.
        content: the mechanism whose score this one uses if `model.content` is `"paper"`. It is
            passed as the argument `content`.
        score: whether `model.content` may name this mechanism, because it has no state and only
            defines a score.
        alignment: whether the mechanism computes an alignment.
        rules: checks of its constructor that a recipe can run before it builds a layer. Each value
            is a function that raises a `ValueError`; its key names the settings to pass to it.
    """

    name: str
    path: str
    doc: str
    arguments: Mapping[str, str | OnlyWith] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    content: "Mechanism | None" = None
    score: bool = False
    alignment: bool = True
    rules: Mapping[tuple[str, ...], Callable[..., None]] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The name of the module that defines the class."""
        return self.path.partition(":")[0]

    @property
    def class_name(self) -> str:
        """The name of the class, empty for no attention."""
        return self.path.partition(":")[2].partition(".")[0]

    def reads(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of the settings that have an effect, given the values of all of them."""
        read = {setting for _, setting in self._given(settings)}
        content = self._content(settings)
        return frozenset(read | {"content"} | content.reads(settings) if content else read)

    def build(self, settings: Mapping[str, Any], **options: Any) -> Any:
        """Return a layer with the given settings, `None` for no attention.

        Args:
            settings: the value of each setting, by name.
            options: further arguments, such as `dtype`, for the layer and its `content`.

        Raises:
            ValueError: if the settings contradict each other, or if a setting is missing.
        """
        if not self.path:
            return None
        given = {}
        for argument, setting in self._given(settings):
            if setting not in settings:
                raise ValueError(
                    f"`arguments` of the mechanism {self.name!r} must be names of model settings. "
                    f"Received: {argument}={setting!r}."
                )
            given[argument] = settings[setting]
        content = self._content(settings)
        if content:
            given["content"] = content.build(settings, **options)
        return pkgutil.resolve_name(self.path)(**{**given, **self.fixed, **options})

    def _given(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield each argument that the settings supply, with the name of its setting."""
        for argument, source in self.arguments.items():
            if isinstance(source, str):
                yield argument, source
            elif settings.get(source.other) == source.value:
                yield argument, source.setting

    def _content(self, settings: Mapping[str, Any]) -> "Mechanism | None":
        """Return the mechanism that supplies the score; `None` if this one has its own score."""
        return self.content and (SCORES[settings.get("content", "paper")] or self.content)


MECHANISMS: dict[str, Mechanism] = {}
"""The mechanisms by name, in the order of the documentation."""

SCORES: dict[str, Mechanism | None] = {"paper": None}
"""The values of `model.content`: mechanisms by name, and `"paper"` for the paper's score."""


def register(mechanism: Mechanism) -> None:
    """Add a mechanism, so that recipes can name it.

    Raises:
        ValueError: if the name is already registered.

    Example:
        >>> from keras_attention.attention.registry import Mechanism, register
        >>> register(Mechanism("bahdanau", "my_package.mine:MyAttention", "mine"))
        Traceback (most recent call last):
        ValueError: `name` must not be registered yet. Received: name='bahdanau'.
    """
    if mechanism.name in MECHANISMS or mechanism.name in SCORES:
        raise ValueError(f"`name` must not be registered yet. Received: name={mechanism.name!r}.")
    MECHANISMS[mechanism.name] = mechanism
    if mechanism.score:
        SCORES[mechanism.name] = mechanism


def import_mechanisms() -> None:
    """Import the module of every mechanism, so that Keras can load saved models that use it."""
    for mechanism in MECHANISMS.values():
        if mechanism.path:
            importlib.import_module(mechanism.module)


_HERE = "keras_attention.attention"
_MAPPED = {"mapping": "mapping"}
_NARROW = {"units": "attention_units", **_MAPPED}
_ADDITIVE = {**_NARROW, "normalize": "normalize"}
_BAHDANAU = Mechanism(
    "bahdanau",
    f"{_HERE}.bahdanau_attention:BahdanauAttention",
    "additive score (Bahdanau et al. 2015)",
    arguments=_ADDITIVE,
    score=True,
)
_NORMED = replace(_BAHDANAU, arguments=_NARROW, fixed={"normalize": True})
_LUONG = Mechanism(
    "luong",
    f"{_HERE}.luong_attention:LuongAttention",
    "dot, general, concat or location score (Luong et al. 2015)",
    arguments={
        "score": "score",
        "scale": "scale",
        "units": OnlyWith("attention_units", "score", "concat"),
        "max_source_length": OnlyWith("max_source_length", "score", "location"),
        **_MAPPED,
    },
    score=True,
)
_SCALED = Mechanism(
    "scaled-dot-product",
    f"{_HERE}.scaled_dot_product_attention:ScaledDotProductAttention",
    "scaled dot product (Vaswani et al. 2017)",
    arguments=_MAPPED,
)
_LOCAL = Mechanism(
    "local-m",
    f"{_HERE}.local_attention:LocalAttention",
    "window that moves one position forward at each step (Luong et al. 2015)",
    arguments={"window": "window"},
    content=_LUONG,
)

for _row in (
    _BAHDANAU,
    _LUONG,
    _LOCAL,
    replace(
        _LOCAL,
        name="local-p",
        doc="window around a predicted position (Luong et al. 2015)",
        fixed={"predictive": True},
    ),
    Mechanism(
        "location-aware",
        f"{_HERE}.location_aware_attention:LocationAwareAttention",
        "additive score that also uses the previous step's weights (Chorowski et al. 2015)",
        arguments=_ADDITIVE,
    ),
    Mechanism(
        "coverage",
        f"{_HERE}.coverage_attention:CoverageAttention",
        "additive score that also uses the sum of all earlier weights (Tu et al. 2016)",
        arguments=_ADDITIVE,
    ),
    Mechanism(
        "monotonic",
        f"{_HERE}.monotonic_attention:MonotonicAttention",
        "one position, which only moves forward (Raffel et al. 2017)",
        content=_NORMED,
        rules={("mapping",): check_own_mapping},
    ),
    Mechanism(
        "chunkwise",
        f"{_HERE}.chunkwise_attention:ChunkwiseAttention",
        "chunk that ends where monotonic attention stops (Chiu and Raffel 2018)",
        arguments={"chunk": "window"},
        content=_NORMED,
        rules={("mapping",): check_own_mapping},
    ),
    Mechanism(
        "multi-head",
        f"{_HERE}.query_key_value_attention:QueryKeyValueAttention.of_width",
        "projected queries, keys and values, in heads (Vaswani et al. 2017)",
        arguments={"units": "attention_units", "heads": "heads"},
        content=_SCALED,
        rules={("attention_units", "heads"): check_heads},
    ),
    Mechanism(
        "external-memory",
        f"{_HERE}.external_memory_attention:ExternalMemoryAttention",
        "memory that is read and written (Graves et al. 2014)",
        arguments={"width": "attention_units", **_MAPPED},
    ),
    Mechanism(
        "peeky",
        f"{_HERE}.peeky_attention:PeekyAttention",
        "both ends of the memory at every step (Cho et al. 2014)",
        alignment=False,
    ),
    Mechanism("none", "", "the plain fixed-vector model (Sutskever et al. 2014)", alignment=False),
):
    register(_row)
