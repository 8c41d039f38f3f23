"""Why `eval` and `no_grad`: what training mode does to a prediction and to the network, and what a graph costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from analysis.chapter.execution import Execution, attempt, source_of
from analysis.chapter.subject import Subject

REPEATS = 50
BATCH_MATES = 3
"""How many other pictures are in each batch: training mode normalises by the batch, and fastai's heads refuse one
of a single picture."""


@dataclass(frozen=True)
class BatchNormChange:
    """What the passes in training mode changed in one BatchNorm layer.

    Attributes
    ----------
    layer : the layer's name.
    batches : by how many its count of batches went up.
    mean_change, variance_change : the largest change of its running mean and its running variance.
    """

    layer: str
    batches: int
    mean_change: float
    variance_change: float


@dataclass(frozen=True)
class ModeComparison:
    """Repeated predictions of one picture in both modes.

    Attributes
    ----------
    source : source code of the function that predicted.
    error_alone : the error of training mode for a batch of this picture only; None where there was none.
    evaluation, training : (REPEATS, K) float32, probabilities; in training mode other pictures are in the batch.
    batch_norms : the BatchNorm layers of the copy that ran in training mode.
    unchanged : how many BatchNorm layers evaluation mode left exactly as they were.
    afterwards : (K,) float32, the prediction of the copy that ran in training mode, back in evaluation mode.
    """

    source: str
    error_alone: str | None
    evaluation: np.ndarray
    training: np.ndarray
    batch_norms: tuple[BatchNormChange, ...]
    unchanged: int
    afterwards: np.ndarray


def predict_repeatedly(model: nn.Module, x: Tensor, others: Tensor, repeats: int) -> Tensor:
    """Predict one picture several times, each time in a batch with others chosen at random."""
    probabilities = []
    for _ in range(repeats):
        batch_mates = others[torch.randperm(len(others))[:BATCH_MATES]]
        with torch.no_grad():
            logits = model(torch.cat([x, batch_mates]))
        probabilities.append(logits[0].softmax(dim=0))
    return torch.stack(probabilities)


def compare_modes(subject: Subject, others: Tensor, repeats: int = REPEATS, seed: int = 0) -> ModeComparison:
    """Answer the first half of question 6.

    The caller's random state stays as it is.

    Parameters
    ----------
    others : (N, 3, H, W), pictures that share a batch with the chosen one in training mode; in evaluation mode
        that one is predicted by itself.
    """
    devices = [subject.x.device] if subject.x.is_cuda else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        eval_model, train_model = subject.copy(), subject.copy()
        before = _statistics(train_model)
        evaluation = predict_repeatedly(eval_model.eval(), subject.x, others[:0], repeats)
        train_model.train()
        alone = attempt(predict_repeatedly, train_model, subject.x, others[:0], 1)
        if len(others):
            # a new copy: the attempt may have changed BatchNorm layers before it failed
            train_model = subject.copy().train()
            training = predict_repeatedly(train_model, subject.x, others, repeats)
        else:
            training = evaluation[:0]
        after = _statistics(train_model)
        train_model.eval()
        afterwards = predict_repeatedly(train_model, subject.x, others[:0], 1)[0]
    unchanged = sum(
        torch.equal(mean, before[name][0]) and torch.equal(variance, before[name][1])
        for name, (mean, variance, _) in _statistics(eval_model).items()
    )
    changes = tuple(
        BatchNormChange(
            name,
            after[name][2] - batches,
            float((after[name][0] - mean).abs().max()),
            float((after[name][1] - variance).abs().max()),
        )
        for name, (mean, variance, batches) in before.items()
    )
    return ModeComparison(
        source_of(predict_repeatedly),
        alone.error,
        _numpy(evaluation),
        _numpy(training),
        changes,
        unchanged,
        _numpy(afterwards),
    )


@dataclass(frozen=True)
class GraphMemory:
    """What autograd stores during one forward pass.

    Attributes
    ----------
    size : bytes of all stored tensors, weights not counted.
    has_graph : whether `backward` can be called on the output.
    """

    size: int
    has_graph: bool


def graph_memory(model: nn.Module, x: Tensor, gradients: bool) -> GraphMemory:
    """Count the bytes that a forward pass stores for a backward pass."""
    weights = {value.untyped_storage().data_ptr() for value in model.state_dict().values()}
    sizes: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor), torch.set_grad_enabled(gradients):
        output = model(x)
    return GraphMemory(sum(sizes.values()), output.requires_grad)


def compare_memory(subject: Subject) -> tuple[Execution[GraphMemory], Execution[GraphMemory]]:
    """Answer the second half of question 6: the same forward pass with gradients and without."""
    model = subject.copy(gradients=True)
    source = source_of(graph_memory)
    with_gradients, without = (graph_memory(model, subject.x, gradients) for gradients in (True, False))
    return Execution(source, with_gradients), Execution(source, without)


def _statistics(model: nn.Module) -> dict[str, tuple[Tensor, Tensor, int]]:
    """Return {layer: copies of running mean and running variance, number of batches} of every BatchNorm layer."""
    statistics = {}
    for name, module in model.named_modules():
        buffers = module._buffers
        parts = (buffers.get(part) for part in ("running_mean", "running_var", "num_batches_tracked"))
        mean, variance, batches = parts
        if mean is not None and variance is not None and batches is not None:
            statistics[name] = (mean.clone(), variance.clone(), int(batches))
    return statistics


def _numpy(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy()
