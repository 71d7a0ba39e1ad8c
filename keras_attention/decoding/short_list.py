"""A lexical short list: the target tokens that a source's own tokens may become."""

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
"""Short lists have this size or its doubles, so that few graphs serve all batches."""


@dataclass(frozen=True)
class ShortList:
    """Which target tokens a batch of sources may be translated to, its sources together.

    The output projection is most of a step of search where a vocabulary is large, and nearly all
    of it scores tokens that have nothing to do with the source (Jean et al. 2015, section 4).

    Attributes:
        common: target ids that are always allowed, `[F]`.
        by_source: target ids that each source id may become, `[source vocabulary, N]`; 0 where
            there are fewer.
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
        """Target ids for a batch of sources, in order, the special ones first.

        Args:
            source: ids `[B, S]`.
            also: target ids that are to be among them.

        Returns:
            As many ids as the next of 512, 1024, 2048 ...; `None` where that is more than half of
            the vocabulary, so that little is gained.
        """
        special = np.arange(len(SPECIAL_TOKENS))
        likely = self.by_source[source].ravel()
        wanted = np.unique(np.concatenate([special, self.common, likely, np.asarray(also, int)]))
        size = LEAST_ALLOWED
        while size < len(wanted):
            size *= 2
        if size > self.vocabulary_size // 2:
            return None
        others = np.setdiff1d(np.arange(self.vocabulary_size), wanted)[: size - len(wanted)]
        return np.union1d(wanted, others).astype("int32")

    def to_bytes(self) -> bytes:
        """The content of a file that `from_bytes` reads."""
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
        """Reads what `to_bytes` returned.

        Args:
            file_bytes: the file's content.
            where: what an error calls it.
            sizes: numbers of source and of target ids that it must be for.

        Raises:
            InputError: if it is damaged, or another model's.
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
            sound = read.by_source.ndim == 2 and 0 <= ids.min() <= ids.max() < read.vocabulary_size
        except Exception:  # whatever the damage causes
            sound = False
        if not sound:
            raise InputError(f"{where}: damaged, or no short list.")
        received = len(read.by_source), read.vocabulary_size
        if received != sizes:
            raise InputError(
                f"{where}: expected a short list of {sizes[0]} source and {sizes[1]} target "
                f"tokens. Received: {received[0]} and {received[1]}."
            )
        return read
