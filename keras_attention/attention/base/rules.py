"""Checks for constructors of mechanisms and for recipes. This module does not import Keras."""


def check_own_mapping(mapping: str) -> None:
    """Check that a score has the default mapping; monotonic attention would ignore any other."""
    if mapping != "softmax":
        raise ValueError(
            "`mapping` of the score must be 'softmax', because monotonic attention does not use "
            f"it. Received: mapping={mapping!r}."
        )


def check_heads(units: int, heads: int) -> None:
    """Check that `units` columns can be split into heads of equal width."""
    if units % heads:
        raise ValueError(
            f"`units` must be a multiple of `heads`. Received: units={units}, heads={heads}."
        )
