"""The files that TensorFlow Serving is started with: its versions, its batches, its container."""

from __future__ import annotations

import json
import re
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.text_files import write_atomically
from keras_attention.files.workspaces import put_back_replaced

FOLDER = "serving"
IMAGE = "tensorflow/serving:2.20.0"
"""The newest when this was written; our tests have no Docker to run it with."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")

_BATCHING = """\
# What tensorflow_model_server is given with --enable_batching.
# Requests that wait at the same time are run together, {batch} texts at most; a single request must
# not hold more. A lone one waits 2 ms for others. Beyond 100 waiting batches requests are refused
# with UNAVAILABLE, which clients try again. One batch a processor core is run at a time.
max_batch_size {{ value: {batch} }}
batch_timeout_micros {{ value: 2000 }}
max_enqueued_batches {{ value: 100 }}
# Texts need no padding. Padding here would repeat the first id of a row (tensorflow/serving#1279).
pad_variable_length_inputs: false
"""

_COMPOSE = """\
# docker compose up cpu
# docker compose --profile gpu up gpu    needs the NVIDIA Container Toolkit
x-serving: &serving
  command:
    - --model_config_file=/serving/models.config
    - --model_config_file_poll_wait_seconds=60
    - --allow_version_labels_for_unavailable_models=true
    - --enable_batching=true
    - --batching_parameters_file=/serving/batching_parameters.txt
  # For this machine alone: the server asks nobody who they are.
  ports:
    - "127.0.0.1:8500:8500" # gRPC
    - "127.0.0.1:8501:8501" # REST
  volumes:
    - ..:/models/{name}:ro
    - .:/serving:ro
  restart: unless-stopped
  # The image has bash, and no curl.
  healthcheck:
    test: {health}
    interval: 10s
    timeout: 5s
    retries: 3
    start_period: 60s

services:
  cpu:
    <<: *serving
    image: {image}
  gpu:
    <<: *serving
    image: {image}-gpu
    profiles: [gpu]
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: 1
              capabilities: [gpu]
"""

_HEALTH = (
    "exec 3<>/dev/tcp/127.0.0.1/8501"
    " && printf 'GET /v1/models/{name} HTTP/1.1\\r\\nHost: localhost\\r\\n"
    "Connection: close\\r\\n\\r\\n' >&3"
    " && grep -q '\"AVAILABLE\"' <&3"
)


def write_serving_files(folder: str | Path, *, batch: int = 64) -> list[Path]:
    """Writes `models.config`, `batching_parameters.txt` and `docker-compose.yml`.

    They go to `folder/serving/`, each in one piece, in the place of what stands there. The newest
    two versions are served: the newest is labelled "canary" and the one before it "stable"; one
    alone is "stable". The model's name is that of its folder.

    Args:
        folder: a model's folder that holds a version folder.
        batch: texts that are run together at most, no more than the SavedModels take.

    Returns:
        The three files.

    Raises:
        InputError: if there is no version, or the name has characters beyond letters, digits,
            `.`, `_` and `-`.
    """
    folder = Path(folder)
    name, versions = checked_name(folder), find_versions(folder)
    if not versions:
        raise InputError(
            f"{folder}: holds no version to serve; write one with keras-attention export."
        )
    texts = {
        "models.config": models_config(name, versions[-2:]),
        "batching_parameters.txt": _BATCHING.format(batch=batch),
        "docker-compose.yml": _compose(name),
    }
    (folder / FOLDER).mkdir(exist_ok=True)
    for file, json_text in texts.items():
        with write_atomically(folder / FOLDER / file) as temporary_path:
            temporary_path.write_text(json_text, encoding="utf-8")
    return [folder / FOLDER / file for file in texts]


def checked_name(folder: Path) -> str:
    """The name that a model is served under, which is its folder's.

    Raises:
        InputError: if it has characters beyond letters, digits, `.`, `_` and `-`.
    """
    name = folder.resolve().name
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{folder}: a served model's name has letters, digits, '.', '_' and '-' only; rename "
            f"the folder. Received: {name!r}."
        )
    return name


def find_versions(folder: Path) -> list[int]:
    """The numbers of a folder's SavedModels, in order."""
    put_back_replaced(folder)
    found = folder.glob("*/saved_model.pb")
    return sorted(
        int(path.parent.name) for path in found if re.fullmatch("[0-9]+", path.parent.name)
    )


def models_config(name: str, versions: list[int]) -> str:
    """A `ModelServerConfig` in text.

    Args:
        name: the model's name, which its folder under `/models` has too.
        versions: one number, or two in order.
    """
    labels = dict(zip(("stable", "canary"), versions, strict=False))
    lines = [
        "model_config_list {",
        "  config {",
        f'    name: "{name}"',
        f'    base_path: "/models/{name}"',
        '    model_platform: "tensorflow"',
        "    model_version_policy {",
        "      specific {",
        *(f"        versions: {version}" for version in versions),
        "      }",
        "    }",
        *(
            f'    version_labels {{ key: "{label}" value: {version} }}'
            for label, version in labels.items()
        ),
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _compose(name: str) -> str:
    health = ["CMD", "bash", "-c", _HEALTH.format(name=name)]
    return _COMPOSE.format(name=name, image=IMAGE, health=json.dumps(health))
