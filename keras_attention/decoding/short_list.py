"""The lexical short list: the target tokens that search considers for a source."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keras_attention.errors import InputError
from keras_attention.files.artefacts import LARGEST_SHORT_LIST, check_archive
from keras_attention.special_tokens import SPECIAL_TOKENS

Ids = npt.NDArray[np.int32]

LEAST_ALLOWED = 512
"""The smallest size of a short list. Sizes double from here, so that few graphs are traced."""


@dataclass(frozen=True)
class ShortList:
    """The target tokens that search considers for each source token.

    With a large vocabulary, the output projection takes most of the time of a search step, and most
    of the tokens it scores are unrelated to the source (Jean et al. 2015, section 4).

    Attributes:
        common: target ids that are always allowed, `[F]`.
        by_source: target ids that each source id may be translated to, `[source vocabulary, N]`,
            padded with 0.
        vocabulary_size: number of target ids.

    Example:
        >>> by_source = np.zeros((6, 1), "int32")
        >>> by_source[4] = 900
        >>> short_list = ShortList(np.arange(4, 8, dtype="int32"), by_source, 3000)
        >>> allowed = short_list.allowed(np.array([[4, 2]]))
        >>> len(allowed), int(allowed[-1])
        (512, 900)

    Reference:
        https://arxiv.org/abs/1412.2007
    """

    common: Ids
    by_source: Ids
    vocabulary_size: int

    def allowed(self, source: Ids, also: Sequence[int] = ()) -> Ids | None:
        """Return the target ids for a batch of sources in ascending order, special ones first.

        Args:
            source: ids `[B, S]`.
            also: target ids to include.

        Returns:
            The ids. Their number is 512, 1024, 2048 ..., the smallest of these that is large
            enough. `None` if it is more than half of the vocabulary, because a short list would
            then save little time.
        """
        special = np.arange(len(SPECIAL_TOKENS))
        likely = self.by_source[source].ravel()
        needed = np.unique(np.concatenate([special, self.common, likely, np.asarray(also, int)]))
        size = LEAST_ALLOWED
        while size < len(needed):
            size *= 2
        if size > self.vocabulary_size // 2:
            return None
        others = np.setdiff1d(np.arange(self.vocabulary_size), needed)[: size - len(needed)]
        return np.union1d(needed, others).astype("int32")

    def to_bytes(self) -> bytes:
        """Return the content of a file that `from_bytes` reads."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            common=self.common,
            by_source=self.by_source,
            vocabulary_size=np.int64(self.vocabulary_size),
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, file_bytes: bytes, where: str, sizes: tuple[int, int]) -> ShortList:
        """Load a short list from the content of a file that `to_bytes` wrote.

        Args:
            file_bytes: the file's content.
            where: the file's name in errors.
            sizes: the number of source ids and the number of target ids of the model.

        Raises:
            InputError: if the file is damaged, or belongs to a model with different sizes.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(file_bytes)) as archive:
                check_archive(archive, where, largest=LARGEST_SHORT_LIST)
            with np.load(io.BytesIO(file_bytes), allow_pickle=False) as arrays:
                read = cls(
                    arrays["common"].astype("int32"),
                    arrays["by_source"].astype("int32"),
                    int(arrays["vocabulary_size"]),
                )
            ids = np.concatenate([read.common.reshape(-1), read.by_source.reshape(-1)])
            valid = read.by_source.ndim == 2 and 0 <= ids.min() <= ids.max() < read.vocabulary_size
        except Exception:  # damaged files cause many kinds of errors
            valid = False
        if not valid:
            raise InputError(f"{where}: the file is damaged or not a short list.")
        received = len(read.by_source), read.vocabulary_size
        if received != sizes:
            raise InputError(
                f"{where}: expected a short list of {sizes[0]} source and {sizes[1]} target "
                f"tokens. Received: {received[0]} and {received[1]}."
            )
        return read
