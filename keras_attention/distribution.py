"""The package's name on PyPI, and the check for another package with the same import name."""

import sys
from pathlib import Path

DISTRIBUTION = "keras-attention-seq2seq"
"""The name in setup.cfg, which is longer than the import name and the command."""

_OTHER = "keras-attention"
_OUR_COMMAND = "keras_attention.cli:main"


def install_command(extra: str) -> str:
    """Return the pip command that installs an extra, such as `"serving"`."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def describe_conflict() -> str:
    """Return a warning if another package with our import name is installed, otherwise "".

    PyPI has another project named `keras-attention`, whose files go into the same folder as ours.
    Earlier versions of this package had that name too; they do not conflict.
    """
    if not any(_is_in(folder) for folder in sys.path):
        return ""
    # This import takes 20 ms, so do it only if there is something to find.
    from importlib import metadata

    for found in metadata.distributions(name=_OTHER):
        if all(script.value != _OUR_COMMAND for script in found.entry_points):
            return (
                f"the package {_OTHER} {found.version} is another project that installs into the "
                f"same folder, keras_attention, and may have overwritten files of {DISTRIBUTION}; "
                f"run pip uninstall {_OTHER}, then install {DISTRIBUTION} again with "
                "--force-reinstall --no-deps."
            )
    return ""


def _is_in(folder: str) -> bool:
    pattern = f"{_OTHER.replace('-', '_')}-*.*-info"
    return any(Path(folder).glob(pattern))
