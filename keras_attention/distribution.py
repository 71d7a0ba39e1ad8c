"""The name of this package for pip, and a check for another package with our import name."""

import sys
from pathlib import Path

DISTRIBUTION = "keras-attention-seq2seq"
"""The name in setup.cfg, which is longer than the import name and the command."""

_OTHER = "keras-attention"
_OUR_COMMAND = "keras_attention.cli:main"


def install_command(extra: str) -> str:
    """Return the command that installs the packages of an extra, such as `"serving"`."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def describe_conflict() -> str:
    """Return a sentence about another package with our import name, or "" if there is none.

    PyPI has another project named `keras-attention`, which installs into the same folder as
    ours. Earlier versions of our package had that name too; they do not conflict.
    """
    if not any(_is_in(folder) for folder in sys.path):
        return ""
    # Import it only when needed: that takes 20 ms.
    from importlib import metadata

    for found in metadata.distributions(name=_OTHER):
        if all(script.value != _OUR_COMMAND for script in found.entry_points):
            return (
                f"the package {_OTHER} {found.version} is another project and installs into the "
                "same folder, keras_attention, so files of this package may be missing or "
                f"overwritten. Run pip uninstall {_OTHER}, then reinstall {DISTRIBUTION} with "
                "--force-reinstall --no-deps."
            )
    return ""


def _is_in(folder: str) -> bool:
    pattern = f"{_OTHER.replace('-', '_')}-*.*-info"
    return any(Path(folder).glob(pattern))
