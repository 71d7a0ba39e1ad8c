"""The samplers of `generate`: named combinations of search options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_attention.decoding.options import SearchOptions
from keras_attention.errors import OptionError, suggest

Sampler = str | Mapping[str, Any]
"""The name of a sampler, or the search options that it stands for."""

BEAM_WIDTH = 4
"""Number of hypotheses of a beam search if neither the caller nor the model chooses one."""

_DRAWING: Mapping[str, Any] = {"sample": True}

SAMPLERS: Mapping[str, Mapping[str, Any]] = {
    "greedy": {"sample": False, "beam_width": 1},
    "beam": {"sample": False},
    "random": _DRAWING,
    "top_k": _DRAWING,
    "top_p": _DRAWING,
}
"""The search options that each sampler fixes."""

_REQUIRED = ("top_k", "top_p")
"""The samplers that require the search option of the same name."""


def check_sampler(sampler: Any) -> None:
    """Check the sampler of `compile` or of `generate`.

    Args:
        sampler: a name in `SAMPLERS`, search options by name, or None.

    Raises:
        ValueError: if it is a string that is not in `SAMPLERS`, or an option is out of its range.
        TypeError: if it has a different type, or an option is unknown.
    """
    if isinstance(sampler, Mapping):
        # `search` refuses options that contradict each other, because it knows all of them.
        SearchOptions.check_names(sampler)
        for known in SearchOptions.settings():
            if known.key in sampler:
                known.check(sampler[known.key])
    elif isinstance(sampler, str):
        if sampler not in SAMPLERS:
            hint = suggest(sampler, SAMPLERS) if sampler else ""
            raise ValueError(
                f"`sampler` must be one of {', '.join(map(repr, SAMPLERS))}, or a dictionary of "
                f"search options. Received: sampler={sampler!r}{hint}."
            )
    elif sampler is not None:
        raise TypeError(
            f"`sampler` must be one of {', '.join(map(repr, SAMPLERS))}, or a dictionary of search "
            f"options. Received: {type(sampler).__name__}."
        )


def sampler_options(
    sampler: Sampler | None, given: Mapping[str, Any], *, own_width: int = 1
) -> dict[str, Any]:
    """Return the search options that follow from a sampler and the options of a call.

    Args:
        sampler: a name in `SAMPLERS`, search options by name, or None to use only `given`.
        given: the options of the call. They replace the options of a dictionary. An option that
            contradicts a named sampler is refused.
        own_width: the beam width of the model's own settings, which "beam" uses if it is above 1.

    Raises:
        OptionError: if an option contradicts the sampler, or if an option that the sampler requires
            is missing.
        ValueError: see `check_sampler`.
        TypeError: see `check_sampler`.

    Example:
        >>> sampler_options("beam", {"length_penalty": 0.6})
        {'sample': False, 'length_penalty': 0.6, 'beam_width': 4}
    """
    check_sampler(sampler)
    if sampler is None:
        return dict(given)
    if not isinstance(sampler, str):
        return {**sampler, **given}
    fixed = SAMPLERS[sampler]
    for name, value in fixed.items():
        if given.get(name, value) != value:
            rule = f"must be {value} with the sampler {sampler!r}"
            raise OptionError(name, rule, **{name: given[name]})
    if sampler in _REQUIRED and sampler not in given:
        raise OptionError(sampler, f"must be given with the sampler {sampler!r}", **{sampler: None})
    if sampler == "top_k" and given["top_k"] == 0:  # 0 draws from all tokens
        raise OptionError("top_k", "must be at least 1 with the sampler 'top_k'", top_k=0)
    if sampler != "beam":
        return {"beam_width": 1, **fixed, **given}
    width = given.get("beam_width", own_width if own_width > 1 else BEAM_WIDTH)
    if width == 1:
        rule = "must be at least 2 with the sampler 'beam'"
        raise OptionError("beam_width", rule, beam_width=width)
    return {**fixed, **given, "beam_width": width}
