"""A figure that notebooks show; imported by what draws, as matplotlib is."""

from io import BytesIO

from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure that is shown as the last line of a notebook's cell.

    IPython shows a plain `Figure` only once `matplotlib.pyplot` is imported, which keeps every
    figure that it makes in a global list.
    """

    def _repr_png_(self) -> bytes:
        """Return the picture as IPython asks for it."""
        picture = BytesIO()
        self.savefig(picture, format="png", bbox_inches="tight")
        return picture.getvalue()
