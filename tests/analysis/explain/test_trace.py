"""A trace gives the same maps for other classes, methods and layers as a new explanation would."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.explain.engine.preparation import prepare
from analysis.explain.errors import ExplainError, LayerError, UnknownNameError
from analysis.explain.trace import capture, explain, trace
from tests.analysis.explain.networks import classifier, pictures
from tests.analysis.explain.oracles import by_hand, gradcam_by_hand, with_output

METHODS = ["gradcam", "hirescam", "eigencam", "ablationcam", "finercam"]


def test_a_trace_has_the_maps_of_new_explanations() -> None:
    net, x = classifier(), pictures(3)
    kept = trace(net, x, ["0.1", "0.6"])
    for targets in (1, torch.tensor([2, 0, 1]), (0, 2), None, 1):
        mine, fresh = kept.explain(METHODS, targets), explain(net, x, ["0.1", "0.6"], METHODS, targets)
        torch.testing.assert_close(mine.maps, fresh.maps)
        assert torch.equal(mine.targets, fresh.targets)
        torch.testing.assert_close(mine.logits, fresh.logits)
    assert set(kept.explain(["gradcam"], 1, layers="0.6").maps) == {("0.6", "gradcam")}
    assert set(kept.explain(["gradcam"], 1, layers=["0.6", "0.1"]).maps) == {
        ("0.6", "gradcam"),
        ("0.1", "gradcam"),
    }


def test_nothing_is_run_from_the_image_again(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = classifier(), pictures()
    kept = trace(net, x, ["0.4", "0.6"])
    first = prepare(net, x, wanted=["0.4"]).network[0][0]

    def never(*inputs: Any, **named: Any) -> None:
        raise AssertionError("the first convolution ran again")

    monkeypatch.setattr(first, "forward", never)
    kept.explain(METHODS, 2)
    kept.every_class("0.4", "gradcam")
    monkeypatch.undo()
    with pytest.raises(AssertionError):
        monkeypatch.setattr(first, "forward", never)
        trace(net, x, ["0.4"])


@pytest.mark.parametrize(
    "caller", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)]
)
def test_a_trace_works_in_any_mode_of_the_caller(caller: Callable[[], Any]) -> None:
    net, x = classifier(dtype=torch.float32), pictures(2, dtype=torch.float32)
    expected = explain(net, x, ["0.1", "0.6"], METHODS, 1).maps
    kept = trace(net, x, ["0.1", "0.6"])
    every = kept.every_class("0.1", "gradcam")
    with caller():
        torch.testing.assert_close(kept.explain(METHODS, 1).maps, expected)
        torch.testing.assert_close(kept.every_class("0.1", "gradcam"), every)
        gradients = kept.capture(1).gradients
        kept_inside = trace(net, x, ["0.6"])
    torch.testing.assert_close(gradients, capture(net, x, ["0.1", "0.6"], 1).gradients)
    torch.testing.assert_close(
        kept_inside.explain(["gradcam"], 1).maps["0.6", "gradcam"], expected["0.6", "gradcam"]
    )


def test_layers_it_was_not_made_for_are_refused() -> None:
    kept = trace(classifier(), pictures(), ["0.1", "0.6"])
    with pytest.raises(UnknownNameError, match=r"made for the layers 0\.1, 0\.6, not for '0\.4'; make another"):
        kept.explain(["gradcam"], layers=["0.4"])
    with pytest.raises(UnknownNameError):
        kept.every_class("0.4", "gradcam")


def test_an_unknown_name_or_a_wrong_target_is_always_raised() -> None:
    net, x = classifier(), pictures()
    with pytest.raises(UnknownNameError):
        explain(net, x, ["0.6", "0.66"], ["gradcam"])
    with pytest.raises(UnknownNameError):
        explain(net, x, ["0.6"], ["gradcam", "gradcm"])
    with pytest.raises(ExplainError, match="class 3 is out of range"):
        explain(net, x, ["0.6"], ["gradcam", "eigencam"], 3)


def test_threads_may_share_a_trace() -> None:
    kept = trace(classifier(), pictures(2), ["0.1", "0.6"])
    alone = [kept.explain(["gradcam", "ablationcam"], target).maps for target in range(3)]
    wrong: list[int] = []

    def work(target: int) -> None:
        for _ in range(8):
            maps = kept.explain(["gradcam", "ablationcam"], target).maps
            if any(not torch.allclose(maps[key], alone[target][key]) for key in maps):
                wrong.append(target)

    threads = [threading.Thread(target=work, args=(target,)) for target in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_other_pictures_and_other_scores_of_the_same_network() -> None:
    net, x = classifier(), pictures(2)
    record = trace(net, x, ["0.1", "0.6"]).capture(torch.tensor([2, 0]))
    images = torch.tensor([1, 0, 1])
    others = x[images] + 0.3
    again = record.recapture(others, images)
    expected = capture(net, others, ["0.1", "0.6"], torch.tensor([0, 2, 0]))
    torch.testing.assert_close(again.gradients, expected.gradients)
    torch.testing.assert_close(again.activations, expected.activations)
    torch.testing.assert_close(again.logits, expected.logits)
    with torch.no_grad():
        torch.testing.assert_close(record.forward(others), net(others))
    pair = trace(net, x, ["0.6"]).capture((torch.tensor([2, 0]), 1)).recapture(others, images)
    expected = capture(net, others, ["0.6"], (torch.tensor([0, 2, 0]), 1))
    torch.testing.assert_close(pair.gradients, expected.gradients)
    torch.testing.assert_close(pair.scores(), expected.scores())
    logit_weights = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]], dtype=torch.float64)
    parts = [capture(net, x, ["0.1"], target).gradients["0.1"] for target in range(3)]
    summed = sum(logit_weights[:, k, None, None, None] * parts[k] for k in range(3))
    torch.testing.assert_close(record.gradients_of(logit_weights)["0.1"], summed)


class TwoPaths(nn.Module):
    """Calls other modules for bright and for dark images."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (nn.Conv2d(i, 4, 3, padding=1) for i in (3, 4, 4))
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        features = self.first(x)
        if x.mean() > 0.5:
            features = self.second(features.relu_())
        elif x.mean() < -0.5:
            features = self.second(self.second(features)).relu_()
        return self.fc(self.third(features).mean((2, 3)))


