"""Symmetrization: join the links of two models, one for each direction of translation."""

from __future__ import annotations

from keras_attention.alignment.links import Links
from keras_attention.errors import InputError

SYMMETRIZATIONS = ("intersection", "union", "grow-diag-final-and")
DEFAULT_METHOD = "grow-diag-final-and"

_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrize(forward: Links, reverse: Links, method: str = DEFAULT_METHOD) -> Links:
    """Join the links of the source-to-target model with those of the target-to-source model.

    "grow-diag-final-and" (Koehn et al. 2003, section 4.5, as in the Moses toolkit) starts with
    the intersection. Then it repeatedly adds links of the union that are horizontally, vertically
    or diagonally next to a link in the result, and whose source or target token is not linked yet.
    When no such link is left, it adds links whose source and target tokens are both unlinked,
    first from `forward`, then from `reverse`. It visits links by target position, then by source
    position.

    Args:
        forward: links of the model from source to target.
        reverse: links of the model from target to source. Each link is still (source, target).
        method: "intersection", "union" or "grow-diag-final-and".

    Raises:
        InputError: if the method is unknown.

    Example:
        >>> forward, reverse = frozenset({(0, 0), (1, 1), (4, 4)}), frozenset({(0, 0), (0, 1)})
        >>> sorted(symmetrize(forward, reverse))
        [(0, 0), (0, 1), (1, 1), (4, 4)]

    Reference:
        https://aclanthology.org/N03-1017
    """
    if method not in SYMMETRIZATIONS:
        raise InputError(
            f"the symmetrization must be one of {', '.join(SYMMETRIZATIONS)}. Received: {method!r}."
        )
    if method == "union":
        return forward | reverse
    if method == "intersection":
        return forward & reverse
    growing = _Growing(forward & reverse)
    growing.grow(forward | reverse)
    for side in (forward, reverse):
        growing.add_separate(side)
    return frozenset(growing.links)


class _Growing:
    """A growing set of links, with the source and target tokens that are linked so far."""

    def __init__(self, links: Links) -> None:
        self.links = set(links)
        self.sources = {source for source, _ in links}
        self.targets = {target for _, target in links}

    def grow(self, union: Links) -> None:
        """Add neighbours from the union that link a new token, until none is left."""
        size = -1
        while size < len(self.links):
            size = len(self.links)
            for source, target in _in_order(union):
                if (source, target) in self.links:
                    for down, right in _NEIGHBOURS:
                        link = source + right, target + down
                        if link in union and not self._both_linked(link):
                            self._add(link)

    def add_separate(self, side: Links) -> None:
        """Add links whose two tokens are both still unlinked."""
        for source, target in _in_order(side):
            if source not in self.sources and target not in self.targets:
                self._add((source, target))

    def _both_linked(self, link: tuple[int, int]) -> bool:
        return link[0] in self.sources and link[1] in self.targets

    def _add(self, link: tuple[int, int]) -> None:
        self.links.add(link)
        self.sources.add(link[0])
        self.targets.add(link[1])


def _in_order(links: Links) -> list[tuple[int, int]]:
    return sorted(links, key=lambda link: link[::-1])
