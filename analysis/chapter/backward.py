"""Why Grad-CAM needs the backward pass, and which numbers `backward` can start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from analysis.chapter.execution import Execution, attempt, source_of
from analysis.chapter.subject import Subject
from analysis.explain.errors import HeadError
from analysis.explain.head import exact_head
from analysis.explain.measures.agreement import correlation
from analysis.explain.trace import capture
from analysis.hooks import BackwardHook, ForwardHook


@dataclass(frozen=True)
class GradientCheck:
    """The gradient of a class's logit at one layer, and what confirms that it is this gradient.

    Attributes
    ----------
    layer : the layer's name.
    available_after_forward : whether the hook held a gradient after the forward pass alone.
    gradient_shape, activation_shape : (C, h, w).
    channel : the channel with the largest weight, sign ignored.
    weight : the spatial mean of that channel's gradient.
    amount : by how much the channel is raised at every location.
    predicted_change, measured_change : how the logit changes then, according to the gradient and when it is done.
    class_weight_difference : the largest distance between the weights times h·w and the network's own class
        weights, relative to the largest class weight; None where this layer has no class weights.
    gradcam : (h, w) float32.
    """

    layer: str
    available_after_forward: bool
    gradient_shape: tuple[int, ...]
    activation_shape: tuple[int, ...]
    channel: int
    weight: float
    amount: float
    predicted_change: float
    measured_change: float
    class_weight_difference: float | None
    gradcam: np.ndarray


def gradient_at(model: nn.Module, layer: nn.Module, x: Tensor, cls: int) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return what the gradient hook holds before and after the backward pass, and the activation."""
    with BackwardHook(layer) as gradient, ForwardHook(layer) as activation:
        output = model(x)
        before = gradient.stored
        output[0, cls].backward()
    assert gradient.stored is not None
    assert activation.stored is not None
    return before, gradient.stored[0], activation.stored[0]


def measure_change(model: nn.Module, layer: nn.Module, x: Tensor, cls: int, channel: int, amount: float) -> float:
    """Return by how much a class's logit changes when one channel of a layer is raised at every location."""

    def raise_channel(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        output = output.clone()
        output[:, channel] += amount
        return output

    with torch.no_grad():
        before = model(x)[0, cls]
        handle = layer.register_forward_hook(raise_channel)
        after = model(x)[0, cls]
        handle.remove()
    return float(after - before)


def check_gradient(subject: Subject, layer: str, cls: int) -> tuple[Execution[GradientCheck], str]:
    """Answer question 12 at one layer; return the answer and the source code of its check."""
    model = subject.copy()
    module = model.get_submodule(layer)
    before, gradient, activation = gradient_at(model, module, subject.x, cls)
    weights = gradient.mean(dim=(1, 2))
    channel = int(weights.abs().argmax())
    # small compared with the layer's own values, so that the network behaves linearly
    amount = max(1e-3 * float(activation.abs().max()), 1e-6)
    check = GradientCheck(
        layer=layer,
        available_after_forward=before is not None,
        gradient_shape=tuple(gradient.shape),
        activation_shape=tuple(activation.shape),
        channel=channel,
        weight=float(weights[channel]),
        amount=amount,
        predicted_change=amount * float(gradient[channel].sum()),
        measured_change=measure_change(model, module, subject.x, cls, channel, amount),
        class_weight_difference=_class_weight_difference(subject, layer, cls, weights, gradient[0].numel()),
        gradcam=_gradcam(gradient, activation),
    )
    return Execution(source_of(gradient_at), check), source_of(measure_change)


def _class_weight_difference(
    subject: Subject, layer: str, cls: int, weights: Tensor, locations: int
) -> float | None:
    record = capture(subject.network, subject.x, [layer], gradients=False)
    try:
        class_weights = exact_head(record, layer).weight[cls]
    except HeadError:
        return None
    return float((weights * locations - class_weights).abs().max() / class_weights.abs().max())


@dataclass(frozen=True)
class StartingPoint:
    """One way to start `backward` from a single number, and the Grad-CAM map that follows.

    Attributes
    ----------
    name, source : the way in words, and the source code of its function.
    gradcam : (h, w) float32.
    correlation : of this map with that of the first way; nan where one of the two is constant.
    gradient_difference : the largest distance to the first way's gradient, relative to its largest value.
    """

    name: str
    source: str
    gradcam: np.ndarray
    correlation: float
    gradient_difference: float


def all_scores(output: Tensor, cls: int) -> None:
    """Ask for the gradient of all the scores at once."""
    output.backward()


def one_score(output: Tensor, cls: int) -> None:
    """Pick the score of one class of one picture."""
    output[0, cls].backward()


def weighted_scores(output: Tensor, cls: int) -> None:
    """Say how much each score counts: here a single 1."""
    weights = torch.zeros_like(output)
    weights[0, cls] = 1
    output.backward(gradient=weights)


def sum_of_scores(output: Tensor, cls: int) -> None:
    """Add up all the scores, so that no class is chosen."""
    output.sum().backward()


STARTING_POINTS: dict[str, Callable[[Tensor, int], None]] = {
    "Pick one score": one_score,
    "Weight the scores": weighted_scores,
    "Add them up": sum_of_scores,
}


def starting_points(subject: Subject, layer: str, cls: int) -> tuple[Execution[None], tuple[StartingPoint, ...]]:
    """Answer question 13 at one layer.

    Returns
    -------
    The attempt to call `backward` on the whole output, with PyTorch's error, and the ways that work.
    """
    failure = attempt(all_scores, _fresh_output(subject, layer), cls)
    points: list[StartingPoint] = []
    reference: Tensor | None = None  # the gradient of the first way
    for name, function in STARTING_POINTS.items():
        model = subject.copy()
        module = model.get_submodule(layer)
        with BackwardHook(module) as gradient, ForwardHook(module) as activation:
            function(model(subject.x), cls)
        assert gradient.stored is not None
        assert activation.stored is not None
        gradcam = _gradcam(gradient.stored[0], activation.stored[0])
        if reference is None:
            reference = gradient.stored
        scale = float(reference.abs().max()) or 1.0
        points.append(
            StartingPoint(
                name,
                source_of(function),
                gradcam,
                correlation(gradcam, points[0].gradcam if points else gradcam),
                float((gradient.stored - reference).abs().max()) / scale,
            )
        )
    return failure, tuple(points)


def _fresh_output(subject: Subject, layer: str) -> Tensor:
    model = subject.copy()
    with BackwardHook(model.get_submodule(layer)):
        return model(subject.x)


def _gradcam(gradient: Tensor, activation: Tensor) -> np.ndarray:
    weights = gradient.mean(dim=(1, 2), keepdim=True)
    return (weights * activation).sum(dim=0).float().cpu().numpy()
