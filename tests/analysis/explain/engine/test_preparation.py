"""The prepared copy gives the model's own logits, is made once, and is freed with the model."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision.models as zoo
from torch import Tensor, nn
from torchvision.models.convnext import CNBlockConfig

from analysis.explain.engine import preparation as module_of_prepare
from analysis.explain.engine.layers import explainable_layers
from analysis.explain.engine.preparation import _MAX_MODELS, anatomy_of, prepare, timed
from analysis.explain.errors import ExplainError
from analysis.explain.trace import explain, trace
from tests.analysis.explain.networks import classifier, hooks_of, pictures
from tests.analysis.explain.oracles import gradcam_by_hand

F32 = torch.float32


@pytest.fixture
def timings(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The networks that were timed: a few when a model is prepared, none after."""
    seen: list[nn.Module] = []

    def counting(network: nn.Module, x: Tensor) -> Any:
        seen.append(network)
        return timed(network, x)

    monkeypatch.setattr(module_of_prepare, "timed", counting)
    return seen


def test_hot_calls_do_not_prepare_again(timings: list[nn.Module]) -> None:
    net, x = classifier(dtype=F32), pictures(dtype=F32)
    explain(net, x, ["0.1", "0.6"], ["gradcam", "ablationcam"])
    prepared_at_first = len(timings)
    assert prepared_at_first > 0
    for targets in (0, (1, 2), None):
        explain(net, x * 2, ["0.6"], ["gradcam"], targets)
        explain(net, x[:1], ["0.1"], ["hirescam", "eigencam"], targets)
        explainable_layers(net, x)
        trace(net, x, ["0.6"]).every_class("0.6", "gradcam")
    net.train().requires_grad_(False)
    explain(net, pictures(5, dtype=F32), ["0.6"], ["gradcam"])
    assert len(timings) == prepared_at_first
    again = prepared_at_first
    for call in (
        lambda: explain(net, x, ["0.0"], ["gradcam"]),  # folded away until now
        lambda: explain(net, x[..., 1:], ["0.6"], ["gradcam"]),  # another size
        lambda: explain(net, x, ["0.6"], ["gradcam"], precision="bf16"),
    ):
        call()
        assert len(timings) > again
        again = len(timings)
    for layer in ("0.0", "0.6"):
        explain(net, x, [layer], ["gradcam"])
    explain(net, x[..., 1:], ["0.6"], ["gradcam"])
    explain(net, x, ["0.6"], ["gradcam"], precision="bf16")
    assert len(timings) == again


def test_pairs_are_folded_unless_the_convolution_itself_is_wanted() -> None:
    net, x = classifier(), pictures()
    folded = prepare(net, x, wanted=["0.1"])
    assert folded.setup.folded == 2
    assert folded.folded_convolutions == {"0.0", "0.4"}
    assert isinstance(folded.network[0][1], nn.Identity)
    assert prepare(net, x, wanted=["0.4"]).setup.folded == 0
    assert prepare(net, x, wanted=["0.1"]) is folded


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, F32, torch.float64])
def test_a_model_of_any_floating_type(dtype: torch.dtype) -> None:
    net, x = classifier().to(dtype), pictures().to(dtype)
    ready = prepare(net, x)
    assert ready.dtype == dtype
    assert ready.output_dtype == (dtype if dtype == torch.float64 else F32)
    result = explain(net, x, ["0.6"], ["gradcam"], 1)
    assert result.setup.precision == "fp32"
    expected = gradcam_by_hand(net.double(), x.double(), "0.6", 1).float()
    tolerance = 20 * torch.finfo(dtype).eps if dtype.itemsize == 2 else 1e-5
    torch.testing.assert_close(
        result.maps["0.6", "gradcam"], expected, atol=tolerance * float(expected.abs().max()), rtol=0
    )


