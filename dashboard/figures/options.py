"""How the maps are drawn: the settings that the Layers page, the Keepdim page and the PNG share."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.figures.palette import INKS, Theme, colour_scales


@dataclass(frozen=True)
class LayerViewOptions:
    """Display settings of the maps.

    Attributes
    ----------
    layer : index of the layer shown first.
    opacity : of the map over the photo, 0 to 1.
    relu : show only what speaks for the class, the positive values.
    smooth : interpolate between the cells instead of showing them as rectangles.
    colours : a name from `palette.colour_scales(relu)`, or None for the first of them.
    same_scale : one colour range for CAM and Grad-CAM, see `panels.layer_panels`.
    animal_outline, shortcut_outline : show the outline of the mask where there is one.
    theme : "light" or "dark".
    width : of the figure, in pixels.

    Raises
    ------
    ValueError : for an opacity outside 0 to 1, an unknown theme, or a colour scale that does not suit the sign of
        the map.
    """

    layer: int = 0
    opacity: float = 0.6
    relu: bool = False
    smooth: bool = True
    colours: str | None = None
    same_scale: bool = False
    animal_outline: bool = False
    shortcut_outline: bool = False
    theme: Theme = "light"
    width: int = 850

    def __post_init__(self) -> None:
        if not 0.0 <= self.opacity <= 1.0:
            raise ValueError(f"opacity must lie between 0 and 1, got {self.opacity}")
        if self.theme not in INKS:
            raise ValueError(f"unknown theme {self.theme!r}; choose from {', '.join(INKS)}")
        scales = colour_scales(self.relu)
        if self.colours is not None and self.colours not in scales:
            kind = "a map after ReLU" if self.relu else "a signed map"
            raise ValueError(
                f"colour scale {self.colours!r} does not suit {kind}; choose from {', '.join(scales)}"
            )

    @property
    def scale(self) -> str:
        """Name of the colour scale to draw with."""
        return self.colours or colour_scales(self.relu)[0]
