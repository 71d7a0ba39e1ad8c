"""One alignment of the two that a model and its reverse give."""

from __future__ import annotations

from keras_attention.alignment.links import Links
from keras_attention.errors import InputError

SYMMETRIZATIONS = ("intersection", "union", "grow-diag-final-and")
DEFAULT_METHOD = "grow-diag-final-and"

_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrize(forward: Links, reverse: Links, method: str = DEFAULT_METHOD) -> Links:
    """Joins the links of source to target with those of target to source.

    "grow-diag-final-and" (Koehn et al. 2003, section 4.5, in the form of the Moses toolkit) begins
    with the intersection. As long as there are any, it adds links of the union that touch one it
    has, diagonally too, and whose source or target token is not linked yet; at last links of
    either side, forward first, whose source and target token are both not linked. It goes through
    the links by target position, then by source position.

    Args:
        forward: links of the model from source to target.
        reverse: links of the model from target to source, turned round: (source, target) too.
        method: "intersection", "union" or "grow-diag-final-and".

    Raises:
        InputError: if there is no such method.

    Example:
        >>> forward, reverse = frozenset({(0, 0), (1, 1), (4, 4)}), frozenset({(0, 0), (0, 1)})
        >>> sorted(symmetrize(forward, reverse))
        [(0, 0), (0, 1), (1, 1), (4, 4)]

    Reference:
        https://aclanthology.org/N03-1017
    """
    if method not in SYMMETRIZATIONS:
        raise InputError(
            f"links are symmetrised by one of {', '.join(SYMMETRIZATIONS)}. Received: {method!r}."
        )
    if method == "union":
        return forward | reverse
    if method == "intersection":
        return forward & reverse
    growing = _Growing(forward & reverse)
    growing.grow(forward | reverse)
    for side in (forward, reverse):
        growing.add_apart(side)
    return frozenset(growing.links)


class _Growing:
    """Links, and which tokens of either side have one."""

    def __init__(self, links: Links) -> None:
        self.links = set(links)
        self.sources = {source for source, _ in links}
        self.targets = {target for _, target in links}

    def grow(self, union: Links) -> None:
        """Adds neighbours in the union with a new token, until there are none."""
        size = -1
        while size < len(self.links):
            size = len(self.links)
            for source, target in _in_order(union):
                if (source, target) in self.links:
                    for down, right in _NEIGHBOURS:
                        link = source + right, target + down
                        if link in union and not self._both_linked(link):
                            self._add(link)

    def add_apart(self, side: Links) -> None:
        """Adds links between two new tokens."""
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