@pytest.mark.parametrize("model", ["linear", "concat", "functional", "flatten"])
def test_bfloat16_in_front_of_heads_of_several_kinds(model: str) -> None:
    class Functional(nn.Module):
        def __init__(self, pool: bool) -> None:
            super().__init__()
            self.body, self.pool = classifier(dtype=F32)[0], pool
            self.fc = nn.Linear(6 if pool else 6 * 20, 3)

        def forward(self, x: Tensor) -> Tensor:
            features = self.body(x)
            pooled = nn.functional.adaptive_avg_pool2d(features, 1) if self.pool else features
            return self.fc(torch.flatten(nn.functional.dropout(pooled, 0.5, self.training), 1))

    class Concat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ap, self.mp = nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.mp(x), self.ap(x)], 1)

    torch.manual_seed(0)
    heads = {
        "linear": lambda: classifier(dtype=F32),
        "concat": lambda: nn.Sequential(
            classifier(dtype=F32)[0],
            nn.Sequential(Concat(), nn.Flatten(), nn.BatchNorm1d(12), nn.Dropout(), nn.Linear(12, 3)),
        ),
        "functional": lambda: Functional(True),
        "flatten": lambda: Functional(False),
    }
    net, x = heads[model]().eval(), pictures(dtype=F32)
    layer = "body.6" if isinstance(net, Functional) else "0.6"
    method = "gradcam" if model == "concat" else "hirescam"  # the place of a maximum may move by a rounding
    half = explain(net, x, [layer], [method], 1, "bf16")
    whole = explain(net, x, [layer], [method], 1)
    assert half.setup.precision == "bf16"
    assert not torch.equal(half.logits, whole.logits)
    torch.testing.assert_close(half.logits, whole.logits, atol=0.05 * float(whole.logits.abs().max()), rtol=0)
    mine, other = half.maps[layer, method].flatten(1), whole.maps[layer, method].flatten(1)
    for image in range(2):
        assert torch.corrcoef(torch.stack([mine[image], other[image]]))[0, 1] > 0.99
    assert mine.dtype == F32
    ready = prepare(net, x, "bf16")
    heads_own = [m for m in ready.network.modules() if isinstance(m, nn.Linear)]
    assert all(linear.weight.dtype == F32 for linear in heads_own)
    assert ready.network.get_submodule(layer[:-1] + "4").weight.dtype == torch.bfloat16


ZOO: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "densenet": (
        lambda: zoo.DenseNet(4, (2, 2), 8, num_classes=3, memory_efficient=True),
        "features.denseblock1",
    ),
    "mobilenet_v3": (lambda: zoo.mobilenet_v3_small(num_classes=3), "features.6"),
    "efficientnet": (lambda: zoo.efficientnet_b0(num_classes=3), "features.3"),
    "convnext": (
        lambda: zoo.ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=3),
        "features.1",
    ),
    "vit": (
        lambda: zoo.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=3),
        "encoder.layers.encoder_layer_0",
    ),
}


@pytest.mark.parametrize("name", ZOO)
def test_zoo_models_give_their_own_maps(name: str) -> None:
    torch.manual_seed(0)
    make, layer = ZOO[name]
    net, x = make().eval(), torch.randn(2, 3, 32, 32)
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight)  # torchvision starts some of them at zero
    step = anatomy_of(net, x).steps[anatomy_of(net, x).last_call[layer]]
    result = explain(net, x, [layer], ["gradcam"], 1)
    expected = gradcam_by_hand(net, x, layer, 1, step.to_map)
    torch.testing.assert_close(
        result.maps[layer, "gradcam"], expected, atol=1e-3 * float(expected.abs().max()), rtol=0
    )
    assert expected.abs().max() > 0
    assert hooks_of(net) == 0
    half = explain(net, x, [layer], ["gradcam"], 1, "bf16")
    assert half.setup.precision == "bf16"
    for mine, other in zip(half.maps[layer, "gradcam"], expected, strict=True):
        assert torch.corrcoef(torch.stack([mine.flatten(), other.flatten()]))[0, 1] > 0.95


