"""Weights that end every output after as many tokens as its source has.

An untrained model would run to the length limit, or stop at random, and no two systems alike.
Training all systems until they translate would take hours and still give each other lengths. So
four places of the weights are set, in every system by the same plan, and the rest stay random:

- unit 0 of the forward encoder counts source tokens: its gates are open whatever it reads, so its
  cell holds `step * S` after S tokens (padding leaves the state alone);
- the bridge hands minus that to the decoder's cell, unit 0;
- unit 0 of the decoder counts target tokens in the same way, and reaches zero at token S;
- the score of `</s>` is a large multiple of that unit's h and half a step, and of nothing else.

So every system says the same number of tokens for the same source, rows of a batch end at
different steps as they would with a trained model, and no matrix is smaller or larger than without.
"""

import numpy as np
from protocol import END

STEP = 0.5
"""What a token adds to the counting cell where c is handed over as it is."""

SHARP = 100.0
"""Factor of the counter in the score of </s>; random scores stay far below it."""

_OPEN = 20.0
"""A gate's bias at which its sigmoid is 1."""


def count(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, step: float = STEP) -> None:
    """Makes unit 0 of an LSTM a counter, in place.

    Args:
        kernel: `[inputs, 4 units]`, gates in the order input, forget, candidate, output.
        recurrent: `[units, 4 units]`.
        bias: `[4 units]`.
        step: what each token adds, in (0, 1).
    """
    columns = np.arange(4) * (len(bias) // 4)
    kernel[:, columns] = 0
    recurrent[:, columns] = 0
    bias[columns] = _OPEN, _OPEN, np.arctanh(step), _OPEN


def hand_on(projection: np.ndarray, row: int = 0, factor: float = 1.0) -> None:
    """Makes output 0 of a projection `[inputs, outputs]` a multiple of one input, in place."""
    projection[:, 0] = 0
    projection[row, 0] = factor


def end_by(projection: np.ndarray, bias: np.ndarray | None, threshold: float) -> None:
    """Makes the score of </s> a multiple of input 0 over minus `threshold`, in place.

    Args:
        projection: `[inputs, vocabulary]`.
        bias: `[vocabulary]`; without it the threshold is 0.
        threshold: value of the input half a token before the end.
    """
    projection[:, END] = 0
    projection[0, END] = SHARP
    if bias is not None:
        bias[END] = SHARP * threshold
