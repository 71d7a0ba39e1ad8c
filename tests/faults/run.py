"""Put small faults into the source, one at a time, and check that a test catches each of them.

    python tests/faults/run.py                      # all; 60 faults take 8 minutes on one core
    python tests/faults/run.py --only "mask"        # faults that match a pattern
    python tests/faults/run.py --jobs 2 > table.md  # two at a time; the table is Markdown

`faults.toml` lists the faults, and the tests that should catch each fault. For each fault, this
script replaces a piece of text in a copy of the tree, and runs the fault's tests on the copy. A
fault is caught when a test fails, or when the tests do not end within ten minutes. The command
exits with code 1 if a fault survives. It exits with code 2 if a fault does not apply, or if a test
fails without a fault.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("faults.toml")
COPIED = ("keras_attention", "training", "export", "tests", "setup.cfg", "docs", "README.md")
TIME_LIMIT = 600


class Fault(NamedTuple):
    """One change of the source.

    Attributes:
        file: path of the source file, relative to the repository.
        what: what the change breaks, in a few words.
        old: the text to replace; it occurs exactly once in the file.
        new: the text that replaces it.
        tests: arguments for pytest, usually one or two files.
        backend: the Keras backend of the tests.
    """

    file: str
    what: str
    old: str
    new: str
    tests: list[str]
    backend: str = "tensorflow"

    @property
    def package(self) -> str:
        """The package to which the file belongs when it is installed."""
        folder = self.file.rpartition("/")[0].replace("/", ".")
        return folder if folder.startswith("keras_attention") else f"keras_attention.{folder}"

    def count(self) -> int:
        """Return how often the old text occurs in its file; it must occur once."""
        return (ROOT / self.file).read_text(encoding="utf-8").count(self.old)

    def apply(self, root: Path) -> None:
        """Write the fault into the tree at `root`."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def load_faults() -> list[Fault]:
    """Read the table."""
    with TABLE.open("rb") as file:
        return [Fault(**row) for row in tomllib.load(file)["fault"]]


def copy_tree(folder: Path) -> Path:
    """Copy what the tests need, laid out so that Python imports the copy."""
    root = folder / "tree"
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)
    # Both folders are subpackages of `keras_attention`. An install maps their names; a copy needs
    # links.
    for name in ("training", "export"):
        (root / "keras_attention" / name).symlink_to(root / name)
    return root


def run_tests(
    root: Path,
    tests: list[str],
    backend: str,
    *,
    workers: int = 0,
    limit: int | None = TIME_LIMIT,
) -> tuple[int, str]:
    """Run pytest in the copy and return its exit code and its output."""
    options = [f"-n{workers}", "-x", "-q", "-rfE", "-p", "no:cacheprovider", "--durations-min=60"]
    # Do not write bytecode: if a file's size and time stay the same after a change, Python would
    # run the old bytecode.
    environment = {
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
        "KERAS_BACKEND": backend,
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=limit,
    )
    return done.returncode, done.stdout + done.stderr


def try_fault(fault: Fault) -> tuple[bool, str]:
    """Return whether a test caught the fault, and that test's name or what happened instead."""
    with tempfile.TemporaryDirectory() as folder:
        root = copy_tree(Path(folder))
        fault.apply(root)
        try:
            code, output = run_tests(root, fault.tests, fault.backend)
        except subprocess.TimeoutExpired:
            return True, f"the tests did not end within {TIME_LIMIT} s"
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    if code == 1 and failed:
        return True, failed[1]
    return False, f"pytest exited with code {code}"


def check_without_fault(faults: list[Fault]) -> None:
    """Run every test named in the table on the unchanged source, and stop if one fails."""
    for backend in sorted({fault.backend for fault in faults}):
        tests = sorted(
            {test for fault in faults if fault.backend == backend for test in fault.tests}
        )
        with tempfile.TemporaryDirectory() as folder:
            root = copy_tree(Path(folder))
            code, output = run_tests(root, tests, backend, workers=2, limit=None)
        if code:
            print(output[-3000:], file=sys.stderr)
            sys.exit(2)


def main() -> None:
    """Run the faults that the arguments select and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="regular expression that selects faults")
    parser.add_argument("--jobs", type=int, default=1, help="faults tried at the same time")
    parser.add_argument(
        "--unchecked", action="store_true", help="do not run the tests without a fault first"
    )
    arguments = parser.parse_args()
    faults = [
        fault
        for fault in load_faults()
        if re.search(arguments.only, f"{fault.package} {fault.file} {fault.what}")
    ]
    if not faults:
        parser.error(f"no fault matches {arguments.only!r}")
    for fault in faults:
        if (found := fault.count()) != 1:
            parser.error(f"{fault.file}: expected {fault.old!r} once. Received: {found} times.")
    if not arguments.unchecked:
        check_without_fault(faults)
    print("| # | file | fault | caught by |\n|---|---|---|---|", flush=True)
    survived = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for number, (fault, (caught, told)) in enumerate(
            zip(faults, pool.map(try_fault, faults), strict=True), start=1
        ):
            survived += not caught
            told = told if caught else f"**nothing**: {told}"
            print(f"| {number} | {fault.file} | {fault.what} | {told} |", flush=True)
    print(f"\n{len(faults) - survived} of {len(faults)} faults caught.")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
