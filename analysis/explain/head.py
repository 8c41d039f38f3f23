"""The head of a classifier as one matrix, where the head is affine.

Where a network ends in an average pool and affine layers, its logits are an affine function of the mean activation
of each channel: logits = W mean(A) + b. The class activation map W A of Zhou et al. 2016 (eq. 2) then has the mean
logit - b. Folding BatchNorm into W and b keeps this exact. Between the layer and the pool only a functional ReLU
is allowed (torchvision's densenet has one); the map is then that of the rectified activation, W relu(A).
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
# Allowed error, relative to the sum of the absolute terms; rounding of a few thousand terms stays a hundred times
# below.
_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


@dataclass(frozen=True)
class Certificate:
    """The mean of a CAM plus the bias, compared with the network's own score.

    Attributes
    ----------
    kind : "exact" (the residual is rounding) or "book" (the chapter's CAM, an approximation).
    mean_plus_bias : the mean over the map plus the bias.
    logit : the target's logit; for a pair the difference of two logits.
    residual : `mean_plus_bias` - `logit`.
    """

    kind: str
    mean_plus_bias: float
    logit: float
    residual: float


@dataclass(frozen=True)
class LinearHead:
    """Class weights for the channels of a layer.

    Attributes
    ----------
    layer : the layer's name.
    weight, bias : (K, C) and (K,), in the type of the activations, on the model's device.
    rectified : whether a functional ReLU lies between the layer and the pool.
    kind : "exact", or "book" for the chapter's weights, which skip the hidden units before the last Linear.
    """

    layer: str
    weight: Tensor
    bias: Tensor
    rectified: bool = False
    kind: str = "exact"

    def activation(self, output: Tensor) -> Tensor:
        """Return the layer's output (B, C, h, w) as it enters the pool."""
        return output.clamp(min=0) if self.rectified else output

    def maps(self, capture: Capture) -> Tensor:
        """Return the signed CAM (B, h, w) of each image's score."""
        weights = capture.of_score(self.weight)
        return torch.einsum("bc,bchw->bhw", weights, self.activation(capture.activations[self.layer]))

    def certificates(self, capture: Capture, maps: Tensor) -> list[Certificate]:
        """Return a certificate for each image, from its map (B, h, w)."""
        sums = maps.mean(dim=(1, 2)) + capture.of_score(self.bias)
        return [
            Certificate(self.kind, total, score, total - score)
            for total, score in zip(sums.tolist(), capture.scores().tolist(), strict=True)
        ]


def exact_head(capture: Capture, layer: str) -> LinearHead:
    """Fold everything after a layer into one matrix, and check it: mean(CAM) + bias must be the logits.

    Raises InnerLayerError where the layer does not feed the average pool, HeadError where the head is not affine.
    """
    _must_feed_head(capture, layer)
    if layer not in capture.heads:
        capture.heads[layer] = _fold(capture.calls_after[layer], capture.activations[layer])
    weight, bias = capture.heads[layer]
    residuals = []
    for rectified in (False, True):
        head = LinearHead(layer, weight, bias, rectified)
        residual, allowed = _residual(head, capture)
        if residual <= allowed:
            return head
        residuals.append(residual)
    raise HeadError(
        f"no exact CAM at {layer!r}: its mean plus the bias misses the logits by {min(residuals):.3g}, so between "
        "this layer and the logits the network does something other than an average pool and affine layers. "
        "Use gradcam, or a linear probe."
    )


def book_head(capture: Capture, layer: str) -> LinearHead:
    """Return the weights that the book's chapter uses: those of the last Linear, for the channels before the head.

    In fastai's default head these weights belong to hidden units, not to channels, so the map is only an
    approximation; its certificate shows the error.

    Raises
    ------
    InnerLayerError : the layer does not feed the head.
    HeadError : there is no Linear, its size is not the number of channels, or the head is neither affine nor has
        hidden units between the pool and the last Linear.
    """
    _must_feed_head(capture, layer)
    calls = capture.calls_after[layer]
    linears = [(position, c.module) for position, c in enumerate(calls) if isinstance(c.module, nn.Linear)]
    if not linears:
        raise HeadError("no book CAM: the head has no Linear layer to take weights from")
    position, last = linears[-1]
    channels = capture.activations[layer].shape[1]
    if last.in_features != channels:
        raise HeadError(
            f"no book CAM: the last Linear has {last.in_features} weights a class, but layer {layer!r} has "
            f"{channels} channels. The chapter's product works only where the two happen to be equal (512 in "
            "resnet18 and resnet34); train with the linear head for an exact CAM."
        )
    try:
        exact_head(capture, layer)
    except HeadError:
        _must_have_hidden_units([call.module for call in calls[:position]], layer)
    weight = last.weight.detach()
    bias = weight.new_zeros(weight.shape[0]) if last.bias is None else last.bias.detach()
    return LinearHead(layer, weight, bias, kind="book")


def _must_have_hidden_units(before: Sequence[nn.Module], layer: str) -> None:
    """Raise HeadError unless a pool, followed by something that makes hidden units, comes before the Linear."""
    pool = next((position for position, module in enumerate(before) if "Pool" in type(module).__name__), None)
    if pool is None:
        raise HeadError(
            f"no CAM at {layer!r}: no pooling layer lies between it and the last Linear, whose weights do not "
            "belong to this layer's channels. Use gradcam, or a linear probe."
        )
    after_pool = before[pool:]
    concat = all(any(isinstance(m, kind) for m in after_pool) for kind in (_MAX_POOL, _AVERAGE_POOL))
    if concat or any(isinstance(m, nn.Linear) or _is_activation(m) for m in after_pool):
        return
    between = [type(m).__name__ for m in after_pool if _has_state(m) or isinstance(m, _MAX_POOL)]
    step = f"{' and '.join(between)} lies" if between else "a step without parameters of its own lies"
    raise HeadError(
        f"no CAM at {layer!r}: between this layer and the logits {step} that is not affine in the pooled "
        "channels, so no fixed class weights belong to them, and there are no hidden units either. "
        "Use gradcam, or a linear probe."
    )


def _is_activation(module: nn.Module) -> bool:
    return type(module).__module__ == nn.ReLU.__module__


def _must_feed_head(capture: Capture, layer: str) -> None:
    following = next(
        (c for c in capture.calls_after[layer] if c.spatial and not isinstance(c.module, _IDENTITY_IN_EVALUATION)),
        None,
    )
    if following is not None:
        raise InnerLayerError(
            f"no CAM at {layer!r}: the network has class weights only for the layer that feeds its average "
            f"pool, and {following.name!r} comes after this one. Fit a linear probe (analysis.learner.probes) "
            "for an inner layer, or use gradcam."
        )


def _fold(calls: Sequence[Call], activation: Tensor) -> tuple[Tensor, Tensor]:
    """Return W (K, C) and b (K,) of the modules after a layer with C channels.

    A module without parameters that is not an activation function is assumed to be a reshape (fastai has its own
    Flatten); the check in `exact_head` fails where it is not.
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
            "head does not read pooled channels (perhaps a flattened map). Use gradcam, or a linear probe."
        )


def _residual(head: LinearHead, capture: Capture) -> tuple[float, float]:
    """Return the largest difference from the logits, and the largest that rounding can explain."""
    if head.weight.shape[0] != capture.logits.shape[1]:
        return float("inf"), 0.0
    pooled = head.activation(capture.activations[head.layer]).mean(dim=(2, 3))
    difference = (pooled @ head.weight.T + head.bias - capture.logits).abs().max()
    terms = (pooled.abs() @ head.weight.abs().T).max()
    rounding = 8 * torch.finfo(head.bias.dtype).eps * head.bias.abs().max()
    return float(difference), float(terms * _TOLERANCE.get(capture.logits.dtype, 1e-2) + rounding)
