"""Why plain CAM works at the last layer only: the class weights fit no other, but a linear probe has its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import nn

from analysis.chapter.execution import Execution, attempt
from analysis.chapter.scores import class_scores
from analysis.chapter.subject import Subject
from analysis.explain.probe import Probe
from analysis.explain.trace import capture


@dataclass(frozen=True)
class InnerLayer:
    """The class weights multiplied with one layer's activation, and the map of that layer's linear probe.

    Attributes
    ----------
    layer : the layer's name.
    activation_shape : (C, h, w).
    product : the last Linear's weights times the activation: the shape of the result, or PyTorch's error.
    probe_map : (h, w) float32, CAM of the layer's probe for the class; None without a probe.
    probe_accuracy : share of the validation pictures that the probe gets right; None without a probe.
    mean_plus_bias, probe_logit : these two are equal, because the probe is linear; None without a probe.
    """

    layer: str
    activation_shape: tuple[int, ...]
    product: Execution[tuple[int, ...]]
    probe_map: np.ndarray | None
    probe_accuracy: float | None
    mean_plus_bias: float | None
    probe_logit: float | None


def inner_layers(subject: Subject, probes: Mapping[str, Probe], cls: int) -> tuple[InnerLayer, ...]:
    """Answer question 11 for every stage of the network, in forward order."""
    names = [info.name for info in subject.stages]
    record = capture(subject.network, subject.x, names, gradients=False)
    weight = next(
        call.module.weight.detach()
        for call in reversed(record.calls_after[names[-1]])
        if isinstance(call.module, nn.Linear)
    )
    rows = []
    for name in names:
        activation = record.activations[name][0]
        product = attempt(class_scores, weight, activation)
        shape = None if product.value is None else tuple(product.value.shape)
        probe = probes.get(name)
        values = activation.float().cpu().numpy()
        probe_map = None if probe is None else probe.cam(values, cls)
        rows.append(
            InnerLayer(
                layer=name,
                activation_shape=tuple(activation.shape),
                product=Execution(product.source, shape, product.error),
                probe_map=probe_map,
                probe_accuracy=None if probe is None else probe.accuracy,
                mean_plus_bias=None
                if probe is None or probe_map is None
                else float(probe_map.mean()) + probe.score_bias(cls),
                probe_logit=None if probe is None else float(probe.logits(values.mean(axis=(1, 2)))[cls]),
            )
        )
    return tuple(rows)
