"""The Python code in the documentation runs as printed.

Other tests run the pages in `ELSEWHERE`.
"""

import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from device_runtime import load_script
from loopback import Served, over_grpc
from runs import search_eagerly, train_eagerly

ROOT = Path(__file__).parents[2]
ELSEWHERE = ("attention.md", "attention.ko.md", "python.md", "own-parts.md")
"""Pages that `tests/unit/test_docs.py` and `test_from_model.py` run."""
PAGES = [
    page
    for page in [
        ROOT / "README.md",
        ROOT / "device_package/README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
    if page.name not in ELSEWHERE
]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

SERVER = "localhost:8500"
GIVEN = {
    "serving.md": {"many_texts": ["march 27, 2016", "9/27/94"]},
}
"""The variables that a page's code expects to be defined, for each page."""

LEFT_OUT = {
    "from keras_attention import upload_preset": "needs a hub",
    "from prometheus_client import REGISTRY, start_http_server": "opens a port",
}
"""The first line of each block that is not run, and the reason."""


@pytest.fixture
def quickly(page, monkeypatch):
    """Use graphs only where they save time: to train for 40 steps."""
    (search_eagerly if page.name == "README.md" else train_eagerly)(monkeypatch)


@pytest.fixture
def here(trained, tmp_path, monkeypatch, quickly):
    """Make a working folder with the files that the pages name, and the runtime for devices."""
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "dates").symlink_to(trained)
    (tmp_path / "saved_models" / "pretrained").symlink_to(ROOT / "saved_models" / "pretrained")
    (tmp_path / "g2p.tflite").symlink_to(trained / "dates.tflite")
    monkeypatch.chdir(tmp_path)
    load_script().copy_runtime(tmp_path / "installed")
    monkeypatch.syspath_prepend(tmp_path / "installed")


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", list(filter(blocks, PAGES)), ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, here, trained):
    variables, server = dict(GIVEN.get(page.name, {})), nullcontext(SERVER)
    if any(SERVER in code for code in blocks(page)):
        server = over_grpc(Served(trained / "1"))
    with server as address:
        for code in blocks(page):
            if code.split("\n")[0] not in LEFT_OUT:
                # On a busy machine a signature's first request takes longer than the deadline.
                code = code.replace(SERVER, address).replace("deadline=2.0", "deadline=60.0")
                exec(compile(code, str(page), "exec"), variables)


def test_every_excluded_block_exists():
    firsts = [code.split("\n")[0] for page in PAGES for code in blocks(page)]
    assert set(LEFT_OUT) <= set(firsts)
