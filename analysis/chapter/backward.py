"""Why Grad-CAM needs the backward pass, and what `backward` may start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from analysis.chapter.running import Ran, attempt, code_of
from analysis.chapter.subject import Subject
from analysis.explain.errors import HeadError
from analysis.explain.head import exact_head
from analysis.explain.measures.agreement import correlation
from analysis.explain.trace import capture
from analysis.hooks import BackwardHook, ForwardHook

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Gradients:
    """What the two hooks hold at one layer, and that the gradient is what it is said to be.

    Attributes
    ----------
    layer : its name.
    after_forward : whether a gradient was there after the forward pass alone.
    gradient, activation : their shapes, (C, h, w).
    channel : the channel with the strongest weight; `weight` its mean gradient.
    predicted, measured : the change of the logit when that channel is raised everywhere by `amount`, by the
        gradient and by really doing it.
    class_weights : largest distance between the weights times h·w and the network's own class weights, relative to
        the largest of them; None where it has none at this layer.
    gradcam : (h, w) float32.
    """

    layer: str
    after_forward: bool
    gradient: tuple[int, ...]
    activation: tuple[int, ...]
    channel: int
    weight: float
    amount: float
    predicted: float
    measured: float
    class_weights: float | None
    gradcam: np.ndarray


def gradient_at(model: nn.Module, layer: nn.Module, x: Tensor, cls: int) -> tuple[Tensor | None, Tensor, Tensor]:
    """The gradient that is there before the backward pass, the one after it, and the activation."""
    with BackwardHook(layer) as gradient, ForwardHook(layer) as activation:
        output = model(x)
        before = gradient.stored
        output[0, cls].backward()
    assert gradient.stored is not None
    assert activation.stored is not None
    return before, gradient.stored[0], activation.stored[0]


def nudge(model: nn.Module, layer: nn.Module, x: Tensor, cls: int, channel: int, amount: float) -> float:
    """By how much a class's logit changes when one channel of a layer is raised everywhere."""

    def raised(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        output = output.clone()
        output[:, channel] += amount
        return output

    with torch.no_grad():
        before = model(x)[0, cls]
        handle = layer.register_forward_hook(raised)
        after = model(x)[0, cls]
        handle.remove()
    return float(after - before)


def gradients(subject: Subject, layer: str, cls: int) -> tuple[Ran[Gradients], str]:
    """Question 12 at one layer; the second value is the code of the check."""
    model = subject.model()
    module = model.get_submodule(layer)
    before, gradient, activation = gradient_at(model, module, subject.x, cls)
    weights = gradient.mean(dim=(1, 2))
    channel = int(weights.abs().argmax())
    # small beside the layer's own values, so that the network stays on its linear piece
    amount = max(1e-3 * float(activation.abs().max()), 1e-6)
    found = Gradients(
        layer=layer,
        after_forward=before is not None,
        gradient=tuple(gradient.shape),
        activation=tuple(activation.shape),
        channel=channel,
        weight=float(weights[channel]),
        amount=amount,
        predicted=amount * float(gradient[channel].sum()),
        measured=nudge(model, module, subject.x, cls, channel, amount),
        class_weights=_distance_to_class_weights(subject, layer, cls, weights, gradient[0].numel()),
        gradcam=_gradcam(gradient, activation),
    )
    return Ran(code_of(gradient_at), found), code_of(nudge)


def _distance_to_class_weights(
    subject: Subject, layer: str, cls: int, weights: Tensor, cells: int
) -> float | None:
    taken = capture(subject.learned, subject.x, [layer], gradients=False)
    try:
        own = exact_head(taken, layer).weight[cls]
    except HeadError:
        return None
    return float((weights * cells - own).abs().max() / own.abs().max())


@dataclass(frozen=True)
class Way:
    """One way to a number that `backward` can start from, and the Grad-CAM of it.

    `correlation` is with the first way's map, nan where one is constant; `distance` the largest difference of the
    gradients, relative to the first way's largest.
    """

    name: str
    code: str
    gradcam: np.ndarray
    correlation: float
    distance: float


def everything(output: Tensor, cls: int) -> None:
    """Ask for the gradient of all the scores at once."""
    output.backward()


def one_number(output: Tensor, cls: int) -> None:
    """Pick the score of one class of one picture."""
    output[0, cls].backward()


def with_weights(output: Tensor, cls: int) -> None:
    """Say how much each score counts: here a single 1."""
    weights = torch.zeros_like(output)
    weights[0, cls] = 1
    output.backward(gradient=weights)


def summed(output: Tensor, cls: int) -> None:
    """Add all the scores up, which asks for no class."""
    output.sum().backward()


WAYS: dict[str, Callable[[Tensor, int], None]] = {
    "Pick one score": one_number,
    "Weigh the scores": with_weights,
    "Add them up": summed,
}


def starting_points(subject: Subject, layer: str, cls: int) -> tuple[Ran[None], tuple[Way, ...]]:
    """Question 13: the real error of a rank-2 output, and the three ways out at one layer."""
    refused = attempt(everything, _fresh_output(subject, layer), cls)
    found: list[Way] = []
    first: Pair | None = None
    for name, way in WAYS.items():
        model = subject.model()
        module = model.get_submodule(layer)
        with BackwardHook(module) as gradient, ForwardHook(module) as activation:
            way(model(subject.x), cls)
        assert gradient.stored is not None
        assert activation.stored is not None
        values = _gradcam(gradient.stored[0], activation.stored[0])
        first = first or (gradient.stored, torch.from_numpy(values))
        scale = float(first[0].abs().max()) or 1.0
        found.append(
            Way(
                name,
                code_of(way),
                values,
                correlation(values, first[1].numpy()),
                float((gradient.stored - first[0]).abs().max()) / scale,
            )
        )
    return refused, tuple(found)


def _fresh_output(subject: Subject, layer: str) -> Tensor:
    model = subject.model()
    with BackwardHook(model.get_submodule(layer)):
        return model(subject.x)


def _gradcam(gradient: Tensor, activation: Tensor) -> np.ndarray:
    weights = gradient.mean(dim=(1, 2), keepdim=True)
    return (weights * activation).sum(dim=0).float().cpu().numpy()