@pytest.mark.parametrize("order", [(0, 1, -1, 0), (1, 0), (-1, 1, 1)])
def test_each_image_is_explained_by_the_path_it_takes(order: tuple[int, ...]) -> None:
    net, x = TwoPaths().double(), pictures(2)
    for shift in order:
        for layers in (["first"], ["third"], ["first", "third"], ["first", "second"]):
            if shift == 0 and "second" in layers:
                with pytest.raises(LayerError, match="'second' is part of the model but is not called"):
                    explain(net, x + shift, ["second"], ["gradcam"], 1)
            result = explain(net, x + shift, layers, ["gradcam"], 1)
            maps = result.maps
            refused = [("second", "gradcam")] if shift == 0 and "second" in layers else []
            assert list(result.refused) == refused
            assert list(maps) == [(layer, "gradcam") for layer in layers if (layer, "gradcam") not in refused]
            for layer, _ in maps:
                expected = gradcam_by_hand(net, x + shift, layer, 1).float()
                torch.testing.assert_close(maps[layer, "gradcam"], expected)
        record = trace(net, x + shift, ["first"]).capture(1)
        changed = record.activations["first"] * 0.5
        expected = with_output(net, x + shift, "first", changed)
        torch.testing.assert_close(record.resume("first")(changed, torch.arange(2)), expected)
        plain = explain(net, x + shift, ["first"], ["eigencam"]).maps["first", "eigencam"]
        torch.testing.assert_close(
            plain, explain(net, x + shift, ["first"], ["eigencam", "gradcam"]).maps["first", "eigencam"]
        )


def test_a_module_that_some_images_pass_twice() -> None:
    class Again(TwoPaths):
        def forward(self, x: Tensor) -> Tensor:
            features = self.second(self.first(x))
            return self.fc((self.second(features) if x.mean() > 0.5 else features).mean((2, 3)))

    net, x = Again().double(), pictures(2)
    for shift, calls in ((0, 1), (1, 2), (0, 1)):
        record = trace(net, x + shift, ["second"]).capture(1)
        _, activation, gradient = by_hand(net, x + shift, "second", 1)
        torch.testing.assert_close(record.activations["second"], activation)
        torch.testing.assert_close(record.gradients["second"], gradient)
        assert len(record.notes) == calls - 1
        changed, images = activation.flip(0) * 0.5, torch.tensor([1, 0])
        expected = with_output(net, (x + shift)[images], "second", changed, calls)
        torch.testing.assert_close(record.resume("second")(changed, images), expected)


def test_a_network_that_autograd_refuses_has_a_clear_error() -> None:
    class Overwritten(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc = classifier()[0], nn.Linear(6, 3).double()

        def forward(self, x: Tensor) -> Tensor:
            features = self.body(x).sigmoid()
            pooled = (features * features).mean((2, 3))
            features += 1  # which the product's derivative needs as it was
            return self.fc(pooled)

    with pytest.raises(LayerError, match=r"can't be differentiated after body\.6: one of"):
        explain(Overwritten(), pictures(), ["body.6"], ["gradcam"])


def test_a_network_with_its_own_no_grad_after_the_layer_is_refused() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = classifier()

        def forward(self, x: Tensor) -> Tensor:
            features = self.net[0](x)
            with torch.no_grad():
                return self.net[1](features)

    with pytest.raises(LayerError, match="no gradient reaches layer"):
        explain(Cut().eval(), pictures(), ["net.0.6"], ["gradcam"])


def test_a_reshape_to_another_shape_is_refused() -> None:
    with pytest.raises(LayerError, match=r"the reshape gives \(2, 6, 20\), not \(B, C, h, w\)"):
        explain(classifier(), pictures(), ["0.6"], ["gradcam"], reshape=lambda output: output.flatten(2))
    with pytest.raises(ExplainError, match=r"tuple for this input|is a tuple"):
        explain(nn.Sequential(Pair(), Last()), pictures(), ["0"], ["gradcam"], reshape=lambda output: output[0])


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class Last(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = classifier()

    def forward(self, both: tuple[Tensor, Tensor]) -> Tensor:
        return self.net(both[1])
