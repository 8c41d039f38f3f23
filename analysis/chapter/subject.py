"""What an experiment works on: one picture and copies of the learner's network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn

from analysis.explain import LayerInfo, explainable_layers, stage_layers
from analysis.explain.engine.model_copy import private_copy, without_hooks


@dataclass(frozen=True)
class Subject:
    """A network and a picture to experiment on.

    Attributes
    ----------
    network : the learner's network. No experiment runs it or registers a hook on it: `copy` returns copies.
    x : (1, 3, H, W), normalised, on the network's device.
    """

    network: nn.Module
    x: Tensor

    def copy(self, gradients: bool = False) -> nn.Module:
        """Return a copy without hooks, in evaluation mode; its weights require gradients only where asked."""
        network = without_hooks(private_copy(self.network))
        for parameter in network.parameters():
            parameter.requires_grad_(gradients)
        return network

    @cached_property
    def layers(self) -> tuple[LayerInfo, ...]:
        """Every layer that has a map, in forward order."""
        return tuple(explainable_layers(self.network, self.x))

    @cached_property
    def stages(self) -> tuple[LayerInfo, ...]:
        """One layer for each output shape on the way through the network; the head reads the last one's output."""
        return tuple(stage_layers(self.network, self.x))

    @property
    def body(self) -> str:
        """The name of the module whose output the head reads: in fastai's learners the body, `model[0]`."""
        return self.layers[-1].name


def count_hooks(model: nn.Module) -> int:
    """Return how many forward and backward hooks a network and all its modules have."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def state_digest(model: nn.Module) -> str:
    """Return a sha256 of everything that a careless experiment could change in a network.

    It covers the weights and statistics, the mode of every module, which weights require gradients, whether they
    hold one, and the number of hooks.
    """
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digest.update(bytes(module.training for module in model.modules()))
    digest.update(bytes(parameter.requires_grad for parameter in model.parameters()))
    digest.update(bytes(parameter.grad is not None for parameter in model.parameters()))
    digest.update(str(count_hooks(model)).encode())
    return digest.hexdigest()
