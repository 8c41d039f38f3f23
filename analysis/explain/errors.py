"""The errors of this package; every message says what to do instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from analysis.errors import CamLensError


class ExplainError(CamLensError, ValueError):
    """No map can be made from these arguments."""


class UnknownNameError(ExplainError, KeyError):
    """A layer or method that does not exist."""

    def __str__(self) -> str:  # KeyError would show the repr
        return str(self.args[0])


class LayerError(ExplainError):
    """The layer exists but has no map: no (B, C, h, w) output, never called, or no path from it to the logits."""


class HeadError(ExplainError):
    """The head is not an average pool followed by affine layers, so no exact CAM exists."""


class InnerLayerError(HeadError):
    """The layer does not feed the head's average pool: the network has no class weights there."""


def no_gradient(layer: str) -> LayerError:
    """Return the error for a layer that no gradient of the score reaches."""
    return LayerError(
        f"no gradient reaches layer {layer!r}: the logits do not depend on its (last) output, or the model "
        "detaches it on the way"
    )


def closest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean '...'?" for a misspelt name, or an empty string where no known name is close."""
    lower = {each.lower(): each for each in known}
    matches = [lower[match] for match in difflib.get_close_matches(name.lower(), list(lower), n=3)]
    return f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""
