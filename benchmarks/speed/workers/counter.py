"""Weights with which a model writes exactly as many tokens as its source has.

An untrained model would run to the length limit or stop at random, differently in each system.
Training all systems until they translate would take hours, and their output lengths would still
differ. So a few weights are set in the same way in every system; all others are random:

- unit 0 of the forward encoder counts source tokens: its gates are always open, so its
  cell holds `step * S` after S tokens (padding does not change the state);
- the bridge passes the negative of this value to unit 0 of the decoder's cell;
- unit 0 of the decoder counts target tokens in the same way, and reaches zero at token S;
- the score of `</s>` is `100 * (h + half a step)`, where h is the output of the decoder's unit 0;
  no other unit changes it.

So every system generates the same number of tokens for the same source. The rows of a batch end at
different steps, as with a trained model, and all matrices keep their sizes.
"""

import numpy as np
from protocol import END

STEP = 0.5
"""Amount that each token adds to the counting cell; use less if the bridge applies tanh."""

SHARP = 100.0
"""Factor of the counter in the score of </s>; random scores are far smaller."""

_OPEN = 20.0
"""Bias that opens a gate: the sigmoid is 1."""


def count(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, step: float = STEP) -> None:
    """Turn unit 0 of an LSTM into a counter, in place.

    Args:
        kernel: `[inputs, 4 units]`, gates in the order input, forget, candidate, output.
        recurrent: `[units, 4 units]`.
        bias: `[4 units]`.
        step: increment per token, in (0, 1).
    """
    columns = np.arange(4) * (len(bias) // 4)
    kernel[:, columns] = 0
    recurrent[:, columns] = 0
    bias[columns] = _OPEN, _OPEN, np.arctanh(step), _OPEN


def hand_on(projection: np.ndarray, row: int = 0, factor: float = 1.0) -> None:
    """Set output 0 of a projection `[inputs, outputs]` to a multiple of one input, in place."""
    projection[:, 0] = 0
    projection[row, 0] = factor


def end_by(projection: np.ndarray, bias: np.ndarray | None, threshold: float) -> None:
    """Set the score of </s> to `SHARP * (input 0 + threshold)`, in place.

    Args:
        projection: `[inputs, vocabulary]`.
        bias: `[vocabulary]`; without it the threshold is 0.
        threshold: added to input 0, so that the score becomes positive half a token before the end.
    """
    projection[:, END] = 0
    projection[0, END] = SHARP
    if bias is not None:
        bias[END] = SHARP * threshold
