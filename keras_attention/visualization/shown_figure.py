"""A figure that notebooks display; imported only to draw, because it imports matplotlib."""

from io import BytesIO

from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure that a notebook displays if it is the last line of a cell.

    IPython displays a plain `Figure` only once `matplotlib.pyplot` is imported, which keeps every
    figure that it makes in a global list.
    """

    def _repr_png_(self) -> bytes:
        """Return the picture as IPython asks for it."""
        picture = BytesIO()
        self.savefig(picture, format="png", bbox_inches="tight")
        return picture.getvalue()
