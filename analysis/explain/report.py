"""Everything the Layers page and the command line show for one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from analysis.explain.agreement import Agreement, agreement
from analysis.explain.capture import Capture, Targets, capture
from analysis.explain.errors import ExplainError, HeadError, InnerLayerError
from analysis.explain.head import Certificate, LinearHead, book_head, exact_head
from analysis.explain.layers import LayerInfo, explainable_layers, layer_info, stage_layers
from analysis.explain.methods import METHODS
from analysis.explain.probe import Probe

__all__ = ["Agreement", "Certificate", "LayerInfo", "LayerReport", "LayerRow", "layer_report"]


@dataclass(frozen=True)
class LayerRow:
    """One layer of one image: its CAM beside its Grad-CAM.

    `cam` is (h, w) float32, signed, and `cam_kind` says what it is: "exact" (the network's own), "book"
    (the chapter's, an approximation), "probe" (of a linear probe on this layer) or "none" (then `cam`
    is None). `cam_note` says so for the reader, and at the layer that feeds the head also why the network
    itself has no CAM there, where it has none. `gradcam` is (h, w) float32, signed.
    """

    layer: LayerInfo
    label: str
    cam: np.ndarray | None
    cam_kind: str
    cam_note: str
    gradcam: np.ndarray
    probe_accuracy: float | None = None
    certificate: Certificate | None = None
    agreement: Agreement | None = None


@dataclass(frozen=True)
class LayerReport:
    """One image through the layers, in forward order.

    `image` is uint8 (S, S, 3) as the network saw it, `mask` and `shortcut` bool (S, S) or None.
    `logits` and `probabilities` are float32 (classes,). `target` is a class or a pair (a, b): score of a
    minus score of b; `target_label` says it in words ("dog", "dog rather than cat").
    """

    image: np.ndarray
    mask: np.ndarray | None
    shortcut: np.ndarray | None
    class_names: tuple[str, ...]
    logits: np.ndarray
    probabilities: np.ndarray
    target: int | tuple[int, int]
    target_label: str
    rows: tuple[LayerRow, ...]


def layer_report(
    model: nn.Module,
    x: Tensor,
    image: np.ndarray,
    class_names: Sequence[str],
    target: int | tuple[int, int] | None,
    probes: Mapping[str, Probe] | None = None,
    mask: np.ndarray | None = None,
    shortcut: np.ndarray | None = None,
    layers: Sequence[str] | None = None,
) -> LayerReport:
    """Explain one image at every layer, by CAM and by Grad-CAM.

    x is (1, 3, H, W), normalised, on the model's device; `image` is the same picture as uint8 (S, S, 3),
    the masks bool (S, S). `target` is a class, a pair (a, b) for "why a rather than b", or None for the
    predicted class. `probes` are by layer name; `layers` defaults to the stages of the network.
    Raises ExplainError where the input, the target or a layer does not fit.
    """
    if x.shape[0] != 1:
        raise ExplainError(f"a layer report is on one image, got a batch of {x.shape[0]}")
    if layers is None:
        layers = [info.name for info in stage_layers(explainable_layers(model, x))]
    targets: Targets = target
    taken = capture(model, x, layers, targets)
    classes = taken.logits.shape[1]
    if len(class_names) != classes:
        raise ExplainError(f"{len(class_names)} class names were given, but the model has {classes} classes")
    chosen = int(taken.targets[0]) if taken.against is None else (int(taken.targets[0]), int(taken.against[0]))
    rows = [
        _row(
            taken,
            position,
            layer_info(name, taken.activations[name], x),
            chosen,
            probes or {},
            mask,
            shortcut,
        )
        for position, name in enumerate(taken.activations, start=1)
    ]
    logits = taken.logits[0].float()
    return LayerReport(
        image=image,
        mask=mask,
        shortcut=shortcut,
        class_names=tuple(class_names),
        logits=logits.cpu().numpy(),
        probabilities=logits.softmax(dim=0).cpu().numpy(),
        target=chosen,
        target_label=_target_label(chosen, class_names),
        rows=tuple(rows),
    )


@dataclass(frozen=True)
class _Cam:
    """The CAM part of a row."""

    values: np.ndarray | None
    kind: str
    note: str
    certificate: Certificate | None = None


def _row(
    taken: Capture,
    position: int,
    layer: LayerInfo,
    target: int | tuple[int, int],
    probes: Mapping[str, Probe],
    mask: np.ndarray | None,
    shortcut: np.ndarray | None,
) -> LayerRow:
    gradcam = METHODS["gradcam"].maps(taken, layer.name)[0].float().cpu().numpy()
    probe = probes.get(layer.name)
    cam = _cam(taken, layer.name, target, probe)
    notes = [cam.note, *(note for note in taken.notes if note.startswith(f"{layer.name} "))]
    return LayerRow(
        layer=layer,
        label=f"Stage {position} · {layer.channels} × {layer.height} × {layer.width}",
        cam=cam.values,
        cam_kind=cam.kind,
        cam_note=" ".join(notes),
        gradcam=gradcam,
        probe_accuracy=None if probe is None else probe.accuracy,
        certificate=cam.certificate,
        agreement=None if cam.values is None else agreement(cam.values, gradcam, mask, shortcut),
    )


def _cam(taken: Capture, layer: str, target: int | tuple[int, int], probe: Probe | None) -> _Cam:
    """The most truthful CAM there is for a layer: the network's own, else the book's, else the probe's."""
    try:
        return _of_head(
            taken, exact_head(taken, layer), "The network's own CAM: its mean plus the bias is the logit."
        )
    except InnerLayerError:
        reason, inner = "The network has no class weights at this layer.", True
    except HeadError as error:
        reason, inner = str(error), False
        try:
            head = book_head(taken, layer)
        except HeadError as book_error:
            reason = str(book_error)
        else:
            note = "The book's CAM, an approximation: these weights belong to hidden units, not to the channels."
            return _of_head(taken, head, note)
    if probe is None:
        return _Cam(None, "none", reason)
    activation = taken.activations[layer][0].float().cpu().numpy()
    if probe.weight.shape != (taken.logits.shape[1], len(activation)):
        raise ExplainError(
            f"the probe of layer {layer!r} has weights of shape {probe.weight.shape}, but the layer has "
            f"{len(activation)} channels and the model {taken.logits.shape[1]} classes; fit the probes again"
        )
    note = f"CAM of a linear probe on this layer, right on {probe.accuracy:.1%} of the validation images."
    return _Cam(probe.cam(activation, target), "probe", note if inner else f"{note} {reason}")


def _of_head(taken: Capture, head: LinearHead, note: str) -> _Cam:
    maps = head.maps(taken)
    return _Cam(maps[0].float().cpu().numpy(), head.kind, note, head.certificates(taken, maps)[0])


def _target_label(target: int | tuple[int, int], class_names: Sequence[str]) -> str:
    if isinstance(target, int):
        return class_names[target]
    return f"{class_names[target[0]]} rather than {class_names[target[1]]}"
