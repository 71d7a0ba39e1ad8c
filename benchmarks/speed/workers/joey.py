"""Joey NMT with its model, its training step and its searches, on the prepared ids."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import counter
import joeynmt
import numpy as np
import protocol
import torch
from joeynmt.batch import Batch
from joeynmt.config import parse_global_args
from joeynmt.model import build_model
from joeynmt.search import search
from joeynmt.training import TrainManager
from joeynmt.vocabulary import Vocabulary
from protocol import Reply, measured

TO_JOEY = np.array([1, 2, 3, 0])
"""The ids of <pad>, <s>, </s> and <unk> in Joey NMT; all other ids are the same."""

_STEP = 1e-3  # small, because the bridge applies tanh, which is nearly linear only near 0


def configuration(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of all comparisons as a configuration of Joey NMT.

    Luong's attention comes after the LSTM without input feeding, as in our model. Bahdanau's uses
    input feeding, because in Joey NMT the context reaches the recurrence in no other way.
    """
    embeddings = {"embedding_dim": config["embedding"]}
    encoder = {"type": "recurrent", "rnn_type": "lstm", "bidirectional": True}
    encoder |= {"hidden_size": config["units"] // 2, "num_layers": 1, "embeddings": embeddings}
    decoder = {"type": "recurrent", "rnn_type": "lstm", "hidden_size": config["units"]}
    decoder |= {"num_layers": 1, "embeddings": embeddings, "attention": config["attention"]}
    decoder |= {"init_hidden": "bridge", "input_feeding": config["attention"] == "bahdanau"}
    training = {"optimizer": "adam", "learning_rate": 0.001, "clip_grad_norm": 1.0}
    training |= {"normalization": "tokens", "batch_size": config["batch"]}
    return {
        "name": "speed",
        "model_dir": tempfile.mkdtemp(prefix="joeynmt-"),
        "use_cuda": False,
        "normalization": "tokens",
        "data": {},
        "training": {**training, "scheduling": "exponential"},
        "testing": {},
        "model": {"encoder": encoder, "decoder": decoder},
    }


class Joey:
    """The model, training manager and search of Joey NMT."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.folder = config, config["folder"]
        torch.set_num_threads(config["threads"])
        torch.manual_seed(1)
        arguments = parse_global_args(configuration(config))
        names = [f"token {index}" for index in range(4, config["vocabulary"])]
        words = Vocabulary(names, arguments.data["special_symbols"])
        self.model = build_model(arguments.model, src_vocab=words, trg_vocab=words)
        self.model.loss_function = ("crossentropy", 0.0)
        self.manager = TrainManager(
            model=self.model,
            model_dir=Path(arguments.model_dir),
            device=arguments.device,
            autocast=arguments.autocast,
            train_args=arguments.train,
            dev_args=arguments.test,
            rank=0,
        )

    def prepare_training(self) -> Reply:
        """Read the batches."""
        self.batches = {
            name: protocol.read_batches(self.folder, name) for name in ("bucketed", "plain")
        }
        self.model.zero_grad()
        return {}

    def train(self, first: int, steps: int, batches: str, onednn: bool = True) -> Reply:
        """Train on batches as Joey NMT's training loop does."""
        taken = protocol.take(self.batches[batches], first, steps)
        manager = self.manager
        with _onednn(onednn), measured() as found:
            for source, target in taken:
                loss, _ = manager._train_step(_batch(source, target))
                manager.clip_grad_fun(parameters=self.model.parameters())
                manager.optimizer.step()
                self.model.zero_grad()
        return {**found, "loss": loss, "tokens": protocol.real_tokens(taken)}

    def prepare_search(self) -> Reply:
        """Make every output as long as its source; see `counter`."""
        rig(self.model)
        self.model.eval()
        return {}

    def search(
        self,
        beam: int,
        batches: str = "by_length",
        onednn: bool = True,
        limit: int | None = None,
    ) -> Reply:
        """Translate all sources in batches."""
        sources = protocol.read_sources(self.folder)[:limit]
        cut = protocol.cut(sources, self.config["search_batch"], by_length=batches == "by_length")
        with _onednn(onednn), measured() as found:
            outputs = [self._search(batch, beam) for batch in cut]
        return {**found, "sentences": len(sources), "tokens": protocol.count_tokens(outputs)}

    def latency(self, count: int, onednn: bool = True) -> Reply:
        """Run greedy search for one source at a time."""
        sources = protocol.read_sources(self.folder)[:count]
        with _onednn(onednn):
            return protocol.one_by_one(sources, lambda ids: self._search(protocol.pad([ids]), 1)[0])

    def _search(self, source: np.ndarray, beam: int) -> np.ndarray:
        batch = _batch(source, None)
        back = batch.sort_by_src_length()
        found, _, _ = search(self.model, batch, self.config["max_length"], beam, beam_alpha=0.0)
        return _from_joey(found)[back]


def _batch(source: np.ndarray, target: np.ndarray | None) -> Batch:
    """Return a batch of Joey NMT for our ids; it expects `target` to start with <s>."""
    if target is not None:
        starts = np.full((len(target), 1), protocol.START)
        target = torch.from_numpy(_to_joey(np.concatenate([starts, target], axis=1)))
    return Batch(
        src=torch.from_numpy(_to_joey(source)),
        src_length=torch.from_numpy(np.count_nonzero(source, axis=1)),
        src_prompt_mask=None,
        trg=target,
        trg_prompt_mask=None,
        indices=torch.arange(len(source)),
        device=torch.device("cpu"),
        pad_index=int(TO_JOEY[protocol.PAD]),
        eos_index=int(TO_JOEY[protocol.END]),
    )


def _to_joey(ids: np.ndarray) -> np.ndarray:
    return np.where(ids < 4, TO_JOEY[np.minimum(ids, 3)], ids).astype("int64")


def _from_joey(ids: np.ndarray) -> np.ndarray:
    return np.where(ids < 4, np.argsort(TO_JOEY)[np.minimum(ids, 3)], ids)


@contextmanager
def _onednn(wanted: bool) -> Iterator[None]:
    with torch.backends.mkldnn.flags(enabled=wanted):
        yield


def rig(model: Any) -> None:
    """Set the weights that count tokens. The bias of the bridge adds the half step."""
    with torch.no_grad():
        weights = {name: value.numpy() for name, value in model.named_parameters()}
        for lstm in ("encoder.rnn.", "decoder.rnn."):
            names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0")
            kernel, recurrent, bias = (weights[lstm + name].T for name in names)
            weights[lstm + "bias_hh_l0"][:] = 0
            counter.count(kernel, recurrent, bias, _STEP)
        counter.hand_on(weights["decoder.bridge_layer.weight"].T, 0, -1.0)
        weights["decoder.bridge_layer.bias"][0] = _STEP / 2
        counter.hand_on(weights["decoder.att_vector_layer.weight"].T, 0, 1 / _STEP)
        weights["decoder.att_vector_layer.bias"][0] = 0
        projection = weights["decoder.output_layer.weight"].T
        end = int(TO_JOEY[protocol.END])
        projection[:, [protocol.END, end]] = projection[:, [end, protocol.END]]
        counter.end_by(projection, None, 0.0)
        projection[:, [protocol.END, end]] = projection[:, [end, protocol.END]]


if __name__ == "__main__":
    protocol.serve(
        (joey := Joey(protocol.settings())),
        versions={"joeynmt": joeynmt.__version__, "torch (joeynmt)": torch.__version__},
        parameters=sum(weight.numel() for weight in joey.model.parameters()),
    )