def test_several_sizes_batches_and_shapes_of_one_model() -> None:
    net = classifier(dtype=F32)
    for batch, height, width in (
        (1, 8, 10),
        (5, 9, 31),
        (2, 8, 10),
        (1, 30, 7),
        (5, 16, 16),
        (2, 8, 8),
        (1, 9, 31),
    ):
        x = pictures(batch, height, width, F32)
        maps = explain(net, x, ["0.1", "0.4"], ["gradcam"], 1).maps
        for layer in ("0.1", "0.4"):
            expected = gradcam_by_hand(net, x, layer, 1)
            torch.testing.assert_close(maps[layer, "gradcam"], expected, atol=1e-5, rtol=1e-4)


def test_a_recorded_run_has_its_own_checks() -> None:
    ready, x = prepare(classifier(), pictures(1)), pictures(1)
    ready.checked_layers.add("0.6")
    ready.unused_outputs["0.6"] = {1}
    ready.heads["0.6"] = "folded"
    again = ready.recorded(x)
    assert (again.checked_layers, again.unused_outputs, again.heads) == (set(), {}, {})
    assert again.network is ready.network
    assert again.anatomy is not ready.anatomy


@pytest.mark.parametrize("wrapped", ["tuple", "dict", "masked"])
def test_a_folding_that_changes_the_logits_is_refused_whatever_holds_them(wrapped: str) -> None:
    class Branches(nn.Module):
        """The convolution is read by the BatchNorm and by a shortcut."""

        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc = classifier()[0][:2], nn.Linear(4, 3).double()

        def forward(self, x: Tensor) -> Any:
            features = self.body[0](x)
            logits = self.fc((self.body[1](features).relu() + features).mean((2, 3)))
            if wrapped == "masked":
                return torch.cat([logits, torch.full_like(logits[:, :1], -float("inf"))], 1)
            return (logits, features) if wrapped == "tuple" else {"features": [features], "logits": logits}

    net, x = Branches().eval(), pictures()
    result = explain(net, x, ["body.1"], ["gradcam"], 1)
    assert result.setup.folded == 0
    torch.testing.assert_close(
        result.maps["body.1", "gradcam"], gradcam_by_hand(net, x, "body.1", 1).float(), atol=1e-6, rtol=1e-5
    )


