"""Activations and gradients of the whole batch, against finite differences and a network cut in two."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from analysis.explain.errors import ExplainError, LayerError, UnknownNameError
from analysis.explain.trace import capture
from tests.analysis.explain.networks import GradientModes, classifier, hooks_of, pictures, split


def gradient_by_differences(net: nn.Sequential, at: int, x: Tensor, score, step: float = 1e-6) -> Tensor:
    """Central differences of the score of image 0 in each element of module 0.at's output."""
    front, back = split(net, at)
    with torch.no_grad():
        output = front(x[:1])
        bumps = step * torch.eye(output.numel(), dtype=output.dtype).reshape(-1, *output.shape[1:])
        slopes = (score(back(output + bumps)) - score(back(output - bumps))) / (2 * step)
    return slopes.reshape(output.shape[1:])


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5, 6])
def test_gradients_are_those_of_finite_differences(at: int) -> None:
    x = pictures()
    record = capture(classifier(), x, [f"0.{at}"], targets=2)
    expected = gradient_by_differences(classifier(inplace=False), at, x, lambda logits: logits[:, 2])
    torch.testing.assert_close(record.gradients[f"0.{at}"][0], expected, atol=1e-8, rtol=1e-6)


def test_a_pairs_gradient_is_that_of_the_difference_of_scores() -> None:
    x = pictures()
    record = capture(classifier(), x, ["0.4"], targets=(2, 0))
    expected = gradient_by_differences(classifier(inplace=False), 4, x, lambda logits: logits[:, 2] - logits[:, 0])
    torch.testing.assert_close(record.gradients["0.4"][0], expected, atol=1e-8, rtol=1e-6)
    torch.testing.assert_close(record.scores(), record.logits[:, 2] - record.logits[:, 0])


def test_activations_are_those_before_the_in_place_relu_after_them() -> None:
    x, net = pictures(), classifier(inplace=False)
    names = [f"0.{at}" for at in range(7)]
    record = capture(classifier(inplace=True), x, names)
    for at, name in enumerate(names):
        torch.testing.assert_close(record.activations[name], net[0][: at + 1](x).detach())
    torch.testing.assert_close(record.logits, net(x).detach())
    assert (record.activations["0.5"] < 0).any()


