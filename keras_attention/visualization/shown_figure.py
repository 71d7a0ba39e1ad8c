"""A matplotlib figure that notebooks display; imported only for plotting."""

from io import BytesIO

from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure that a notebook displays if it is the value of a cell's last line.

    IPython displays a plain `Figure` only if `matplotlib.pyplot` is imported, which keeps its
    figures in a global list.
    """

    def _repr_png_(self) -> bytes:
        """Return the figure as PNG, for IPython."""
        picture = BytesIO()
        self.savefig(picture, format="png", bbox_inches="tight")
        return picture.getvalue()
