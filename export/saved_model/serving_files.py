"""The configuration files of TensorFlow Serving: versions, batching and container."""

from __future__ import annotations

import json
import re
from pathlib import Path

from keras_attention.errors import InputError
from keras_attention.files.atomic_writes import write_file
from keras_attention.files.workspaces import put_back_replaced
from keras_attention.translation.file_names import GRAPH_FILE

FOLDER = "serving"
IMAGE = "tensorflow/serving:2.20.0"
"""The newest image when this was written. The tests cannot run it, because they have no Docker."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")

_BATCHING = """\
# Read by tensorflow_model_server with --enable_batching.
# Requests that wait at the same time are run together, at most {batch} texts; a single request must
# not have more. A request waits at most 2 ms for others. If 100 batches wait, further requests are
# refused with UNAVAILABLE, and clients retry. The server runs one batch per processor core.
max_batch_size {{ value: {batch} }}
batch_timeout_micros {{ value: 2000 }}
max_enqueued_batches {{ value: 100 }}
# Texts need no padding. Padding here would repeat the first id of a row (tensorflow/serving#1279).
pad_variable_length_inputs: false
"""

_COMPOSE = """\
# docker compose up cpu
# docker compose --profile gpu up gpu    requires the NVIDIA Container Toolkit
x-serving: &serving
  command:
    - --model_config_file=/serving/models.config
    - --model_config_file_poll_wait_seconds=60
    - --allow_version_labels_for_unavailable_models=true
    - --enable_batching=true
    - --batching_parameters_file=/serving/batching_parameters.txt
  # Reachable only from this machine, because the server does not authenticate clients.
  ports:
    - "127.0.0.1:8500:8500" # gRPC
    - "127.0.0.1:8501:8501" # REST
  volumes:
    - ..:/models/{name}:ro
    - .:/serving:ro
  restart: unless-stopped
  # The image contains bash but not curl.
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
    """Write `models.config`, `batching_parameters.txt` and `docker-compose.yml`.

    They are written to `folder/serving/` and replace existing files, each completely or not at all.
    The newest two versions are served: the newest is labelled "canary" and the one before it
    "stable"; a single version is "stable". The model has the name of its folder.

    Args:
        folder: a model's folder that contains a version folder.
        batch: largest number of texts that are run together, at most the SavedModels' limit.

    Returns:
        The paths of the three files.

    Raises:
        InputError: if there is no version, or the folder's name has characters other than letters,
            digits, `.`, `_` and `-`.
    """
    folder = Path(folder)
    name, versions = checked_name(folder), find_versions(folder)
    if not versions:
        raise InputError(
            f"{folder}: contains no version to serve; write one with keras-attention export."
        )
    texts = {
        "models.config": models_config(name, versions[-2:]),
        "batching_parameters.txt": _BATCHING.format(batch=batch),
        "docker-compose.yml": _compose(name),
    }
    (folder / FOLDER).mkdir(exist_ok=True)
    for file, text in texts.items():
        write_file(folder / FOLDER / file, text.encode())
    return [folder / FOLDER / file for file in texts]


def checked_name(folder: Path) -> str:
    """Return the name that a model is served under, which is the name of its folder.

    Raises:
        InputError: if the name has characters other than letters, digits, `.`, `_` and `-`.
    """
    name = folder.resolve().name
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{folder}: the name of a served model may contain only letters, digits, '.', '_' and "
            f"'-'; rename the folder. Received: {name!r}."
        )
    return name


def find_versions(folder: Path) -> list[int]:
    """Return the version numbers of the SavedModels in a folder, in ascending order."""
    put_back_replaced(folder)
    found = folder.glob(f"*/{GRAPH_FILE}")
    return sorted(
        int(path.parent.name) for path in found if re.fullmatch("[0-9]+", path.parent.name)
    )


def models_config(name: str, versions: list[int]) -> str:
    """Return a `ModelServerConfig` in protobuf's text format.

    Args:
        name: name of the model and of its folder under `/models`.
        versions: one version number, or two in ascending order.
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
