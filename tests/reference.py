"""The papers' equations in plain NumPy, in float64, one step and one position at a time."""

import numpy as np


def softmax(scores):
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def log_softmax(logits):
    shifted = np.asarray(logits, "float64") - np.max(logits, -1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def by_bisection(scores, factor, exponent):
    """Return `max(factor * z - tau, 0) ** exponent` of a row; `tau` is such that the sum is 1."""
    z = factor * np.asarray(scores, "float64")
    low, high = z.max() - 1, z.max()
    for _ in range(100):
        tau = (low + high) / 2
        too_much = (np.maximum(z - tau, 0) ** exponent).sum() > 1
        low, high = (tau, high) if too_much else (low, tau)
    return np.maximum(z - low, 0) ** exponent


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def masked_softmax(scores, mask):
    """Return the softmax over the real positions of `scores` `[..., S]`; zeros if none is real."""
    weights = np.zeros(scores.shape)
    for place in np.ndindex(scores.shape[:-1]):
        real = np.broadcast_to(mask, scores.shape)[place]
        if real.any():
            weights[place][real] = softmax(scores[place][real])
    return weights


def attend(score, query, memory, mask=None):
    """Return context `[B, T, M]` and alignment `[B, T, S]`; `score(q, k, s)` returns one number."""
    scores = np.array(
        [
            [[score(q, k, s) for s, k in enumerate(keys)] for q in queries]
            for queries, keys in zip(query, memory, strict=True)
        ]
    )
    mask = np.ones(memory.shape[:2], bool) if mask is None else mask
    alignment = masked_softmax(scores, mask[:, None])
    return np.einsum("bts,bsm->btm", alignment, memory), alignment


def lstm_step(x, state, weights):
    """Run one LSTM step with Keras's weights: kernel, recurrent kernel, bias; gates i, f, g, o."""
    kernel, recurrent, bias = weights
    h, c = state
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def lstm(sequence, weights, state=None):
    """Return the outputs `[T, U]` and the last `(h, c)` of one unpadded sequence `[T, E]`."""
    units = weights[1].shape[0]
    state = (np.zeros(units), np.zeros(units)) if state is None else state
    outputs = []
    for x in sequence:
        state = lstm_step(x, state, weights)
        outputs.append(state[0])
    return np.array(outputs), state


def adam(table, gradients, learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Return a table after Adam steps with all `gradients`.

    Kingma and Ba 2015, algorithm 1, in the order of computation of section 2.
    """
    m, v = np.zeros_like(table), np.zeros_like(table)
    for t, gradient in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        table = table - rate * m / (np.sqrt(v) + epsilon)
    return table


def finite_differences(function, *arrays, step=1e-5):
    """Return the gradients of a scalar `function` at float64 `arrays`, by central differences."""
    gradients = []
    for array in arrays:
        gradient = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            kept = array[place]
            array[place] = kept + step
            above = function()
            array[place] = kept - step
            gradient[place] = (above - function()) / (2 * step)
            array[place] = kept
        gradients.append(gradient)
    return gradients


def greedy(log_probs_after, max_length, end, forbidden):
    """Return `(tokens, score)` of greedy search; `log_probs_after(prefix)` returns `[V]`."""
    tokens, score = (), 0.0
    while len(tokens) < max_length and end not in tokens:
        log_probs = log_probs_after(tokens)
        token = max(allowed(log_probs, forbidden), key=log_probs.__getitem__)
        tokens, score = (*tokens, token), score + log_probs[token]
    return tokens, score


def all_hypotheses(log_probs_after, max_length, end, forbidden):
    """Return every possible `(tokens, score)`: it ends with `end`, or has `max_length` tokens."""
    grown, complete = [((), 0.0)], []
    for _ in range(max_length):
        grown = list(continuations(grown, log_probs_after, forbidden))
        complete += [(tokens, score) for tokens, score in grown if tokens[-1] == end]
        grown = [(tokens, score) for tokens, score in grown if tokens[-1] != end]
    return complete + grown


def beam_search(log_probs_after, width, penalty, max_length, end, forbidden):
    """Return the beams of Wu et al. 2016, section 7; an ended hypothesis stays as it is."""
    beams = [((), 0.0)]
    for _ in range(max_length):
        ended = [beam for beam in beams if end in beam[0]]
        live = [beam for beam in beams if end not in beam[0]]
        beams = ended + list(continuations(live, log_probs_after, forbidden))
        beams = sorted(beams, key=lambda beam: -ranking(beam, penalty))[:width]
    return beams


def continuations(hypotheses, log_probs_after, forbidden):
    for tokens, score in hypotheses:
        log_probs = log_probs_after(tokens)
        for token in allowed(log_probs, forbidden):
            yield (*tokens, token), score + log_probs[token]


def allowed(log_probs, forbidden):
    return [token for token in range(len(log_probs)) if token not in forbidden]


def ranking(hypothesis, penalty):
    """Return the score divided by the length penalty: Wu et al. 2016, equation 14."""
    tokens, score = hypothesis
    return score / ((5 + len(tokens)) / 6) ** penalty
