"""The table of faults is up to date: every fault applies, and its tests exist."""

import importlib.util
from collections import Counter
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAST_FAULTS, LEAST_OF_A_PACKAGE = 40, 4


@pytest.fixture(scope="module")
def faults():
    """Load the faults with the runner's own function."""
    spec = importlib.util.spec_from_file_location("faults_run", ROOT / "tests/faults/run.py")
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner.load_faults()


def outer(package):
    """Return the top-level package, such as `keras_attention.cli` for its commands."""
    return ".".join(package.split(".")[:2])


def test_the_old_text_of_every_fault_occurs_exactly_once(faults):
    for fault in faults:
        assert fault.count() == 1, f"{fault.file}: {fault.old!r} occurs {fault.count()} times"
        assert fault.new != fault.old, f"{fault.file}: {fault.what!r} changes nothing"


def test_the_tests_of_every_fault_exist(faults):
    for fault in faults:
        assert fault.tests, f"{fault.file}: {fault.what!r} names no test"
        for test in fault.tests:
            path = test.partition("::")[0]
            assert (ROOT / path).is_file(), f"{fault.file}: there is no {path}"


def test_every_package_has_faults(faults):
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    packages = {outer(name) for name in setup["options"]["packages"].split()}
    counts = Counter(outer(fault.package) for fault in faults)
    assert set(counts) == packages | {"keras_attention.device_package"}
    assert min(counts.values()) >= LEAST_OF_A_PACKAGE
    assert len(faults) >= LEAST_FAULTS
