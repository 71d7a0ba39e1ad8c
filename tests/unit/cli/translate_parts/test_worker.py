"""A worker of `translate` sends an error about its model, and the command raises it."""

import io
import pickle
from types import SimpleNamespace

import pytest

from keras_attention.child_processes import RequestPipes
from keras_attention.cli.lines import Batch
from keras_attention.cli.translate_parts import worker
from keras_attention.cli.translate_parts.job import TranslationJob
from keras_attention.cli.translate_parts.pool import Worker
from keras_attention.cli.translate_parts.translation_columns import Columns
from keras_attention.errors import InputError


def test_an_error_about_the_model_during_a_batch_is_raised_in_the_command(tmp_path, monkeypatch):
    def translate(texts):
        raise InputError("the signature is damaged.")

    batch, answers = Batch([0], ["a"]), io.BytesIO()
    requests = b"".join(map(pickle.dumps, [TranslationJob(tmp_path), (batch, 0)]))
    monkeypatch.setattr(TranslationJob, "columns", lambda job: Columns())
    monkeypatch.setattr(TranslationJob, "open", lambda job: lambda first: translate)
    pipes = RequestPipes(io.BytesIO(requests), answers)
    monkeypatch.setattr(RequestPipes, "take_standard", lambda: pipes)
    monkeypatch.setattr(worker, "hide_start_messages", lambda environment: None)
    worker.main()

    process = SimpleNamespace(stdin=io.BytesIO(), stdout=io.BytesIO(answers.getvalue()))
    monkeypatch.setattr("subprocess.Popen", lambda command, **options: process)
    with pytest.raises(InputError, match="the signature is damaged"):
        Worker(TranslationJob(tmp_path), {}).answer(batch, 0)
