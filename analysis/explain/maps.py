"""explain(): maps of several layers by several methods from one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from analysis.explain.capture import Capture, Targets, capture
from analysis.explain.errors import ExplainError, UnknownNameError, closest
from analysis.explain.methods import METHODS, Method


@dataclass(frozen=True)
class Explanation:
    """Maps of a batch.

    Attributes
    ----------
    logits : (B, K) float32.
    targets : (B,) int64, the explained class of each image.
    against : (B,) int64, the class it is contrasted with, or None.
    maps : {(layer, method): (B, h, w) float32}, at the layer's own resolution, signed, not normalised, no
        ReLU unless the method's paper puts one inside its weights.
    notes : sentences for the reader.
    """

    logits: Tensor
    targets: Tensor
    against: Tensor | None
    maps: dict[tuple[str, str], Tensor]
    notes: tuple[str, ...] = ()


def explain(
    model: nn.Module,
    x: Tensor,
    layers: Sequence[str],
    methods: Sequence[str],
    targets: Targets = None,
    precision: str = "fp32",
) -> Explanation:
    """Explain why the model gives each image of a batch its score.

    Parameters
    ----------
    model : any classifier in any mode; it is explained in evaluation mode and left as it was.
    x : (B, 3, H, W), normalised, on the model's device.
    layers : module paths, as `explainable_layers` lists them.
    methods : names in `METHODS`.
    targets : None (the predicted class), an int, a LongTensor (B,), or a pair (a, b): why a rather than b.
    precision : "fp32"; a surrounding `torch.autocast` is suspended.

    Raises UnknownNameError (a KeyError) for an unknown layer or method, other ExplainErrors (ValueErrors)
    where input, target, layer or head do not fit; see `capture`.

    Example
    -------
    >>> result = explain(resnet18(), x, ["layer3", "layer4"], ["gradcam"], targets=(3, 5))
    >>> result.maps["layer4", "gradcam"].shape  # for x of shape (2, 3, 224, 224)
    torch.Size([2, 7, 7])
    """
    if precision != "fp32":
        raise ExplainError(f"precision {precision!r} is not offered; use 'fp32'")
    chosen = _known_methods(methods)
    taken = capture(model, x, layers, targets, gradients=any(method.needs_gradient for method in chosen))
    return Explanation(
        logits=taken.logits.float(),
        targets=taken.targets,
        against=taken.against,
        maps=_maps(taken, chosen),
        notes=taken.notes,
    )


def _maps(taken: Capture, methods: Sequence[Method]) -> dict[tuple[str, str], Tensor]:
    return {
        (layer, method.name): method.maps(taken, layer).float()
        for layer in taken.activations
        for method in methods
    }


def _known_methods(methods: Sequence[str]) -> list[Method]:
    names = [methods] if isinstance(methods, str) else list(dict.fromkeys(methods))
    if not names:
        raise ExplainError(f"name at least one method; known are {', '.join(METHODS)}")
    for name in names:
        if name not in METHODS:
            raise UnknownNameError(
                f"unknown method {name!r}.{closest(str(name), METHODS)} Known are {', '.join(METHODS)}."
            )
    return [METHODS[name] for name in names]
