"""Trains the plain PyTorch model on bucketed batches, and runs greedy and beam search."""

from __future__ import annotations

from typing import Any

import counter
import numpy as np
import protocol
import torch
from protocol import END, PAD, START, Reply, measured
from torch import Tensor
from torch.nn import functional
from torch_model import Model


class Plain:
    """The model, Adam and the searches."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.folder = config, config["folder"]
        torch.set_num_threads(config["threads"])
        torch.manual_seed(1)
        self.model = Model(config)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.001)

    def prepare_training(self) -> Reply:
        """Read the batches."""
        self.batches = protocol.read_batches(self.folder, "bucketed")
        return {}

    def train(self, first: int, steps: int, batches: str, precision: str = "float32") -> Reply:
        """Train some steps; only real positions are projected to the vocabulary.

        With the precision "bfloat16", autocast chooses the operations that compute in it.
        """
        taken = protocol.take(self.batches, first, steps)
        autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
        with measured() as found:
            for source, target in taken:
                with autocast:
                    loss = self._loss(_tensor(source), _tensor(protocol.teacher(target)), target)
                self._update(loss)
        return {**found, "loss": float(loss), "tokens": protocol.real_tokens(taken)}

    def _loss(self, source: Tensor, target_in: Tensor, target: np.ndarray) -> Tensor:
        target_out = _tensor(target)
        outputs = self.model(source, target_in)[target_out != PAD]
        return functional.cross_entropy(self.model.output(outputs), target_out[target_out != PAD])

    def _update(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def prepare_search(self) -> Reply:
        """Make every output as long as its source; see `counter`."""
        rig(self.model)
        self.model.eval()
        return {}

    def search(self, beam: int, batches: str = "by_length", limit: int | None = None) -> Reply:
        """Translate all sources in batches."""
        sources = protocol.read_sources(self.folder)[:limit]
        cut = protocol.cut(sources, self.config["search_batch"], by_length=batches == "by_length")
        with measured() as found:
            outputs = [self._search(batch, beam) for batch in cut]
        return {**found, "sentences": len(sources), "tokens": protocol.count_tokens(outputs)}

    def latency(self, count: int) -> Reply:
        """Run greedy search for one source at a time."""
        sources = protocol.read_sources(self.folder)[:count]
        return protocol.one_by_one(sources, lambda ids: self._search(protocol.pad([ids]), 1)[0])

    def _search(self, source: np.ndarray, beam: int) -> np.ndarray:
        limit = self.config["max_length"]
        with torch.inference_mode():
            if beam == 1:
                return greedy(self.model, _tensor(source), limit).numpy()
            return beam_search(self.model, _tensor(source), limit, beam).numpy()


def _tensor(ids: np.ndarray) -> Tensor:
    return torch.from_numpy(ids.astype("int64"))


def greedy(model: Model, source: Tensor, limit: int) -> Tensor:
    """Return the most likely token of every step, `[B, T]`; finished rows are dropped."""
    *kept, state = model.encode(source)
    tokens = torch.full((len(source),), START)
    outputs = torch.full((len(source), limit), PAD)
    alive = torch.arange(len(source))
    for step in range(limit):
        logits, state = model.step(tokens, state, tuple(kept))
        tokens = logits.argmax(-1)
        outputs[alive, step] = tokens
        going = tokens != END
        if not going.any():
            break
        if not going.all():
            alive, tokens = alive[going], tokens[going]
            state = state[0][going], state[1][going]
            kept = [tensor[going] for tensor in kept]
    return outputs


def beam_search(model: Model, source: Tensor, limit: int, width: int) -> Tensor:
    """Return the best of `width` hypotheses per source, `[B, T]`, by log-probability."""
    rows = len(source)
    *kept, state = model.encode(source)
    kept = [tensor.repeat_interleave(width, 0) for tensor in kept]
    h, c = (tensor.repeat_interleave(width, 0) for tensor in state)
    scores = torch.full((rows, width), -torch.inf)
    scores[:, 0] = 0
    tokens, generated = torch.full((rows * width,), START), torch.empty(rows * width, 0).long()
    ended = torch.zeros(rows * width, dtype=torch.bool)
    for _ in range(limit):
        logits, (h, c) = model.step(tokens, (h, c), tuple(kept))
        gains = logits.log_softmax(-1)
        gains[ended] = -torch.inf
        gains[ended, PAD] = 0
        total = (scores.view(-1, 1) + gains).view(rows, -1)
        scores, best = total.topk(width, -1)
        parents = (torch.arange(rows)[:, None] * width + best // gains.shape[-1]).view(-1)
        tokens = (best % gains.shape[-1]).view(-1)
        generated = torch.cat([generated[parents], tokens[:, None]], 1)
        ended = ended[parents] | (tokens == END)
        h, c = h[parents], c[parents]
        if ended.all():
            break
    return generated.view(rows, width, -1)[:, 0]


def rig(model: Model) -> None:
    """Set the weights that count tokens; see `counter`."""
    with torch.no_grad():
        weights = {name: value.numpy() for name, value in model.named_parameters()}
        for lstm in ("encoder.", "decoder."):
            names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0")
            kernel, recurrent, bias = (weights[lstm + name].T for name in names)
            weights[lstm + "bias_hh_l0"][:] = 0
            counter.count(kernel, recurrent, bias)
        counter.hand_on(weights["bridge_c.weight"].T, 0, -1.0)
        threshold = np.tanh(counter.STEP / 2)
        if model.luong:
            units = len(weights["bridge_c.weight"])
            counter.hand_on(weights["combine.weight"].T, units)
            threshold = np.tanh(threshold)
        else:
            columns = np.arange(4) * len(weights["bridge_c.weight"])
            weights["feed.weight"].T[:, columns] = 0
        counter.end_by(weights["output.weight"].T, weights["output.bias"], threshold)


if __name__ == "__main__":
    protocol.serve(
        (plain := Plain(protocol.settings())),
        versions={"torch": torch.__version__},
        parameters=sum(weight.numel() for weight in plain.model.parameters()),
    )
