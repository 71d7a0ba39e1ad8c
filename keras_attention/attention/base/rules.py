"""Rules that a mechanism's constructor and a recipe check alike; neither needs Keras for them."""


def check_own_mapping(mapping: str) -> None:
    """Check the mapping of the score under a mechanism that makes weights in a way of its own.

    Raises:
        ValueError: if it is not `"softmax"`, the default.
    """
    if mapping != "softmax":
        raise ValueError(
            "`mapping` of the score must be 'softmax', because monotonic attention has a mapping "
            f"of its own. Received: mapping={mapping!r}."
        )


def check_heads(units: int, heads: int) -> None:
    """Check that heads of equal width have `units` columns together.

    Raises:
        ValueError: if `units` is not a multiple of `heads`.
    """
    if units % heads:
        raise ValueError(
            f"`units` must be a multiple of `heads`. Received: units={units}, heads={heads}."
        )
