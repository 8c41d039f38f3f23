"""The head of a classifier as one matrix, where it is one.

Where the network ends in average pool -> affine layers, its logits are an affine function of the mean
activation of each channel: logits = W mean(A) + b, and the class activation map W A of Zhou et al. 2016
(eq. 2) has the mean logit - b. Folding BatchNorm into W and b keeps that exact. Between the layer and
the pool only a functional ReLU is allowed (torchvision's densenet has one); the map is then that of the
rectified activation, W relu(A).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.explain.engine.anatomy import Call
from analysis.explain.engine.capture import Capture
from analysis.explain.engine.folding import batch_norm
from analysis.explain.errors import HeadError, InnerLayerError

_IDENTITY_IN_EVALUATION = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
_AVERAGE_POOL = (nn.AdaptiveAvgPool2d, nn.AvgPool2d)
_MAX_POOL = (nn.AdaptiveMaxPool2d, nn.MaxPool2d)
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d)
# Relative to the sum of absolute terms; sums of a few thousand terms stay a hundred times below.
_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


@dataclass(frozen=True)
class Certificate:
    """What the CAM's mean over the map plus the bias says beside the network's own number.

    `kind` is "exact" (the residual is float error) or "book" (the chapter's CAM, which is only near).
    `logit` is the target's logit, or the difference of the two logits for a pair;
    `residual` = `mean_plus_bias` - `logit`.
    """

    kind: str
    mean_plus_bias: float
    logit: float
    residual: float


@dataclass(frozen=True)
class LinearHead:
    """Class weights over a layer's channels: `weight` (K, C), `bias` (K,), on the model's device.

    `rectified` says that a functional ReLU lies between the layer and the pool. `kind` is "exact", or
    "book" for the chapter's weights, which skip the hidden units between the layer and the last Linear.
    """

    layer: str
    weight: Tensor
    bias: Tensor
    rectified: bool = False
    kind: str = "exact"

    def activation(self, output: Tensor) -> Tensor:
        """The layer's output (B, C, h, w) as the pool sees it."""
        return output.clamp(min=0) if self.rectified else output

    def maps(self, taken: Capture) -> Tensor:
        """The CAM of each image's score, (B, h, w), signed."""
        weights = taken.of_score(self.weight)
        return torch.einsum("bc,bchw->bhw", weights, self.activation(taken.activations[self.layer]))

    def certificates(self, taken: Capture, maps: Tensor) -> list[Certificate]:
        """Mean of each image's map plus bias, beside its score."""
        sums = maps.mean(dim=(1, 2)) + taken.of_score(self.bias)
        return [
            Certificate(self.kind, said, score, said - score)
            for said, score in zip(sums.tolist(), taken.scores().tolist(), strict=True)
        ]


def exact_head(taken: Capture, layer: str) -> LinearHead:
    """Fold everything behind `layer` into one matrix, and check it: mean(CAM) + bias must be the logits.

    Raises InnerLayerError where the layer does not feed the head, HeadError where the head is not affine.
    """
    _must_feed_head(taken, layer)
    if layer not in taken.heads:
        taken.heads[layer] = _fold(taken.calls_after[layer], taken.activations[layer])
    weight, bias = taken.heads[layer]
    residuals = []
    for rectified in (False, True):
        head = LinearHead(layer, weight, bias, rectified)
        residual, allowed = _residual(head, taken)
        if residual <= allowed:
            return head
        residuals.append(residual)
    raise HeadError(
        f"no exact CAM at {layer!r}: pooled, weighted and with its bias it misses the logits by "
        f"{min(residuals):.3g}, so the network does something between this layer and its logits that is not "
        "average pool -> affine layers. Use gradcam, or a linear probe."
    )


def book_head(taken: Capture, layer: str) -> LinearHead:
    """The chapter's weights: the last Linear's, laid on the channels of the layer that feeds the head.

    In fastai's default head they belong to hidden units, not to channels, so the map is an approximation
    at best; its certificate shows by how much it misses. Raises InnerLayerError where the layer does not
    feed the head, HeadError where the sizes differ, there is no Linear, or the head is neither affine nor
    one with hidden units between the pool and the last Linear.
    """
    _must_feed_head(taken, layer)
    calls = taken.calls_after[layer]
    linears = [(place, c.module) for place, c in enumerate(calls) if isinstance(c.module, nn.Linear)]
    if not linears:
        raise HeadError("no book CAM: the head has no Linear layer to take weights from")
    place, last = linears[-1]
    channels = taken.activations[layer].shape[1]
    if last.in_features != channels:
        raise HeadError(
            f"no book CAM: the last Linear has {last.in_features} weights a class, but layer {layer!r} has "
            f"{channels} channels. The chapter's product works only where the two happen to be equal (512 in "
            "resnet18 and resnet34); train with the linear head for an exact CAM."
        )
    try:
        exact_head(taken, layer)
    except HeadError:
        _must_have_hidden_units([call.module for call in calls[:place]], layer)
    weight = last.weight.detach()
    bias = weight.new_zeros(weight.shape[0]) if last.bias is None else last.bias.detach()
    return LinearHead(layer, weight, bias, kind="book")


def _must_have_hidden_units(before: Sequence[nn.Module], layer: str) -> None:
    """Raise HeadError unless a pool, and behind it something that makes hidden units, lead to the Linear."""
    pool = next((place for place, module in enumerate(before) if "Pool" in type(module).__name__), None)
    if pool is None:
        raise HeadError(
            f"no CAM at {layer!r}: no pooling layer lies between it and the last Linear, whose weights do not "
            "belong to this layer's channels. Use gradcam, or a linear probe."
        )
    behind = before[pool:]
    concat = any(isinstance(m, _MAX_POOL) for m in behind) and any(isinstance(m, _AVERAGE_POOL) for m in behind)
    if concat or any(isinstance(m, nn.Linear) or _is_activation(m) for m in behind):
        return
    between = [type(m).__name__ for m in behind if _has_state(m) or isinstance(m, _MAX_POOL)]
    step = f"{' and '.join(between)} lies" if between else "a step without parameters of its own lies"
    raise HeadError(
        f"no CAM at {layer!r}: between this layer and the logits {step} that is not affine in the pooled "
        "channels, so no fixed class weights belong to them, and there are no hidden units either. "
        "Use gradcam, or a linear probe."
    )


def _is_activation(module: nn.Module) -> bool:
    return type(module).__module__ == nn.ReLU.__module__


def _must_feed_head(taken: Capture, layer: str) -> None:
    following = next(
        (c for c in taken.calls_after[layer] if c.spatial and not isinstance(c.module, _IDENTITY_IN_EVALUATION)),
        None,
    )
    if following is not None:
        raise InnerLayerError(
            f"no CAM at {layer!r}: the network has class weights only for the layer that feeds its average "
            f"pool, and {following.name!r} comes after this one. Fit a linear probe (analysis.learner.probes) "
            "for an inner layer, or use gradcam."
        )


def _fold(calls: Sequence[Call], activation: Tensor) -> tuple[Tensor, Tensor]:
    """W (K, C) and b (K,) of the modules behind a layer with C channels.

    A module without parameters that is no activation function is taken for a reshape (fastai brings its
    own Flatten); `exact_head` finds out if that was wrong.
    """
    channels = activation.shape[1]
    weight = torch.eye(channels, dtype=torch.float64, device=activation.device)
    bias = weight.new_zeros(channels)
    for call in calls:
        module, what = call.module, f"{call.name!r} ({type(call.module).__name__})"
        if isinstance(module, (*_IDENTITY_IN_EVALUATION, *_AVERAGE_POOL)):
            continue
        if isinstance(module, _BATCH_NORM) and module.running_mean is not None:
            scale, shift = batch_norm(module)
            _must_fit(what, len(scale), len(weight))
            weight, bias = scale[:, None] * weight, scale * bias + shift
        elif isinstance(module, nn.Linear):
            _must_fit(what, module.in_features, len(weight))
            matrix = module.weight.detach().double()
            weight, bias = matrix @ weight, matrix @ bias
            bias = bias if module.bias is None else bias + module.bias.detach().double()
        elif isinstance(module, _MAX_POOL):
            raise HeadError(
                f"no exact CAM: the head pools the maximum too, in {what}, as fastai's default head does. "
                "Train with the linear head (concat_pool=False, lin_ftrs=[]) for an exact CAM."
            )
        elif _has_state(module) or _is_activation(module):
            raise HeadError(
                f"no exact CAM: {what} in the head is not affine in the pooled channels, so it cannot be "
                "folded into class weights. Use gradcam, or a linear probe."
            )
    return weight.to(activation.dtype), bias.to(activation.dtype)


def _has_state(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None or next(module.buffers(), None) is not None


def _must_fit(what: str, expected: int, channels: int) -> None:
    if expected != channels:
        raise HeadError(
            f"no exact CAM: {what} reads {expected} features where the average pool gives {channels}, so the "
            "head does not look at pooled channels (a flattened map?). Use gradcam, or a linear probe."
        )


def _residual(head: LinearHead, taken: Capture) -> tuple[float, float]:
    """Largest miss of the logits, and what float error allows."""
    if head.weight.shape[0] != taken.logits.shape[1]:
        return float("inf"), 0.0
    pooled = head.activation(taken.activations[head.layer]).mean(dim=(2, 3))
    miss = (pooled @ head.weight.T + head.bias - taken.logits).abs().max()
    terms = (pooled.abs() @ head.weight.abs().T).max()
    rounding = 8 * torch.finfo(head.bias.dtype).eps * head.bias.abs().max()
    return float(miss), float(terms * _TOLERANCE.get(taken.logits.dtype, 1e-2) + rounding)
