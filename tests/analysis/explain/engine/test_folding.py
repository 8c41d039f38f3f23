"""BatchNorm folded into the convolution before it is the same function; what is not such a pair is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from analysis.explain.engine.anatomy import record
from analysis.explain.engine.folding import batch_norm, fold_batch_norms
from analysis.explain.engine.model_copy import private_copy
from tests.analysis.explain.networks import classifier, pictures


def folded(net: nn.Module, x: Tensor) -> tuple[nn.Module, frozenset[str]]:
    twin = private_copy(net)
    return twin, fold_batch_norms(twin, record(twin, x))


def shifted(norm: nn.Module) -> nn.Module:
    """With statistics that matter."""
    norm.running_mean.uniform_(-0.5, 0.5)
    norm.running_var.uniform_(0.2, 2)
    return norm


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("affine", [False, True])
def test_a_pair_is_one_convolution(biased: bool, affine: bool) -> None:
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(4, 6, 3, groups=2, bias=biased), shifted(nn.BatchNorm2d(6, eps=1e-2, affine=affine))
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    net, x = nn.Sequential(conv, norm).double().eval(), torch.randn(2, 4, 7, 5, dtype=torch.float64)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    twin, names = folded(net, x)
    assert names == {"0"}
    assert isinstance(twin[1], nn.Identity)
    torch.testing.assert_close(twin(x), net(x))
    torch.testing.assert_close(dict(net.state_dict()), before, rtol=0, atol=0)
    assert not twin[0].weight.requires_grad


def test_scale_and_shift_are_the_batchnorms() -> None:
    norm = shifted(nn.BatchNorm1d(5)).eval()
    nn.init.normal_(norm.weight)
    x = torch.randn(3, 5)
    scale, shift = batch_norm(norm)
    assert scale.dtype == torch.float64
    torch.testing.assert_close((x.double() * scale + shift).float(), norm(x).detach())


def test_a_whole_network_stays_the_same_function() -> None:
    net, x = classifier(), pictures()
    twin, names = folded(net, x)
    assert names == {"0.0", "0.4"}
    torch.testing.assert_close(twin(x), net(x))


def conv() -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(3, 3, 3, padding=1)


def called_twice() -> nn.Module:
    shared = conv()
    return nn.Sequential(shared, shifted(nn.BatchNorm2d(3)), shared)


def norm_called_twice() -> nn.Module:
    shared = shifted(nn.BatchNorm2d(3))
    return nn.Sequential(conv(), shared, nn.ReLU(), shared)


def hooked() -> nn.Module:
    net = nn.Sequential(conv(), shifted(nn.BatchNorm2d(3)))
    net[0].register_forward_hook(lambda module, inputs, output: output + 1)
    return net


class ChangedBetween(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(), shifted(nn.BatchNorm2d(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x).relu_())  # the same tensor object


class OtherNorm(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1


NOT_PAIRS: dict[str, Callable[[], nn.Module]] = {
    "convolution called twice": called_twice,
    "BatchNorm called twice": norm_called_twice,
    "hooked": hooked,
    "changed in place between": ChangedBetween,
    "something between": lambda: nn.Sequential(conv(), nn.ReLU(), shifted(nn.BatchNorm2d(3))),
    "statistics of the batch": lambda: nn.Sequential(conv(), nn.BatchNorm2d(3, track_running_stats=False)),
    "a kind of BatchNorm": lambda: nn.Sequential(conv(), shifted(OtherNorm(3))),
    "parametrised": lambda: nn.Sequential(parametrizations.weight_norm(conv()), shifted(nn.BatchNorm2d(3))),
    "transposed": lambda: nn.Sequential(nn.ConvTranspose2d(3, 3, 3), shifted(nn.BatchNorm2d(3))),
    "BatchNorm first": lambda: nn.Sequential(shifted(nn.BatchNorm2d(3)), conv()),
}


@pytest.mark.parametrize("kind", NOT_PAIRS)
def test_what_is_no_pair_is_left_alone(kind: str) -> None:
    net, x = NOT_PAIRS[kind]().eval(), torch.randn(2, 3, 6, 6)
    twin, names = folded(net, x)
    assert names == frozenset()
    torch.testing.assert_close(twin(x), net(x), rtol=0, atol=0)


def test_timms_batchnorm_keeps_its_activation() -> None:
    layers = pytest.importorskip("timm.layers")
    torch.manual_seed(0)
    norm = shifted(layers.BatchNormAct2d(3, act_layer=nn.SiLU))
    net, x = nn.Sequential(conv(), norm).double().eval(), pictures()
    twin, names = folded(net, x)
    assert names == {"0"}
    assert not any(isinstance(module, nn.BatchNorm2d) for module in twin.modules())
    torch.testing.assert_close(twin(x), net(x))
