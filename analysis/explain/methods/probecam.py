"""Linear-probe CAM: the class activation map of a layer's linear probe."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.errors import ExplainError
from analysis.explain.methods.base import Method
from analysis.explain.probe import Probe


def probecam(capture: Capture, layer: str) -> Tensor:
    """Return the CAM (B, h, w) of a layer's linear probe: sum over channels of w_k A_k (Zhou et al. 2016, eq. 2).

    w is the probe's weight for the target class, or the difference of a contrast's two (Alain and Bengio
    2016 describe the probes). The map's mean plus the probe's bias is the probe's logit, which is not the
    network's. Raises ExplainError where the layer has no probe or the probe belongs to another model.
    """
    activation = capture.activations[layer]
    weight = _fitting(capture, layer).weight
    weights = capture.of_score(torch.from_numpy(weight).to(activation))
    return torch.einsum("bc,bchw->bhw", weights, activation)


def _fitting(capture: Capture, layer: str) -> Probe:
    """Return the layer's probe; raise ExplainError where it does not fit these channels and classes."""
    probe = capture.probes.get(layer)
    if probe is None:
        layers = ", ".join(map(repr, capture.probes)) if capture.probes else "none"
        raise ExplainError(
            f"no linear probe for layer {layer!r} (layers that have one: {layers}). Fit it with collect_features "
            f"and fit_probe of analysis.learner.probes and pass probes={{{layer!r}: probe}}, or use gradcam; a "
            "run of `python -m analysis fit` has its own probes."
        )
    expected = (capture.logits.shape[1], capture.activations[layer].shape[1])
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
    "the layer its own class weights. The map shows where the layer already has the information that separates "
    "the classes.",
    prefer="At inner layers, to see where in the network a class becomes visible. It explains the probe, not the "
    "network: read it together with the probe's accuracy. It needs no backward pass, but the probe has to be "
    "fitted first.",
    needs_probe=True,
)
