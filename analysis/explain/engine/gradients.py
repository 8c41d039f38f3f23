"""The gradients of a score at each layer, or the reason why a layer has none."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from analysis.explain.errors import LayerError


class Gradients(dict[str, Tensor]):
    """Gradients by layer name, (B, C, h, w); reading a layer that no gradient reaches raises LayerError.

    Attributes
    ----------
    refusals : {layer: the reason why it has no gradient}.
    """

    def __init__(self, refusals: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.refusals = dict(refusals or {})

    def __missing__(self, layer: str) -> Tensor:
        raise LayerError(self.refusals.get(layer, f"no gradient was asked for at layer {layer!r}"))
