import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf import wrappers_pb2 as wrappers
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from keras_attention.errors import InputError
from keras_attention.export.saved_model.serving_files import (
    IMAGE,
    models_config,
    write_serving_files,
)
from keras_attention.serving import ServingClient

FIELDS = {  # of BatchingParameters, which TensorFlow Serving's Python package lacks
    "max_batch_size": (1, "Int64Value"),
    "batch_timeout_micros": (2, "Int64Value"),
    "max_enqueued_batches": (3, "Int64Value"),
    "num_batch_threads": (4, "Int64Value"),
    "thread_pool_name": (5, "StringValue"),
    "pad_variable_length_inputs": (7, None),
}


def batching_parameters():
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto", syntax="proto3", dependency=[wrappers.DESCRIPTOR.name]
    )
    message = file.message_type.add(name="BatchingParameters")
    for name, (number, kind) in FIELDS.items():
        message.field.add(
            name=name,
            number=number,
            label=field.LABEL_OPTIONAL,
            type=field.TYPE_MESSAGE if kind else field.TYPE_BOOL,
            type_name=f".google.protobuf.{kind}" if kind else None,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("BatchingParameters"))()


@pytest.fixture
def folder(tmp_path):
    """Make a model folder with two versions and some folders that are not versions."""
    path = tmp_path / "dates"
    for version in ("1", "2", "02x", "notes"):
        (path / version).mkdir(parents=True)
        (path / version / "saved_model.pb").touch()
    (path / "3").mkdir()
    return path


def read_config(folder):
    text = (folder / "serving" / "models.config").read_text()
    (config,) = text_format.Parse(text, ModelServerConfig()).model_config_list.config
    return config


def test_two_versions_are_stable_and_canary(folder):
    paths = write_serving_files(folder)
    assert sorted(paths) == sorted((folder / "serving").iterdir())
    config = read_config(folder)
    assert (config.name, config.base_path) == ("dates", "/models/dates")
    assert config.model_platform == "tensorflow"
    assert list(config.model_version_policy.specific.versions) == [1, 2]
    assert config.version_labels == {"stable": 1, "canary": 2}


def test_one_version_is_stable(folder):
    shutil.rmtree(folder / "2")
    write_serving_files(folder)
    assert read_config(folder).version_labels == {"stable": 1}
    assert list(read_config(folder).model_version_policy.specific.versions) == [1]


def test_the_two_versions_with_the_highest_numbers_are_served(folder):
    for version in ("9", "10"):
        (folder / version).mkdir()
        (folder / version / "saved_model.pb").touch()
    write_serving_files(folder)
    assert read_config(folder).version_labels == {"stable": 9, "canary": 10}


def test_batches_have_the_size_of_the_clients_requests(folder):
    write_serving_files(folder)
    text = (folder / "serving" / "batching_parameters.txt").read_text()
    parameters = text_format.Parse(text, batching_parameters())
    with ServingClient("http://localhost:1", "dates") as client:
        assert parameters.max_batch_size.value == client.batch_size
    assert 0 < parameters.batch_timeout_micros.value < 10_000
    assert parameters.max_enqueued_batches.value > 0
    assert not parameters.pad_variable_length_inputs


def read_compose(folder):
    write_serving_files(folder)
    return yaml.safe_load((folder / "serving" / "docker-compose.yml").read_text())["services"]


def test_there_is_a_container_for_the_cpu_and_one_for_the_gpu(folder):
    services = read_compose(folder)
    assert services["cpu"]["image"] == IMAGE
    assert services["gpu"]["image"] == f"{IMAGE}-gpu"
    assert "profiles" not in services["cpu"]
    assert services["gpu"]["profiles"] == ["gpu"]
    (device,) = services["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


@pytest.mark.parametrize("service", ["cpu", "gpu"])
def test_containers_find_their_files(folder, service):
    made = read_compose(folder)[service]
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in made["volumes"])
    inside = {target: (folder / "serving" / here).resolve() for here, target in mounts.items()}
    config = read_config(folder)
    assert inside[config.base_path] == folder
    for flag in ("model_config_file", "batching_parameters_file"):
        (value,) = [part for part in made["command"] if part.startswith(f"--{flag}=")]
        parent, _, name = value.removeprefix(f"--{flag}=").rpartition("/")
        assert (inside[parent] / name).is_file()
    assert all(port.startswith("127.0.0.1:") for port in made["ports"])


class Status(BaseHTTPRequestHandler):
    state = "AVAILABLE"

    def do_GET(self):
        body = {"model_version_status": [{"version": "1", "state": self.state}]}
        self.send_response(200 if self.path == "/v1/models/dates" else 404)
        self.end_headers()
        self.wfile.write(json.dumps(body, indent=1).encode())

    def log_message(self, *_):
        pass


@pytest.mark.skipif(shutil.which("bash") is None, reason="requires bash, which the image contains")
@pytest.mark.parametrize(("state", "healthy"), [("AVAILABLE", True), ("LOADING", False)])
def test_the_health_check_passes_only_for_an_available_model(folder, monkeypatch, state, healthy):
    monkeypatch.setattr(Status, "state", state)
    kind, *command = read_compose(folder)["cpu"]["healthcheck"]["test"]
    assert kind == "CMD"
    with HTTPServer(("127.0.0.1", 0), Status) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        here = [part.replace("/8501", f"/{server.server_port}") for part in command]
        done = subprocess.run(here, timeout=30, check=False)
        server.shutdown()
        thread.join(10)
    assert (done.returncode == 0) == healthy
    assert subprocess.run(here, timeout=30, check=False, capture_output=True).returncode != 0


def test_a_folder_without_a_version_is_refused(tmp_path):
    with pytest.raises(InputError, match="contains no version to serve"):
        write_serving_files(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_other_characters_is_refused(folder):
    other = folder.rename(folder.with_name('da"tes'))
    with pytest.raises(InputError, match=re.escape("Received: 'da\"tes'.")):
        write_serving_files(other)


def test_the_config_of_a_single_version_labels_it_stable():
    assert models_config("m", [3]).endswith('{ key: "stable" value: 3 }\n  }\n}\n')
