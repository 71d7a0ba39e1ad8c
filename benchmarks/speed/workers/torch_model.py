"""A plain PyTorch model of the same sizes, written for speed.

The encoder is one packed `nn.LSTM`. With Luong's attention the decoder is an `nn.LSTM` over the
whole target, and all queries attend at once. With Bahdanau's attention the decoder is a loop over
the equations of `LSTMCell`; the target tokens are projected before the loop.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, Tensor]


class Model(nn.Module):
    """A model that maps source ids and shifted target ids to outputs `[B, T, U]`."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        v, e, u = (config[name] for name in ("vocabulary", "embedding", "units"))
        self.luong = config["attention"] == "luong"
        self.source_embedding = nn.Embedding(v, e)
        self.target_embedding = nn.Embedding(v, e)
        self.encoder = nn.LSTM(e, u // 2, bidirectional=True, batch_first=True)
        self.bridge_h = nn.Linear(u, u, bias=False)
        self.bridge_c = nn.Linear(u, u, bias=False)
        self.decoder = nn.LSTM(e, u, batch_first=True)
        self.key = nn.Linear(u, u, bias=False)
        if self.luong:
            self.combine = nn.Linear(2 * u, u, bias=False)
        else:
            self.query = nn.Linear(u, u, bias=False)
            self.v = nn.Linear(u, 1, bias=False)
            self.feed = nn.Linear(u, 4 * u, bias=False)
        self.output = nn.Linear(u, v)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor, State]:
        """Return memory `[B, S, U]`, its keys, its padding and the decoder's first state."""
        lengths = (source != 0).sum(1).cpu()  # PyTorch packs sequences by lengths on the CPU
        packed = pack_padded_sequence(
            self.source_embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        packed, (h, c) = self.encoder(packed)
        memory, _ = pad_packed_sequence(packed, batch_first=True, total_length=source.shape[1])
        h, c = torch.cat([h[0], h[1]], -1), torch.cat([c[0], c[1]], -1)
        state = torch.tanh(self.bridge_h(h)), self.bridge_c(c)
        return memory, self.key(memory), source == 0, state

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the outputs of all steps with teacher forcing."""
        memory, keys, padding, state = self.encode(source)
        inputs = self.target_embedding(target)
        if self.luong:
            h, _ = self.decoder(inputs, (state[0][None], state[1][None]))
            return self._after(h, memory, keys, padding)
        found = []
        for one in self._project(inputs).unbind(1):
            state = self._before(one, state, memory, keys, padding)
            found.append(state[0])
        return torch.stack(found, 1)

    def step(self, tokens: Tensor, state: State, kept: tuple[Tensor, ...]) -> tuple[Tensor, State]:
        """Return logits `[B, V]` and the next state; `kept` is memory, keys and padding."""
        inputs = self.target_embedding(tokens)
        if not self.luong:
            state = self._before(self._project(inputs), state, *kept)
            return self.output(state[0]), state
        h, state = self.decoder(inputs[:, None], (state[0][None], state[1][None]))
        logits = self.output(self._after(h, *kept)[:, 0])
        return logits, (state[0][0], state[1][0])

    def _project(self, inputs: Tensor) -> Tensor:
        """Return the input part of the gates."""
        bias = self.decoder.bias_ih_l0 + self.decoder.bias_hh_l0
        return functional.linear(inputs, self.decoder.weight_ih_l0, bias)

    def _after(self, h: Tensor, memory: Tensor, keys: Tensor, padding: Tensor) -> Tensor:
        """Return Luong's attentional vectors of all steps `[B, T, U]`."""
        scores = torch.bmm(h, keys.transpose(1, 2)).masked_fill(padding[:, None], -1e9)
        context = torch.bmm(scores.softmax(-1), memory)
        return torch.tanh(self.combine(torch.cat([context, h], -1)))

    def _before(
        self, inputs: Tensor, state: State, memory: Tensor, keys: Tensor, padding: Tensor
    ) -> State:
        """Run Bahdanau's step: the previous h is the query, the context enters the LSTM."""
        h, c = state
        hidden = torch.tanh(keys + self.query(h)[:, None])
        scores = self.v(hidden)[:, :, 0].masked_fill(padding, -1e9)
        context = torch.bmm(scores.softmax(-1)[:, None], memory)[:, 0]
        gates = inputs + self.feed(context) + functional.linear(h, self.decoder.weight_hh_l0)
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
