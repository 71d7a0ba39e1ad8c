"""The name under which pip installs this package, and another package with our import name."""

import sys
from pathlib import Path

DISTRIBUTION = "keras-attention-seq2seq"
"""The name in setup.cfg; the import name and the command are shorter."""

_OTHER = "keras-attention"
_OUR_COMMAND = "keras_attention.cli:main"


def install_command(extra: str) -> str:
    """Return the command that installs the packages of an extra, such as `"serving"`."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def describe_conflict() -> str:
    """Return a sentence about another package with our import name, "" if it is not installed.

    The package index has another project named `keras-attention`, whose files go into the same
    folder as ours. Our own distribution had that name in earlier versions, which are no conflict.
    """
    if not any(_is_in(folder) for folder in sys.path):
        return ""
    # Importing it takes 20 ms, so only where there is something to find.
    from importlib import metadata

    for found in metadata.distributions(name=_OTHER):
        if all(script.value != _OUR_COMMAND for script in found.entry_points):
            return (
                f"the package {_OTHER} {found.version} is another project and installs into the "
                "same folder, keras_attention, so that files of ours may be missing; run pip "
                f"uninstall {_OTHER}, then install {DISTRIBUTION} again with --force-reinstall "
                "--no-deps."
            )
    return ""


def _is_in(folder: str) -> bool:
    pattern = f"{_OTHER.replace('-', '_')}-*.*-info"
    return any(Path(folder).glob(pattern))