@pytest.mark.parametrize("gradients", [False, True])
def test_a_layer_that_returns_its_input_is_kept_apart_from_it(gradients: bool) -> None:
    class Overwrites(nn.Module):
        """The layer's output is its input, which the network then changes in place."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.same, self.fc = nn.Conv2d(3, 4, 3), nn.Identity(), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            features = self.conv(x)
            kept = self.same(features)
            return self.fc(kept.mean((2, 3)) + features.mul_(2).mean((2, 3)))

    net, x = Overwrites().double(), pictures()
    record = capture(net, x, ["same"], 1, gradients)
    torch.testing.assert_close(record.activations["same"], net.conv(x).detach())
    if gradients:
        expected = net.fc.weight.detach()[1, :, None, None].expand(4, 6, 8) / 48
        torch.testing.assert_close(record.gradients["same"][0], expected)


def test_the_modules_called_after_a_layer_stand_in_their_order() -> None:
    record = capture(classifier(), pictures(), ["0.5", "0"], gradients=False)
    after = {name: [(call.name, call.spatial) for call in calls] for name, calls in record.calls_after.items()}
    head = [(f"1.{at}", False) for at in range(5)]
    assert after == {"0.5": [("0.6", True), *head], "0": head}


def test_all_layers_in_one_pass_are_what_each_is_alone() -> None:
    x, net = pictures(), classifier()
    names = [f"0.{at}" for at in range(7)] + ["0"]
    together = capture(net, x, names)
    for name in names:
        alone = capture(net, x, [name])
        torch.testing.assert_close(together.gradients[name], alone.gradients[name])
        torch.testing.assert_close(together.activations[name], alone.activations[name])


def test_the_graph_begins_at_the_first_wanted_layer() -> None:
    net, before, after = classifier(), GradientModes(), GradientModes()
    net[0][0] = nn.Sequential(before, net[0][0])
    net[0][4] = nn.Sequential(after, net[0][4])
    capture(net, pictures(), ["0.3", "0.6"])
    assert not any(before.enabled)
    assert after.enabled[-1]
    after.enabled.clear()
    capture(net, pictures(), ["0.3"], gradients=False)
    assert not any(before.enabled + after.enabled)


@pytest.mark.parametrize("targets", [torch.tensor([2, 0, 1]), (torch.tensor([2, 0, 1]), 1), None])
def test_each_image_of_a_batch_has_its_own_score(targets) -> None:
    x, net = pictures(3), classifier()
    record = capture(net, x, ["0.1"], targets)
    for image in range(3):
        own = targets
        if isinstance(targets, Tensor):
            own = int(targets[image])
        elif targets is not None:
            own = (int(targets[0][image]), targets[1])
        alone = capture(net, x[image : image + 1], ["0.1"], own)
        torch.testing.assert_close(record.gradients["0.1"][image], alone.gradients["0.1"][0])
    if targets is None:
        assert torch.equal(record.targets, record.logits.argmax(1))


def state_of(net: nn.Module) -> list:
    return [
        [module.training for module in net.modules()],
        [(p.requires_grad, None if p.grad is None else p.grad.clone()) for p in net.parameters()],
        {name: tensor.clone() for name, tensor in net.state_dict().items()},
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        hooks_of(net),
    ]


@pytest.mark.parametrize(
    "caller", [nullcontext, torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)]
)
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("failing", [False, True])
def test_the_model_and_the_caller_are_left_as_they_were(caller, frozen: bool, failing: bool) -> None:
    net, x = classifier(dtype=torch.float32), pictures(dtype=torch.float32)
    expected = capture(net, x, ["0.1"])
    net.train()
    net[0][1].eval()  # a frozen BatchNorm inside a training model
    net.requires_grad_(not frozen)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    with caller():
        mine = x.clone()
        before = state_of(net)
        if failing:
            with pytest.raises(LayerError):
                capture(net, mine, ["0.1", "1.1"])
        else:
            record = capture(net, mine, ["0.1"])
            torch.testing.assert_close(record.gradients["0.1"], expected.gradients["0.1"])
            torch.testing.assert_close(record.logits, expected.logits)
        torch.testing.assert_close(state_of(net), before, rtol=0, atol=0)
    assert not x.requires_grad
    assert x.grad is None


def test_an_exception_inside_the_network_leaves_no_trace() -> None:
    class Breaks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ZeroDivisionError

    net = nn.Sequential(classifier()[0], Breaks()).train()
    before = state_of(net)
    with pytest.raises(ZeroDivisionError):
        capture(net, pictures(), ["0.1"])
    torch.testing.assert_close(state_of(net), before, rtol=0, atol=0)


class SharedRelu(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(5, 3)

    def features(self, x: Tensor) -> Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.relu(self.second(self.relu(self.first(x)))).mean((2, 3)))


def test_a_module_called_twice_stands_for_its_last_call() -> None:
    net, x = SharedRelu().double(), pictures()
    record = capture(net, x, ["relu"], targets=1)
    torch.testing.assert_close(record.activations["relu"], net.features(x).detach())
    cells = record.activations["relu"][0, 0].numel()
    expected = net.fc.weight.detach()[1, :, None, None].expand(5, 4, 5) / cells
    torch.testing.assert_close(record.gradients["relu"][0], expected)
    assert record.notes == ("relu is called 2 times in one forward pass; its maps belong to the last call",)


def test_a_fastai_like_tensor_subclass_becomes_a_plain_tensor() -> None:
    class TensorImage(Tensor):
        pass

    x = pictures()
    record = capture(
        classifier(), x.as_subclass(TensorImage), ["0.1"], torch.tensor([0, 1]).as_subclass(TensorImage)
    )
    assert type(record.logits) is type(record.activations["0.1"]) is type(record.gradients["0.1"]) is Tensor
    torch.testing.assert_close(
        record.gradients["0.1"], capture(classifier(), x, ["0.1"], torch.tensor([0, 1])).gradients["0.1"]
    )


@pytest.mark.parametrize("training", [False, True])
def test_four_threads_get_their_own_gradients(training: bool) -> None:
    net = classifier().train(training)
    images = [pictures(1) * scale for scale in (0.5, 1.0, 2.0, 4.0)]
    expected = [capture(net, x, ["0.1", "0.5"]) for x in images]
    wrong: list[str] = []

    def work(mine: int) -> None:
        for _ in range(25):
            record = capture(net, images[mine], ["0.1", "0.5"])
            for name, gradient in record.gradients.items():
                if not torch.allclose(gradient, expected[mine].gradients[name]):
                    wrong.append(name)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(module.training == training for module in net.modules())


def test_another_threads_forward_pass_is_not_captured() -> None:
    net, x = classifier(), pictures(1)
    other_runs = threading.Event()

    class Meanwhile(nn.Module):
        """Between the two layers, another thread runs the body on other pictures."""

        def forward(self, features: Tensor) -> Tensor:
            if not other_runs.is_set():
                other_runs.set()
                thread = threading.Thread(target=lambda: net(x * 100))
                thread.start()
                thread.join()
            return features

    net[0][3] = nn.Sequential(net[0][3], Meanwhile())
    record = capture(net, x, ["0.1", "0.5"])
    torch.testing.assert_close(record.activations["0.1"], classifier()[0][:2](x).detach())
    assert record.notes == ()


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (3, "class 3 is out of range: the model has classes 0 to 2"),
        (-1, "out of range"),
        ((0, 7), "class 7 is out of range"),
        (torch.tensor([0, 5]), "class 5"),
        (torch.tensor([0]), r"shape \(2,\)"),
        (torch.tensor([0.0, 1.0]), "LongTensor"),
        ("cat", "got str"),
        (True, "got bool"),
        ([0, 1], "got list"),
        ((0, 1, 2), "pair"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets, message: str) -> None:
    with pytest.raises(ExplainError, match=message):
        capture(classifier(), pictures(2), ["0.1"], targets)


def test_layers_that_do_not_fit_are_refused() -> None:
    net, x = classifier(), pictures()
    with pytest.raises(UnknownNameError, match=r"unknown layer '0\.66'.*Did you mean.*'0\.6'"):
        capture(net, x, ["0.66"])
    with pytest.raises(KeyError):
        capture(net, x, [""])
    with pytest.raises(LayerError, match=r"'1\.2' \(BatchNorm1d\) has no map: .*\(B, 6\)"):
        capture(net, x, ["1.2"])
    with pytest.raises(ExplainError, match="at least one layer"):
        capture(net, x, [])
    spare = SharedRelu().double()
    spare.unused = nn.Conv2d(3, 3, 1)
    with pytest.raises(LayerError, match="'unused' is part of the model but is not called"):
        capture(spare, x, ["first", "unused"])


def test_a_layer_the_logits_do_not_depend_on_is_refused() -> None:
    class Detaches(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach()

    for frozen in (False, True):
        net = classifier()
        net[0].append(Detaches()).requires_grad_(not frozen)
        with pytest.raises(LayerError, match=r"no gradient reaches layer '0\.6'"):
            capture(net, pictures(), ["0.6"]).gradients["0.6"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 8, 8, dtype=torch.float64), r"float \(B, 3, H, W\)"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.float64), "batch"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "uint8"),
        ([[1.0]], "got list"),
        (torch.zeros(1, 3, 8, 8), "torch.float64"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.float64, device="meta"), "x is on meta but the model is on cpu"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, message: str) -> None:
    with pytest.raises(ExplainError, match=message):
        capture(classifier(), x, ["0.1"])


def test_models_that_are_no_classifiers_are_refused() -> None:
    with pytest.raises(ExplainError, match=r"\(2, classes\).*got torch.float64 of shape \(2, 6, 4, 5\)"):
        capture(classifier()[0], pictures(), ["1"])
    with torch.inference_mode():
        net = classifier()
    with pytest.raises(ExplainError, match="built inside"):
        capture(net, pictures(), ["0.1"])


def test_a_batch_of_changed_activations_has_a_limit_in_numbers_and_in_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = capture(classifier(), pictures(), ["0.1", "0.6"])  # 4 x 8 x 10 and 6 x 4 x 5 numbers per image
    module = "analysis.explain.engine.capture"
    monkeypatch.setattr(f"{module}._BATCH_NUMBERS", {"cpu": 1000})
    assert (record.batch_size("0.1"), record.batch_size("0.6")) == (3, 8)
    monkeypatch.setattr(f"{module}._MAX_BATCH", 5)
    assert (record.batch_size("0.1"), record.batch_size("0.6")) == (3, 5)
    monkeypatch.setattr(f"{module}._BATCH_NUMBERS", {"cpu": 10})
    assert record.batch_size("0.1") == 1


def test_a_capture_of_tensors_alone_has_no_network_to_run() -> None:
    record = replace(capture(classifier(), pictures(), ["0.6"]), source=None)
    for call in (
        lambda: record.resume("0.6"),
        lambda: record.forward(pictures()),
        lambda: record.recapture(pictures(), torch.arange(2)),
        lambda: record.gradients_of(record.logit_weights()),
    ):
        with pytest.raises(ExplainError, match="this capture has no network.*make the capture with trace"):
            call()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_agrees_with_the_cpu() -> None:
    x, net = pictures(), classifier()
    expected = capture(net, x, ["0.1", "0.6"])
    record = capture(net.cuda(), x.cuda(), ["0.1", "0.6"])
    for name, gradient in record.gradients.items():
        torch.testing.assert_close(gradient.cpu(), expected.gradients[name])
    with pytest.raises(ExplainError, match="x is on cpu but the model is on cuda"):
        capture(net, x, ["0.1"])
