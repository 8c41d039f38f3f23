"""bfloat16 is chosen where it is measured to be faster with the same maps; a sentence says why."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torchvision.models as zoo
from torch import Tensor, nn

from analysis.explain import precision as module_of_precision
from analysis.explain.errors import ExplainError
from analysis.explain.precision import PrecisionChoice, _correlation, measure_precision
from tests.analysis.explain.networks import classifier, pictures

MAP = torch.tensor([[[0.0, 1.0], [2.0, 5.0]]])


@dataclass
class Said:
    """What a fake explain measures."""

    maps: dict[Any, Tensor]
    ms: float
    refused: dict[Any, str] = field(default_factory=dict)

    @property
    def costs(self) -> tuple[Any, ...]:
        return (type("Cost", (), {"ms": self.ms / 2})(), type("Cost", (), {"ms": self.ms / 2})())


def measured(monkeypatch: pytest.MonkeyPatch, half_ms: float, half_map: Tensor) -> PrecisionChoice:
    """The choice where float32 takes 10 ms; the first call of each takes a second."""
    calls: list[str] = []

    def explain(model: nn.Module, x: Tensor, layers: Any, methods: Any, precision: str = "") -> Said:
        calls.append(precision)
        if calls.count(precision) == 1:
            return Said({("0.6", "gradcam"): MAP}, 1000.0)
        maps = {("0.2", "gradcam"): MAP, ("0.6", "gradcam"): MAP if precision == "fp32" else half_map}
        return Said(maps, 10.0 if precision == "fp32" else half_ms)

    monkeypatch.setattr(module_of_precision, "explain", explain)
    return measure_precision(classifier(), pictures(1))


def test_faster_and_the_same_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = measured(monkeypatch, 4.0, MAP * 3)
    assert (choice.precision, choice.speedup) == ("bf16", pytest.approx(2.5))
    assert choice.correlation == pytest.approx(1.0)
    assert choice.why == (
        "bfloat16: 2.5 times as fast here, and its maps correlate with those of float32 by at least 1.000"
    )


def test_hardly_faster_is_not_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = measured(monkeypatch, 9.0, MAP)
    assert choice.precision == "fp32"
    assert choice.why == (
        "float32: bfloat16 would be only 1.1 times as fast here, and its maps correlate with those of float32 by "
        "at least 1.000"
    )


def test_faster_but_another_map_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = measured(monkeypatch, 1.0, torch.tensor([[[0.0, 1.0], [2.0, 3.0]]]))
    expected = torch.corrcoef(torch.tensor([[0.0, 1.0, 2.0, 5.0], [0.0, 1.0, 2.0, 3.0]]))[0, 1]
    assert choice.precision == "fp32"
    assert choice.correlation == pytest.approx(float(expected))
    assert choice.why == (
        f"float32: bfloat16 would be 10.0 times as fast here, and its maps correlate with those of "
        f"float32 by at least {expected:.3f}: too low"
    )


def test_correlation_of_constant_maps() -> None:
    flat = torch.zeros(1, 2, 2)
    assert _correlation(flat, flat) == 1.0
    assert _correlation(flat, MAP) == 0.0
    assert _correlation(MAP, -MAP) == pytest.approx(-1.0)


def test_a_real_network_is_measured() -> None:
    choice = measure_precision(classifier(dtype=torch.float32), pictures(1, dtype=torch.float32))
    assert choice.precision in ("fp32", "bf16")
    assert choice.speedup is not None
    assert choice.correlation > 0.9
    assert re.fullmatch(r"(bfloat16: |float32: bfloat16 would be ).*times as fast here.*", choice.why)
    assert f"{choice.speedup:.1f} times" in choice.why
    assert f"{choice.correlation:.3f}" in choice.why


def test_a_vision_transformer_is_measured_where_it_has_maps() -> None:
    torch.manual_seed(0)
    net = zoo.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=3)
    nn.init.normal_(net.heads[0].weight)
    choice = measure_precision(net, torch.randn(1, 3, 32, 32))
    assert choice.speedup is not None


def test_a_network_that_bfloat16_does_not_suit_stays_in_float32() -> None:
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = classifier(dtype=torch.float32)

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x.float())

    choice = measure_precision(Single(), pictures(1, dtype=torch.float32))
    assert (choice.precision, choice.speedup, choice.correlation) == ("fp32", None, None)
    assert re.fullmatch(r"float32: Single can't be explained in bf16 here: .*", choice.why)


def test_a_network_that_cannot_be_explained_at_all_is_refused() -> None:
    with pytest.raises(ExplainError, match="logits of shape"):
        measure_precision(classifier()[0], pictures(1))
