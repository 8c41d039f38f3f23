"""Small networks with known answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def classifier(inplace: bool = True, dtype: torch.dtype = torch.float64, classes: int = 3) -> nn.Sequential:
    """Body and head as fastai's linear head makes them, with BatchNorm statistics far from 0 and 1."""
    torch.manual_seed(7)
    body = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace),
    )
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(6),
        nn.Dropout(0.5),
        nn.Linear(6, classes, bias=False),
    )
    net = nn.Sequential(body, head)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.2, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return net.to(dtype).eval()


def pictures(count: int = 2, height: int = 8, width: int = 10, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, 3, height, width, dtype=dtype, generator=torch.Generator().manual_seed(11))


def split(net: nn.Sequential, at: int) -> tuple[nn.Sequential, nn.Sequential]:
    """The classifier up to and including module 0.at, and the rest, for answers that need no hook."""
    return net[0][: at + 1], nn.Sequential(net[0][at + 1 :], net[1])


class Scaled(nn.Module):
    """Logits scaled by attributes of several kinds, none of them a parameter or buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.net = classifier()
        self.factor, self.tensor = 1.5, torch.tensor(2.0, dtype=torch.float64)
        self.settings, self.steps = {"scale": [1.0, 2.0]}, [3.0]

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) * self.factor * self.tensor * self.settings["scale"][1] * self.steps[0]


class SideBranch(nn.Module):
    """A second branch whose output is detached before the logits read it."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.side = (classifier()[0] for _ in range(2))
        self.fc = nn.Linear(6, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc((self.main(x) + self.side(x).detach()).mean((2, 3)))


class CaptumNet(nn.Module):
    """The network captum computes Grad-CAM of by hand: conv of ones, ReLU, one row of +1 and -1 a class."""

    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(1, 2, 3), nn.ReLU(inplace)
        self.fc, self.relu2 = nn.Linear(8, 4), nn.ReLU(inplace)
        with torch.no_grad():
            self.conv1.weight.fill_(1)
            self.conv1.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc.weight.copy_(torch.tensor([1.0] * 5 + [-1.0] * 3).expand(4, 8))
            self.fc.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu2(self.fc(self.relu1(self.conv1(x)).flatten(1)))


def hooks_of(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules())


class GradientModes(nn.Identity):
    """Record at each pass whether gradients are enabled; its copies append to the same list."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled: list[bool] = SharedList()

    def forward(self, x: Tensor) -> Tensor:
        self.enabled.append(torch.is_grad_enabled())
        return x


class SharedList(list):
    """A list that `copy.deepcopy` does not copy."""

    def __deepcopy__(self, memo: dict) -> SharedList:
        return self
