"""Which precision to explain a model in, here: measured, and said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.explain.engine.layers import explainable_layers, stage_layers
from analysis.explain.errors import ExplainError, LayerError
from analysis.explain.maps import Explanation
from analysis.explain.trace import explain

# What bfloat16 has to bring before it is chosen, and how near its maps have to stay.
WORTH = 1.2
NEAR = 0.99
_ROUNDS = 3
# One that averages the gradient over the cells, and one that takes it cell by cell and so forgives least.
_METHODS = ("gradcam", "hirescam")


@dataclass(frozen=True)
class PrecisionChoice:
    """`precision` is "fp32" or "bf16"; `speedup` is float32's time over bfloat16's, for all stages.

    `correlation` is the lowest Pearson correlation of a map in bfloat16 with the one in float32, over the
    stages, by Grad-CAM and by HiResCAM. Both are None where the model does not run in bfloat16. `why` is a
    sentence for the user.
    """

    precision: str
    speedup: float | None
    correlation: float | None
    why: str


def measure_precision(
    model: nn.Module, x: Tensor, before_step: Callable[[], None] = lambda: None
) -> PrecisionChoice:
    """Explain x (1, 3, H, W) in both precisions, and choose bfloat16 where it is faster and says the same.

    "Faster" is at least 1.2 times, "the same" a correlation of at least 0.99 at every stage.
    `before_step` is called before each of the many explanations, and may raise to stop. Raises ExplainError
    where the model can't be explained in float32 either.
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
            for precision, spent in seconds.items():
                before_step()
                result = explain(model, x, names, _METHODS, precision=precision)
                for reason in result.refused.values():
                    raise ExplainError(reason)
                results[precision] = result
                if round_number > 0:  # the first one prepares
                    spent.append(sum(cost.ms for cost in results[precision].costs))
    except ExplainError as error:
        if "bf16" not in results and "fp32" in results:
            return PrecisionChoice("fp32", None, None, f"float32: {error}")
        raise
    speedup = min(seconds["fp32"]) / min(seconds["bf16"])
    correlation = min(
        _correlation(results["fp32"].maps[key], results["bf16"].maps[key]) for key in results["fp32"].maps
    )
    said = f"{speedup:.1f} times as fast here, its maps correlate with float32's at {correlation:.3f} or more"
    if correlation < NEAR:
        return PrecisionChoice("fp32", speedup, correlation, f"float32: bfloat16 would be {said}: too far off")
    if speedup < WORTH:
        return PrecisionChoice("fp32", speedup, correlation, f"float32: bfloat16 would be only {said}")
    return PrecisionChoice("bf16", speedup, correlation, f"bfloat16: {said}")


def _has_gradient(model: nn.Module, x: Tensor, layer: str) -> bool:
    """False for the last block of a transformer, of which only the class token is read."""
    try:
        explain(model, x, [layer], _METHODS)
    except LayerError:
        return False
    return True


def _correlation(first: Tensor, second: Tensor) -> float:
    """Pearson's, 1 for two maps that are the same constant."""
    if torch.equal(first, second):
        return 1.0
    value = float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]).double())[0, 1])
    return value if value == value else 0.0
