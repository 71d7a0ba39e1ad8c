"""A process that encodes pairs of a store as token ids. It imports neither Keras nor TensorFlow."""

from __future__ import annotations

from keras_attention.child_processes import RequestPipes
from keras_attention.errors import InputError

from ..data.stored_pairs import open_pairs
from .encoding import EncodingJob, encode_part


def main() -> None:
    """Answer requests, which are the numbers of pairs in the store, until the input ends."""
    pipes = RequestPipes.take_standard()
    job: EncodingJob = pipes.receive()
    try:
        pairs = open_pairs(job.folder)
        while (numbers := pipes.receive()) is not None:
            pipes.send(encode_part(pairs.take(numbers), job.tokenizers))
    except Exception as error:  # raised again in the process that waits for the answer
        reason = f"{type(error).__name__}: {error}"
        pipes.send(InputError(f"{job.folder}: cannot be encoded. Received: {reason}."))


if __name__ == "__main__":
    main()
