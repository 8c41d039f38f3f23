"""Compute Grad-CAM with other choices at its steps, on copies of the network and with few passes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.explain.engine.inputs import plain_input
from analysis.explain.engine.model_copy import private_copy, without_hooks
from analysis.explain.engine.preparation import anatomy_of
from analysis.explain.errors import LayerError
from analysis.explain.studies.ablation.steps import STANDARD, Choices

BATCH_MATES = 7
"""How many other pictures share a batch with the chosen one in training mode."""

_warnings_lock = threading.Lock()  # Python's warning filters belong to the whole process

POOLS: dict[str, Callable[..., Tensor]] = {"mean": torch.mean, "sum": torch.sum, "max": torch.amax}

ClassPair = tuple[Tensor, Tensor]  # (B,) each: the predicted class and the one with the second largest logit


@dataclass(frozen=True)
class AblatedMap:
    """The Grad-CAM map of one variant, or the error that was raised on the way.

    Attributes
    ----------
    values : (h, w) float32; None where an error was raised.
    enlarged : (H, W) float32, the map at the size of the picture; None likewise.
    error, warning : PyTorch's own message; None where there was none.
    """

    values: np.ndarray | None
    enlarged: np.ndarray | None
    error: str | None = None
    warning: str | None = None


def weighted_sum(activation: Tensor, gradient: Tensor, choices: Choices) -> Tensor:
    """Return the Grad-CAM map (h, w) of one picture's activation and gradient at a layer, both (C, h, w)."""
    weights = POOLS[choices.pool](gradient, dim=(1, 2), keepdim=choices.keepdim)
    cam_map = (weights * activation).sum(0)
    return cam_map.relu() if choices.relu else cam_map


def enlarge(cam_map: Tensor, size: Sequence[int], choices: Choices) -> Tensor:
    """Interpolate a map to the `size` (H, W) of a picture."""
    corners = {} if choices.interpolation == "nearest" else {"align_corners": False}
    return F.interpolate(cam_map[None, None], size=tuple(size), mode=choices.interpolation, **corners)[0, 0]  # type: ignore[arg-type]


def register_gradient_hook(layer: nn.Module, kind: str, store: Callable[[Tensor], None]) -> Any:
    """Register a hook that gives the gradient of a layer's output to `store`; return the hook's handle."""

    def backward_hook(module: nn.Module, grad_input: Any, grad_output: Any) -> None:
        store(grad_output[0])

    if kind == "full":
        return layer.register_full_backward_hook(backward_hook)
    if kind == "deprecated":
        return layer.register_backward_hook(backward_hook)

    def forward_hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        output.register_hook(store)

    return layer.register_forward_hook(forward_hook)


