"""The number format that a run computes in, chosen by the recipe or by the machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import keras

from ..recipe.training_config import TrainingConfig

_LEAST_CAPABILITY = 8, 0
"""The compute capability of the first NVIDIA GPUs that compute in bfloat16 (Ampere)."""

LEAST_UNITS = 256
"""The width from which "auto" trains in bfloat16 (`benchmarks/speed/training_precision.py`).

In narrower models, converting between formats takes about as much time as the faster matrix
products save.
"""

_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""The names in `/proc/cpuinfo` of instructions that multiply in bfloat16: x86's, then Arm's."""

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
NAMES = tuple(_POLICIES)


class RunPrecision(NamedTuple):
    """The number format of a run.

    Attributes:
        name: "float32" or "bfloat16".
        reason: why the run computes in this format, as a clause that follows the name in a message.
    """

    name: str
    reason: str

    @property
    def policy(self) -> str:
        """The Keras dtype policy; weights are float32 with either policy."""
        return _POLICIES[self.name]


def choose_precision(config: TrainingConfig, units: int) -> RunPrecision:
    """Return the precision of a recipe; "auto" depends on the model and on this machine.

    The result is never float16, because its small range would require a scaled loss. So on GPUs
    without bfloat16, "auto" means float32.
    """
    if config.precision != "auto":
        return RunPrecision(config.precision, "as set by training.precision")
    name, reason = _native()
    if name == "bfloat16" and units < LEAST_UNITS:
        name, reason = (
            "float32",
            f"models with fewer than {LEAST_UNITS} units train hardly faster in 16 bits",
        )
    return RunPrecision(name, f"which training.precision=auto chose because {reason}")


def _native() -> tuple[str, str]:
    """Return the precision that this machine computes in natively, and why."""
    gpus = _gpus()
    if gpus is not None:
        return gpus
    if _processor_flags() & _FLAGS:
        return "bfloat16", "this processor computes in it natively"
    return "float32", "this processor is not known to compute in bfloat16 natively"


def _gpus() -> tuple[str, str] | None:
    """Return the precision for the GPUs that Keras's backend sees, and why; None without GPUs."""
    capabilities = _capabilities()
    if not capabilities:
        return None
    if all(found is not None and found >= _LEAST_CAPABILITY for found in capabilities):
        return "bfloat16", "every GPU computes in it natively"
    return "float32", "a GPU is not known to compute in bfloat16 natively"


def _capabilities() -> list[tuple[int, ...] | None]:
    """Return the compute capability of each GPU, such as (8, 0), or None for a GPU without one."""
    if keras.backend.backend() == "jax":
        import jax

        found: list[Any] = [
            getattr(device, "compute_capability", None)
            for device in jax.devices()
            if device.platform == "gpu"
        ]
        return [tuple(map(int, each.split("."))) if each else None for each in found]
    if keras.backend.backend() == "torch":
        import torch

        return [torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())]
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    return [
        details(device).get("compute_capability")
        for device in tf.config.list_physical_devices("GPU")
    ]


def _processor_flags(path: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Return the processor's instructions, which only Linux lists; elsewhere the set is empty."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return set(found[1].split()) if found else set()
