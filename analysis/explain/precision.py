"""Choose the precision to explain a model in, by measuring both on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.explain.engine.layers import explainable_layers, stage_layers
from analysis.explain.errors import ExplainError, LayerError
from analysis.explain.maps import Explanation
from analysis.explain.trace import explain

# bfloat16 is chosen from this speedup on, and if its maps correlate with those of float32 at least this well.
MIN_SPEEDUP = 1.2
MIN_CORRELATION = 0.99
_ROUNDS = 3
# Grad-CAM averages the gradient over the cells; HiResCAM uses each cell's own and is the most sensitive to
# rounding.
_METHODS = ("gradcam", "hirescam")


@dataclass(frozen=True)
class PrecisionChoice:
    """The precision that was chosen, and the measurements behind the choice.

    Attributes
    ----------
    precision : "fp32" or "bf16".
    speedup : time in float32 divided by time in bfloat16, for all stages; None where bfloat16 does not run.
    correlation : the lowest Pearson correlation between the maps of a stage in the two precisions, by Grad-CAM and
        HiResCAM; None where bfloat16 does not run.
    why : a sentence for the user.
    """

    precision: str
    speedup: float | None
    correlation: float | None
    why: str


def measure_precision(
    model: nn.Module, x: Tensor, before_step: Callable[[], None] = lambda: None
) -> PrecisionChoice:
    """Explain x in both precisions, and choose bfloat16 where it is faster and its maps are the same.

    Faster means at least 1.2 times as fast, the same means a correlation of at least 0.99 at every stage.

    Parameters
    ----------
    model : the classifier.
    x : (1, 3, H, W), normalised.
    before_step : called before each of the explanations; raise from it to stop.

    Raises
    ------
    ExplainError : the model cannot be explained in float32 either.
    """

    def has_gradient(layer: str) -> bool:
        before_step()
        return _has_gradient(model, x, layer)

    layers = explainable_layers(model, x)
    stages = [layer.name for layer in stage_layers(model, x)]
    names = [name for name in stages if has_gradient(name)]
    if not names:  # a transformer, whose stages may end with the class token
        names = [next((info.name for info in reversed(layers) if has_gradient(info.name)), stages[-1])]
    seconds: dict[str, list[float]] = {"fp32": [], "bf16": []}
    results: dict[str, Explanation] = {}
    try:
        for round_number in range(_ROUNDS + 1):
            for precision, durations in seconds.items():
                before_step()
                result = explain(model, x, names, _METHODS, precision=precision)
                for reason in result.refused.values():
                    raise ExplainError(reason)
                results[precision] = result
                if round_number > 0:  # the first round prepares the model
                    durations.append(sum(cost.ms for cost in results[precision].costs))
    except ExplainError as error:
        if "bf16" not in results and "fp32" in results:
            return PrecisionChoice("fp32", None, None, f"float32: {error}")
        raise
    speedup = min(seconds["fp32"]) / min(seconds["bf16"])
    correlation = min(
        _correlation(results["fp32"].maps[key], results["bf16"].maps[key]) for key in results["fp32"].maps
    )
    measured = (
        f"{speedup:.1f} times as fast here, and its maps correlate with those of float32 by at least "
        f"{correlation:.3f}"
    )
    if correlation < MIN_CORRELATION:
        return PrecisionChoice("fp32", speedup, correlation, f"float32: bfloat16 would be {measured}: too low")
    if speedup < MIN_SPEEDUP:
        return PrecisionChoice("fp32", speedup, correlation, f"float32: bfloat16 would be only {measured}")
    return PrecisionChoice("bf16", speedup, correlation, f"bfloat16: {measured}")


def _has_gradient(model: nn.Module, x: Tensor, layer: str) -> bool:
    """Return whether a gradient reaches the layer; at the last block of a transformer none may."""
    try:
        explain(model, x, [layer], _METHODS)
    except LayerError:
        return False
    return True


def _correlation(first: Tensor, second: Tensor) -> float:
    """Return the Pearson correlation of two maps; 1 where they are equal, 0 where it is not defined."""
    if torch.equal(first, second):
        return 1.0
    value = float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]).double())[0, 1])
    return value if value == value else 0.0
