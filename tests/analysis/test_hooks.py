"""The hooks against autograd on the same network written without in-place operations."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from analysis.hooks import BackwardHook, ForwardHook


def network(inplace: bool) -> nn.Sequential:
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace), nn.Conv2d(4, 5, 3), nn.ReLU(inplace)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)).double().eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 3, 9, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def truth(at: int, x: torch.Tensor, cls: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Output of module `at` and the gradient of image 0's logit, from the network cut in two."""
    net = network(inplace=False)
    output = net[: at + 1](x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(net[at + 1 :](output)[0, cls], output)
    return output.detach(), gradient


def hooks_of(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._backward_hooks) for m in model.modules())


def test_forward_hook_keeps_the_output_from_before_an_in_place_relu(x: torch.Tensor) -> None:
    net = network(inplace=True)
    with ForwardHook(net[1]) as hook:
        assert hook.stored is None
        net(x)
    assert hook.stored is not None
    torch.testing.assert_close(hook.stored, truth(1, x)[0])
    assert (hook.stored < 0).any()
    assert not hook.stored.requires_grad


def test_forward_hook_is_gone_after_the_block_and_after_an_exception(x: torch.Tensor) -> None:
    net = network(inplace=True)
    with ForwardHook(net[0]) as hook:
        net(x)
    stored = hook.stored
    net(x + 1)
    assert hook.stored is stored
    with pytest.raises(ZeroDivisionError), ForwardHook(net[0]), BackwardHook(net[1]):
        raise ZeroDivisionError
    assert hooks_of(net) == 0


def test_forward_hook_stores_a_tensor_autograd_accepts_under_inference_mode(x: torch.Tensor) -> None:
    net = network(inplace=True)
    with torch.inference_mode(), ForwardHook(net[0]) as hook:
        net(x)
    assert hook.stored is not None
    assert not hook.stored.is_inference()


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("outside", "around_forward"),
    [
        (nullcontext, nullcontext),
        (torch.no_grad, nullcontext),
        (torch.inference_mode, nullcontext),
        (nullcontext, torch.no_grad),
        (torch.no_grad, torch.no_grad),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2, 3, 4])
def test_backward_hook_is_exact(at, around_forward, outside, frozen, x: torch.Tensor) -> None:
    net = network(inplace=True).requires_grad_(not frozen)
    output, gradient = truth(at, x)
    with outside():
        mine = x.clone()
        with BackwardHook(net[at]) as backward, ForwardHook(net[at]) as forward:
            with around_forward():
                logits = net(mine)
            logits[0, 1].backward()
    torch.testing.assert_close(forward.stored, output)
    torch.testing.assert_close(backward.stored, gradient)
    assert not backward.stored.requires_grad
    assert hooks_of(net) == 0


def test_the_chapters_two_blocks_work_with_frozen_parameters(x: torch.Tensor) -> None:
    net = network(inplace=True).requires_grad_(False)
    with BackwardHook(net[3]) as hookg:
        with ForwardHook(net[3]) as hook:
            output = net.eval()(x)
        output[0, 1].backward()
    cam_map = (hookg.stored[0].mean(dim=[1, 2], keepdim=True) * hook.stored[0]).sum(0)
    act, grad = truth(3, x)
    torch.testing.assert_close(cam_map, torch.einsum("kij,k->ij", act[0], grad[0].mean((1, 2))))


@pytest.mark.parametrize("context", [torch.no_grad, torch.enable_grad])
def test_the_callers_gradient_mode_comes_back(context, x: torch.Tensor) -> None:
    net = network(inplace=True)
    with context():
        before = torch.is_grad_enabled()
        with BackwardHook(net[1]):
            net(x)
            assert torch.is_grad_enabled()
        assert torch.is_grad_enabled() == before
        with pytest.raises(RuntimeError), BackwardHook(net[1]):
            net(x[:, :1])
        assert torch.is_grad_enabled() == before
    with torch.inference_mode():
        with BackwardHook(net[1]):
            assert not torch.is_inference_mode_enabled()
        assert torch.is_inference_mode_enabled()


def test_parameters_get_the_gradients_they_would_get_without_hooks(x: torch.Tensor) -> None:
    plain, hooked = network(inplace=True), network(inplace=True)
    plain(x)[0, 1].backward()
    with BackwardHook(hooked[1]), ForwardHook(hooked[1]):
        hooked(x)[0, 1].backward()
    for mine, theirs in zip(hooked.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_a_module_that_returns_its_input_leaves_the_input_alone(context, x: torch.Tensor) -> None:
    net = nn.Sequential(nn.Identity(), network(inplace=True)).requires_grad_(False)
    with context():
        mine = x.clone()
        with BackwardHook(net[0]) as hook:
            net(mine)[0, 1].backward()
    expected = x.clone().requires_grad_()
    network(inplace=False)(expected)[0, 1].backward()
    torch.testing.assert_close(hook.stored, expected.grad)
    assert not mine.requires_grad


def test_several_backward_passes_store_the_latest(x: torch.Tensor) -> None:
    net = network(inplace=True)
    with BackwardHook(net[2]) as hook:
        output = net(x)
        for cls in (0, 2):
            output[0, cls].backward(retain_graph=True)
            torch.testing.assert_close(hook.stored, truth(2, x, cls)[1])


class Twice(nn.Module):
    """One ReLU called twice, as in torchvision's BasicBlock."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.relu = nn.Linear(3, 4), nn.Linear(4, 2), nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.second(self.relu(self.first(x))) + 5).square()


def test_a_module_called_twice_stores_output_and_gradient_of_its_last_call() -> None:
    torch.manual_seed(0)
    net, x = Twice(), torch.randn(1, 3)
    with BackwardHook(net.relu) as backward, ForwardHook(net.relu) as forward:
        net(x)[0, 1].backward()
    assert forward.stored.shape == (1, 2)
    torch.testing.assert_close(backward.stored, torch.tensor([[0.0, 2 * forward.stored[0, 1]]]))


def test_a_second_forward_pass_forgets_the_gradient_of_the_first(x: torch.Tensor) -> None:
    net = network(inplace=True)
    with BackwardHook(net[2]) as hook:
        first = net(x)
        first[0, 1].backward(retain_graph=True)
        assert hook.stored is not None
        net(x)
        assert hook.stored is None
        first[0, 1].backward()
    assert hook.stored is None


def test_inference_mode_inside_the_block_is_refused(x: torch.Tensor) -> None:
    net = network(inplace=True)
    with BackwardHook(net[0]), torch.inference_mode(), pytest.raises(RuntimeError, match="no_grad"):
        net(x)
    assert hooks_of(net) == 0


def test_outputs_without_a_gradient_are_refused() -> None:
    lstm = nn.LSTM(2, 2)
    with ForwardHook(lstm), pytest.raises(TypeError, match="LSTM outputs a tuple"):
        lstm(torch.zeros(1, 1, 2))
    with (
        BackwardHook(flat := nn.Flatten()),
        pytest.raises(TypeError, match="Flatten outputs torch.int64, which has no gradient"),
    ):
        flat(torch.zeros(1, 1, 2, dtype=torch.int64))
