"""What can go wrong when a map is asked for; every message names the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from analysis.errors import CamLensError


class ExplainError(CamLensError, ValueError):
    """A map cannot be made of what was asked."""


class UnknownNameError(ExplainError, KeyError):
    """A layer or method that does not exist."""

    def __str__(self) -> str:  # KeyError would show the repr
        return str(self.args[0])


class LayerError(ExplainError):
    """The layer exists but has no map: not a (B, C, h, w) output, not called, or no path to the logits."""


class HeadError(ExplainError):
    """The head is not average pool -> affine layers, so no exact CAM exists."""


class InnerLayerError(HeadError):
    """The layer does not feed the head's average pool: the network has no class weights there."""


def no_gradient(layer: str) -> LayerError:
    """Return the error for a layer that the score cannot be differentiated in."""
    return LayerError(
        f"no gradient reaches layer {layer!r}: the logits do not depend on its (last) output, or the model "
        "detaches it on the way"
    )


def closest(name: str, known: Iterable[str]) -> str:
    """' Did you mean ...?' for a misspelt name, or an empty string."""
    lower = {each.lower(): each for each in known}
    matches = [lower[match] for match in difflib.get_close_matches(name.lower(), list(lower), n=3)]
    return f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""
