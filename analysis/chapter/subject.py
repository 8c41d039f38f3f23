"""What the questions are asked about: one picture, and a copy of the learner's network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn

from analysis.explain import LayerInfo, explainable_layers, stage_layers
from analysis.explain.copies import private_copy, without_hooks


@dataclass(frozen=True)
class Subject:
    """A network and a picture to ask about.

    Attributes
    ----------
    learned : the learner's network. Nothing here runs it or hangs a hook on it: `model` makes copies.
    x : (1, 3, H, W), normalised, on its device.
    """

    learned: nn.Module
    x: Tensor

    def model(self, gradients: bool = False) -> nn.Module:
        """A private copy in evaluation mode, without hooks; its weights take gradients where asked."""
        twin = without_hooks(private_copy(self.learned))
        for parameter in twin.parameters():
            parameter.requires_grad_(gradients)
        return twin

    @cached_property
    def layers(self) -> tuple[LayerInfo, ...]:
        """Every layer with a map, in forward order."""
        return tuple(explainable_layers(self.learned, self.x))

    @cached_property
    def stages(self) -> tuple[LayerInfo, ...]:
        """The layers a person slides through; the last one's output is what the head reads."""
        return tuple(stage_layers(self.learned, self.x))

    @property
    def body(self) -> str:
        """Name of the module whose output the head reads: in fastai's learners the body, `model[0]`."""
        return self.layers[-1].name


def count_hooks(model: nn.Module) -> int:
    """How many forward and backward hooks hang on a network and all its modules."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def state_of(model: nn.Module) -> str:
    """A sha256 over all that a careless experiment could change in a network.

    Its weights and statistics, the mode of every module, which weights take gradients, gradients left on
    them, and the hooks.
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
