"""LiteRT.js, the runtime of a web page: found in a folder, or downloaded with npm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from keras_attention.errors import InputError

PACKAGE = "@litertjs/core"
VERSION = "2.5.3"
"""The version that the tests run and that `fetch_runtime` downloads."""

_COMPATIBLE = "compat_"
"""The part of a file's name that marks the runtime for browsers without relaxed SIMD."""

FILES = (
    "core/package.json",
    "core/dist/index.js",
    "wasm-utils/package.json",
    "wasm-utils/dist/index.js",
    *(
        f"core/wasm/litert_wasm_{kind}internal.{suffix}"
        for kind in ("", _COMPATIBLE)
        for suffix in ("js", "wasm")
    ),
)
"""The files that a page loads, relative to the folder `@litertjs`."""

MODULES = {
    PACKAGE: "./litert/core/dist/index.js",
    "@litertjs/wasm-utils": "./litert/wasm-utils/dist/index.js",
}
"""The address of each package's module in a page's folder, for the page's import map."""

_SECONDS = 300


def find_runtime(folder: Path) -> Path:
    """Return the path of `@litertjs` in a folder where npm installed LiteRT.js.

    Args:
        folder: the folder in which `npm install @litertjs/core` was run, or its `node_modules`.

    Raises:
        InputError: if a file of the runtime is missing.
    """
    places = folder / "node_modules" / "@litertjs", folder / "@litertjs"
    found = next((place for place in places if place.is_dir()), places[0])
    if missing := [name for name in FILES if not (found / name).is_file()]:
        raise InputError(
            f"{folder}: expected LiteRT.js, the runtime of the web page. Run `npm install "
            f"{PACKAGE}@{VERSION}` there, name its folder with --runtime, or add --fetch-runtime. "
            f"Received: no file {found / missing[0]}."
        )
    return found


@contextmanager
def fetch_runtime() -> Iterator[Path]:
    """Download LiteRT.js with npm to a temporary folder, and yield the folder.

    npm keeps a copy in its cache and uses it the next time.

    Raises:
        InputError: if npm is not installed or fails.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            "--fetch-runtime requires npm, which comes with Node.js. Received: no program npm."
        )
    with TemporaryDirectory() as folder:
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        command = [npm, "install", "--prefix", folder, *options, f"{PACKAGE}@{VERSION}"]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_SECONDS, encoding="utf-8", errors="replace"
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                f"--fetch-runtime: expected npm to end within {_SECONDS} s. Received: no answer."
            ) from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise InputError(f"--fetch-runtime: npm failed. Received: {lines[0]}.")
        find_runtime(Path(folder))
        yield Path(folder)


def loaded_bytes(runtime: Path) -> int:
    """Return the size of the files in `find_runtime(...)` that most browsers load, in bytes."""
    return sum((runtime / name).stat().st_size for name in FILES if _COMPATIBLE not in name)


def copy_runtime(runtime: Path, folder: Path) -> None:
    """Copy the files in `find_runtime(...)` that a page loads to a new folder."""
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(runtime / name, folder / name)