def test_a_network_with_chance_in_it_is_refused() -> None:
    class Chance(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = classifier()

        def forward(self, x: Tensor) -> Tensor:
            return self.net[1](nn.functional.dropout(self.net[0](x)))  # in evaluation mode, too

    with pytest.raises(
        ExplainError, match=r"a copy of Chance does not give the logits .* depends on something other"
    ):
        explain(Chance(), pictures(), ["net.0.6"], ["gradcam"])


def test_a_network_that_bfloat16_does_not_suit_is_refused_with_the_cure() -> None:
    class Double(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = classifier(dtype=F32)

        def forward(self, x: Tensor) -> Tensor:
            return self.net[1](self.net[0](x.float()))

    with pytest.raises(ExplainError, match=r"Double can't be explained in bf16 here: .*precision='fp32'"):
        explain(Double(), pictures(dtype=F32), ["net.0.6"], ["gradcam"], precision="bf16")


def test_an_inner_no_grad_of_the_model_is_an_error() -> None:
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = classifier()

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                features = self.net[0](x)
            return self.net[1](features)

    net, x = Frozen().eval(), pictures()
    capture = explain(net, x, ["net.0.6"], ["cam"], 1)
    torch.testing.assert_close(capture.logits, net(x).float())


@pytest.mark.parametrize("traced", [False, True])
def test_a_model_is_freed_with_its_copies(traced: bool) -> None:
    net, x = classifier(), pictures()
    if traced:
        trace(net, x, ["0.6", "0.0"]).explain(["gradcam", "ablationcam"])
    result = explain(net, x, ["0.6", "0.0"], ["gradcam"])
    copies = [prepare(net, x, wanted=wanted).network for wanted in ([], ["0.0"])]
    watched = [weakref.ref(thing) for thing in (net, net[0][4].weight, *copies)]
    del net, copies
    gc.collect()
    assert [ref() for ref in watched] == [None] * 4
    assert result.logits.shape == (2, 3)


def test_a_hook_that_holds_the_model_does_not_hold_it_for_ever() -> None:
    net, x = classifier(), pictures()
    net[0].register_forward_hook(lambda module, inputs, output, net=net: output * len(net))
    explain(net, x, ["0.6"], ["gradcam"])
    watched = weakref.ref(net)
    del net
    for _ in range(_MAX_MODELS):
        other = classifier()
        explainable_layers(other, x)
        del other
    others = [classifier() for _ in range(_MAX_MODELS)]
    for other in others:
        explainable_layers(other, x)
    gc.collect()
    assert watched() is None


def test_a_trace_keeps_its_maps_while_the_model_is_trained() -> None:
    class NoNorm(nn.Module):
        """Nothing to fold, so nothing but a copy keeps these weights."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 1), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(torch.tanh(self.second(torch.tanh(self.first(x)))).mean((2, 3)))

    methods = ["gradcam", "ablationcam", "shapleycam", "fullgrad"]
    for net in (NoNorm(), NoNorm().double(), classifier(dtype=F32)):
        x = pictures(dtype=next(net.parameters()).dtype)
        layer = "0.4" if isinstance(net, nn.Sequential) else "first"
        kept = trace(net, x, [layer])
        before = trace(net, x, [layer]).explain(methods, 1)
        every = trace(net, x, [layer]).every_class(layer, "gradcam")
        optimizer = torch.optim.SGD(net.train().parameters(), 0.5)
        net(x).square().sum().backward()
        optimizer.step()
        for parameter in net.parameters():
            parameter.data.mul_(1.5)
        after = kept.explain(methods, 1)
        torch.testing.assert_close(after.maps, before.maps, rtol=0, atol=0)
        torch.testing.assert_close(kept.every_class(layer, "gradcam"), every, rtol=0, atol=0)
        assert not torch.allclose(
            explain(net, x, [layer], ["gradcam"], 1).maps[layer, "gradcam"], before.maps[layer, "gradcam"]
        )


def test_threads_with_their_own_layers_targets_and_precisions() -> None:
    net, x = classifier(dtype=F32).train(), pictures(3, dtype=F32)
    asked = [(["0.1"], 0, "fp32"), (["0.6", "0.2"], 1, "fp32"), (["0.6"], 2, "bf16"), (["0.0"], (1, 0), "fp32")]
    alone = [
        explain(classifier(dtype=F32), x, layers, ["gradcam", "ablationcam"], *rest) for layers, *rest in asked
    ]
    wrong: list[Any] = []

    def work(mine: int) -> None:
        layers, *rest = asked[mine]
        for _ in range(6):
            maps = explain(net, x, layers, ["gradcam", "ablationcam"], *rest).maps
            for key, values in maps.items():
                tolerance = 1e-5 if "fp32" in rest else 0.05
                if not torch.allclose(values, alone[mine].maps[key], atol=tolerance):
                    wrong.append((mine, key))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_setup_describes_how_the_model_is_run() -> None:
    net, x = classifier(dtype=F32), pictures(dtype=F32)
    setup = explain(net, x, ["0.6"], ["gradcam"]).setup
    assert (setup.precision, setup.folded, setup.device) == ("fp32", 2, "cpu")
    assert setup.reference_ms > 0
    assert setup.forward_ms > 0
    ready = prepare(net, x)
    layout = torch.channels_last if setup.channels_last else torch.contiguous_format
    assert ready.input(x).is_contiguous(memory_format=layout)
    assert setup.packed == any(type(m).__name__ == "PackedConv2d" for m in ready.network.modules())
