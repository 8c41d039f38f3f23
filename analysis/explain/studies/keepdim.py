"""What leaving out `keepdim=True` does to a Grad-CAM.

Without it the channel weights are (C,), not (C, 1, 1). Broadcasting aligns shapes from the right, so
`(C,) * (C, h, w)` multiplies the w columns by the C weights: an error where C and w differ, a wrong map without
any warning where they happen to be equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from analysis.explain.engine.layers import stage_layers
from analysis.explain.engine.model_copy import private_copy
from analysis.explain.engine.targets import Targets
from analysis.explain.errors import ExplainError
from analysis.explain.measures.agreement import correlation
from analysis.explain.trace import capture, layer_names
from analysis.hooks import ForwardHook


@dataclass(frozen=True)
class AlignedDim:
    """One dimension of PyTorch's right-to-left alignment.

    Attributes
    ----------
    weights : the size in the weights; None where they have no such dimension.
    activations : the size in the activations.
    product : the size in the product; None where the two do not fit.
    """

    weights: int | None
    activations: int
    product: int | None


@dataclass(frozen=True)
class KeepdimCase:
    """Grad-CAM with and without `keepdim=True` at one layer, each line of code really run.

    Attributes
    ----------
    steps : (expression, shape or text) of the code without `keepdim`, in the order of the code.
    alignment : the dimensions from left to right, as the product without `keepdim` aligns them.
    outcome : "raises", "silent" (a wrong map without a warning) or "right".
    error : PyTorch's own message where it raises, else None.
    wrong : the result without `keepdim`, (h, w) float32, or (h, C) where w is 1; None where it raises.
    right : the Grad-CAM map (h, w) float32. For a batch both maps are the first image's.
    difference : wrong - right, None where it raises or the shapes differ.
    correlation : of wrong and right; None where undefined (raises, other shape, a constant map).
    right_steps, right_alignment : `steps` and `alignment` with `keepdim=True`.
    batched : whether the code is (B, C) * (B, C, h, w) rather than (C,) * (C, h, w).
    """

    steps: tuple[tuple[str, str], ...]
    alignment: tuple[AlignedDim, ...]
    outcome: str
    error: str | None
    wrong: np.ndarray | None
    right: np.ndarray
    difference: np.ndarray | None
    correlation: float | None
    right_steps: tuple[tuple[str, str], ...]
    right_alignment: tuple[AlignedDim, ...]
    batched: bool = False


@dataclass(frozen=True)
class KeepdimCell:
    """One cell of the table of layers and input sizes.

    Attributes
    ----------
    layer, size : the layer's name and the side of the square input in pixels.
    channels, height, width : the shape of the layer's output at that size.
    outcome : "raises", "silent" or "right".
    """

    layer: str
    size: int
    channels: int
    height: int
    width: int
    outcome: str


def outcome(channels: int, height: int, width: int, batch: int | None = None) -> str:
    """Return what happens without `keepdim=True` at a layer of this shape: "raises", "silent" or "right".

    `batch` None is the chapter's code, (C,) * (C, h, w); a number is (B, C) * (B, C, h, w). Two sizes fit
    if they are equal or one of them is 1. "silent" is a result that is not the right map, whether or not
    it has the right shape; "right" needs weights that are a single number.
    """
    fits = _fit(channels, width) and (batch is None or _fit(batch, height))
    if not fits:
        return "raises"
    return "right" if channels == 1 and batch in (None, 1) else "silent"


def keepdim_case(activation: Tensor, gradient: Tensor, batched: bool = False) -> KeepdimCase:
    """Run the chapter's Grad-CAM with and without `keepdim=True` on one layer's (B, C, h, w) tensors.

    The unbatched code uses the first image, as the chapter does. Raises ExplainError for other shapes.
    """
    if activation.ndim != 4 or activation.shape != gradient.shape:
        raise ExplainError(
            "activation and gradient must both be (B, C, h, w); "
            f"got {tuple(activation.shape)} and {tuple(gradient.shape)}"
        )
    act, grad = activation.detach().float().cpu(), gradient.detach().float().cpu()
    if not batched:
        act, grad = act[0], grad[0]
    channel, source = (1, "") if batched else (0, "[0]")
    over = [channel + 1, channel + 2]
    without, error, wrong = _run(act, grad, over, channel, source, keepdim=False)
    right_steps, _, right = _run(act, grad, over, channel, source, keepdim=True)
    if right is None:
        raise AssertionError("weights with keepdim=True always fit their own activation")
    if batched:
        right, wrong = right[0], None if wrong is None else wrong[0]
    comparable = wrong is not None and wrong.shape == right.shape
    related = correlation(wrong, right) if comparable and wrong is not None else float("nan")
    channels, height, width = act.shape[-3:]
    return KeepdimCase(
        steps=without,
        alignment=_align(tuple(act.shape[: channel + 1]), tuple(act.shape)),
        outcome="raises" if error else outcome(channels, height, width, len(act) if batched else None),
        error=error,
        wrong=wrong,
        right=right,
        difference=wrong - right if comparable and wrong is not None else None,
        correlation=None if np.isnan(related) else related,
        right_steps=right_steps,
        right_alignment=_align((*act.shape[: channel + 1], 1, 1), tuple(act.shape)),
        batched=batched,
    )


def keepdim_cases(
    model: nn.Module,
    x: Tensor,
    layers: Sequence[str] | None = None,
    target: Targets = None,
    batched: bool = False,
    batch: int = 1,
) -> dict[str, KeepdimCase]:
    """Return `keepdim_case` of several layers at x (B, 3, H, W), from one forward and one backward pass.

    `layers` defaults to the stages of the network; `target` is as in `explain`. With `batched`, a `batch`
    above 1 repeats the one image x (1, 3, H, W) that many times: the images of a batch do not influence one
    another, so its activation and gradient are copied and no further pass is run. Raises ExplainError for
    a `batch` below 1, or one above 1 together with several images.
    """
    if batch < 1 or (batch > 1 and len(x) != 1):
        raise ExplainError(
            f"batch must be at least 1, and exactly 1 where x has several images; got {batch} for {len(x)} images"
        )
    names = _stages(model, x) if layers is None else layers
    record = capture(model, x, names, target)
    if not batched:
        batch = 1  # the code uses the first image of any batch
    return {
        name: keepdim_case(
            _repeated(record.activations[name], batch), _repeated(record.gradients[name], batch), batched
        )
        for name in record.activations
    }


def keepdim_table(
    model: nn.Module,
    sizes: Sequence[int],
    layers: Sequence[str] | None = None,
    batched: bool = False,
    batch: int = 1,
) -> list[KeepdimCell]:
    """Return what happens at each layer for each square input size, layer by layer, sizes in the given order.

    The shapes come from a real forward pass of one black image per size, without a backward pass.
    `layers` defaults to the stages of the network at the largest size; `batched` is for the batched
    code with `batch` images. Raises ExplainError for a size that the model does not accept.
    """
    if not sizes:
        raise ExplainError("name at least one input size")
    names = _stages(model, _black_image(model, max(sizes))) if layers is None else layers
    shapes: dict[tuple[str, int], torch.Size] = {}
    # Not `capture`: it would measure the fastest way to run the network at each size.
    duplicate = private_copy(model)
    layer_names(duplicate, names)
    with ExitStack() as stack, torch.no_grad():
        hooks = {name: stack.enter_context(ForwardHook(duplicate.get_submodule(name))) for name in names}
        for size in sizes:
            try:
                duplicate(_black_image(model, size))
            except RuntimeError as error:
                raise ExplainError(
                    f"the model does not accept an image of {size} x {size} pixels: {error}"
                ) from error
            for name, hook in hooks.items():
                assert hook.stored is not None
                shapes[name, size] = hook.stored.shape
    cells = []
    for name in dict.fromkeys(names):
        for size in sizes:
            _, channels, height, width = shapes[name, size]
            result = outcome(channels, height, width, batch if batched else None)
            cells.append(KeepdimCell(name, size, channels, height, width, result))
    return cells


def _stages(model: nn.Module, x: Tensor) -> list[str]:
    return [info.name for info in stage_layers(model, x)]


def _black_image(model: nn.Module, size: int) -> Tensor:
    weights = next(model.parameters())
    return torch.zeros(1, 3, size, size, device=weights.device, dtype=weights.dtype)


def _repeated(image: Tensor, batch: int) -> Tensor:
    return image if batch == 1 else image.expand(batch, -1, -1, -1)


def _run(
    act: Tensor, grad: Tensor, over: list[int], channel: int, source: str, keepdim: bool
) -> tuple[tuple[tuple[str, str], ...], str | None, np.ndarray | None]:
    """Run the chapter's three lines; return their shapes, PyTorch's error or None, and the map or None."""
    option = ", keepdim=True" if keepdim else ""
    steps = [(f"act{source}", _text(act)), (f"grad{source}", _text(grad))]
    weights = grad.mean(dim=over, keepdim=keepdim)
    steps.append((f"w = grad{source}.mean(dim={over}{option})", _text(weights)))
    try:
        product = weights * act
    except RuntimeError as error:
        steps.append((f"w * act{source}", f"RuntimeError: {error}"))
        return tuple(steps), str(error), None
    steps.append((f"w * act{source}", _text(product)))
    cam_map = product.sum(channel)
    steps.append((f"(w * act{source}).sum({channel})", _text(cam_map)))
    return tuple(steps), None, cam_map.numpy()


def _align(weights: tuple[int, ...], activations: tuple[int, ...]) -> tuple[AlignedDim, ...]:
    padded = (None,) * (len(activations) - len(weights)) + weights
    return tuple(
        AlignedDim(mine, theirs, theirs if mine is None else max(mine, theirs) if _fit(mine, theirs) else None)
        for mine, theirs in zip(padded, activations, strict=True)
    )


def _fit(first: int, second: int) -> bool:
    return first == second or 1 in (first, second)


def _text(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
