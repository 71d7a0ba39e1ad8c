"""Turn off gradients for functions that only search or score."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import keras

Function = TypeVar("Function", bound=Callable[..., Any])


def without_gradient(function: Function) -> Function:
    """Turn off gradients while a function runs.

    Otherwise PyTorch stores the operations of every step for a gradient, and the results cannot be
    converted to NumPy arrays. The other backends record operations only on request.

    Args:
        function: a function that returns tensors.

    Returns:
        A function with the same arguments and results.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if keras.backend.backend() != "torch":
            return function(*args, **kwargs)
        import torch

        with torch.no_grad():
            return function(*args, **kwargs)

    return run  # type: ignore[return-value]
