"""Probe CAM: the class activation map of a layer's linear probe."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.errors import ExplainError
from analysis.explain.methods.base import Method
from analysis.explain.probe import Probe


def probecam(taken: Capture, layer: str) -> Tensor:
    """CAM (B, h, w) of the layer's linear probe: sum over channels of w_k A_k (Zhou et al. 2016, eq. 2).

    w is the probe's weight for the target class, or the difference of a contrast's two (Alain and Bengio
    2016 describe the probes). The map's mean plus the probe's bias is the probe's logit, which is not the
    network's. Raises ExplainError where the layer has no probe or the probe belongs to another model.
    """
    activation = taken.activations[layer]
    weight = _fitting(taken, layer).weight
    weights = taken.of_score(torch.from_numpy(weight).to(activation))
    return torch.einsum("bc,bchw->bhw", weights, activation)


def _fitting(taken: Capture, layer: str) -> Probe:
    """The layer's probe, if it is one for these channels and classes."""
    probe = taken.probes.get(layer)
    if probe is None:
        there = ", ".join(map(repr, taken.probes)) if taken.probes else "none"
        raise ExplainError(
            f"no linear probe for layer {layer!r} (layers that have one: {there}). Fit it with collect_features "
            f"and fit_probe of analysis.learner.probes and pass probes={{{layer!r}: probe}}, or use gradcam; a "
            "run made by `python -m analysis fit` brings its own."
        )
    expected = (taken.logits.shape[1], taken.activations[layer].shape[1])
    if probe.weight.shape != expected:
        raise ExplainError(
            f"the linear probe for layer {layer!r} has weights of shape {probe.weight.shape}, but this model has "
            f"{expected[0]} classes and the layer {expected[1]} channels: it was fitted on another model. Fit it "
            "again with fit_probe of analysis.learner.probes."
        )
    return probe


PROBECAM = Method(
    "probecam",
    "Linear-probe CAM",
    "Alain and Bengio 2016, Zhou et al. 2016",
    "https://arxiv.org/abs/1610.01644",
    probecam,
    formula=r"\sum_k w^{\mathrm{probe}}_k\,A^k",
    about="A logistic regression on the layer's average-pooled channels, fitted on the training pictures, gives "
    "the layer class weights of its own. The map shows where the layer already holds what tells the "
    "classes apart.",
    prefer="At inner layers, to see where in the network a class becomes visible. It explains the probe, not the "
    "network: read it beside the probe's accuracy. Costs no backward pass, but the probe must have been "
    "fitted.",
    needs_probe=True,
)