class AblationRunner:
    """Computes variants of Grad-CAM at one layer of a network, which stays exactly as it was.

    Parameters
    ----------
    network : any classifier of pictures.
    x : (1, 3, H, W), any picture of the size of those to come.
    layer : a name that `explainable_layers` lists; LayerError where it does not, or where nothing before the layer
        has weights.
    normalize : mean and standard deviation of each colour channel.
    """

    def __init__(
        self, network: nn.Module, x: Tensor, layer: str, normalize: tuple[Sequence[float], Sequence[float]]
    ) -> None:
        anatomy = anatomy_of(network, plain_input(network, x))
        if layer not in {info.name for info in anatomy.layers()}:
            raise LayerError(f"{layer!r} is no layer with a map; explainable_layers(model, x) lists those")
        self.layer = layer
        self._mean, self._std = (torch.tensor(values, device=x.device).view(3, 1, 1) for values in normalize)
        self._graph_start = _last_module_with_weights(network, anatomy, layer)
        self._eval_model = self._copy(network).eval()
        self._train_model = self._copy(network).train()

    def run(
        self, x: Tensor, variants: Iterable[Choices], batch_mates: Tensor | None = None
    ) -> list[dict[Choices, AblatedMap]]:
        """Compute every variant for every picture.

        The random state of the caller stays as it is, and dropout draws the same numbers in every call.

        Parameters
        ----------
        x : (B, 3, H, W), normalised. In training mode these pictures are one batch.
        batch_mates : (N, 3, H, W), the other pictures of the batch in training mode where B is 1.

        Returns
        -------
        One dictionary for each picture; the standard variant is always in it.
        """
        passes: dict[tuple[str, str, str], list[Choices]] = {}
        for variant in dict.fromkeys([STANDARD, *variants]):
            passes.setdefault((variant.mode, variant.pixels, variant.hook), []).append(variant)
        maps: list[dict[Choices, AblatedMap]] = [{} for _ in x]
        targets: ClassPair | None = None
        devices = [x.device] if x.is_cuda else []
        with torch.random.fork_rng(devices=devices):
            for (mode, pixels, hook), variants_of_pass in passes.items():
                torch.manual_seed(0)
                inputs = x if pixels == "normalised" else x * self._std + self._mean
                parts = [(inputs[row : row + 1], [row]) for row in range(len(x))]
                if mode != "alone":
                    parts = [(inputs, list(range(len(x))))]
                if mode == "batch" and len(x) == 1 and batch_mates is not None:
                    mates = batch_mates if pixels == "normalised" else batch_mates * self._std + self._mean
                    parts = [(torch.cat([inputs, mates]), [0])]
                for batch, rows in parts:
                    record = self._run_pass(batch, rows, hook, mode, variants_of_pass, targets)
                    targets = targets or record.targets
                    for position, row in enumerate(rows):
                        for variant in variants_of_pass:
                            maps[row][variant] = _map_from(record, variant, position, x.shape[2:])
        return maps

    def _copy(self, network: nn.Module) -> nn.Module:
        copy = without_hooks(private_copy(network))
        for parameter in copy.get_submodule(self._graph_start).parameters(recurse=False):
            parameter.requires_grad_()  # no graph is needed before the layer
        return copy

    def _run_pass(
        self,
        batch: Tensor,
        rows: list[int],
        hook: str,
        mode: str,
        variants: list[Choices],
        targets: ClassPair | None,
    ) -> _PassRecord:
        """Run the network once forward, and once backward for each combination of class and score."""
        model = self._eval_model if mode == "eval" else self._train_model
        module = model.get_submodule(self.layer)
        record = _PassRecord()

        def store_activation(layer: nn.Module, inputs: Any, output: Tensor) -> None:
            record.activations = {"clone": output.detach().clone(), "detach": output.detach()}

        def store_gradient(gradient: Tensor) -> None:
            record.latest_gradient = gradient.detach().clone()

        with ExitStack() as cleanup:
            if hook != "tensor":
                cleanup.enter_context(_warnings_lock)
                caught = cleanup.enter_context(warnings.catch_warnings(record=True))
                warnings.simplefilter("always")
                if hook == "deprecated":  # a full hook only warns that the copy's first layers are frozen
                    record.caught_warnings = caught
            cleanup.callback(module.register_forward_hook(store_activation).remove)
            try:
                cleanup.callback(register_gradient_hook(module, hook, store_gradient).remove)
                with torch.enable_grad():
                    logits = model(batch)
                if targets is None:  # the first pass is the standard one, in evaluation mode
                    predicted, other = logits.detach().topk(2, dim=1).indices.T
                    targets = record.targets = (predicted, other)
                for cls, score in dict.fromkeys((variant.cls, variant.score) for variant in variants):
                    scores = logits.softmax(dim=1) if score == "probability" else logits
                    classes = targets[0] if cls == "predicted" else targets[1]
                    positions = torch.arange(len(rows), device=batch.device)
                    record.latest_gradient = None
                    scores[positions, classes[rows]].sum().backward(retain_graph=True)
                    assert record.latest_gradient is not None
                    record.gradients[cls, score] = record.latest_gradient
            except (RuntimeError, ValueError) as error:
                record.error = f"{type(error).__name__}: {error}"
        model.zero_grad(set_to_none=True)
        module._is_full_backward_hook = None  # else the module still expects the kind of hook that was removed
        return record


@dataclass
class _PassRecord:
    """What the hooks stored during one pass.

    Attributes
    ----------
    activations : {"clone" or "detach": (B, C, h, w)}.
    gradients : {(class, score) as in `Choices`: (B, C, h, w)}.
    latest_gradient : what the gradient hook stored last.
    targets : the classes, where this pass determined them.
    caught_warnings, error : what PyTorch warned about, and the error it raised.
    """

    activations: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    latest_gradient: Tensor | None = None
    targets: ClassPair | None = None
    caught_warnings: list[warnings.WarningMessage] = field(default_factory=list)
    error: str | None = None


def _map_from(record: _PassRecord, variant: Choices, position: int, size: Sequence[int]) -> AblatedMap:
    """Return the map of the picture at a position of the pass's batch, enlarged to `size` (H, W)."""
    messages = [str(warning.message) for warning in record.caught_warnings]
    warning = next((message for message in messages if "hook" in message), None)
    if record.error is not None:
        return AblatedMap(None, None, record.error, warning)
    activation = record.activations[variant.storage][position]
    try:
        cam_map = weighted_sum(activation, record.gradients[variant.cls, variant.score][position], variant)
    except RuntimeError as error:
        return AblatedMap(None, None, f"{type(error).__name__}: {error}", warning)
    enlarged = enlarge(cam_map, size, variant)
    return AblatedMap(cam_map.float().cpu().numpy(), enlarged.float().cpu().numpy(), None, warning)


def overwritten_layer(network: nn.Module, x: Tensor) -> str | None:
    """Return the last layer with a map whose output a later step changes in place; None where there is none.

    Only at such a layer does it matter whether a hook clones what it stores.
    """
    anatomy = anatomy_of(network, plain_input(network, x))
    layers = {info.name for info in anatomy.layers()}
    names = [
        name for name, index in anatomy.last_call.items() if anatomy.steps[index].rewritten and name in layers
    ]
    return names[-1] if names else None


def _last_module_with_weights(network: nn.Module, anatomy: Any, layer: str) -> str:
    """Return the module with weights that ended last before or with the layer: the graph may begin there."""
    before = anatomy.ended[: anatomy.ended.index(anatomy.last_call[layer]) + 1]
    modules = dict(network.named_modules())
    for index in reversed(before):
        name = anatomy.steps[index].name
        if any(parameter.is_floating_point() for parameter in modules[name].parameters(recurse=False)):
            return name
    raise LayerError(f"no module up to {layer!r} has weights, so there is no gradient at this layer")
