"""The script that builds the distribution for devices, as a module."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "device_package" / "setup.py"


def load_script():
    """Import `device_package/setup.py`, which only builds if it is the main program."""
    spec = importlib.util.spec_from_file_location("device_package_setup", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script
