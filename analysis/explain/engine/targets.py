"""The explained score of an image: the logit of a class, the difference of two, or a function of the logits."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from analysis.explain.engine.inputs import as_written
from analysis.explain.errors import ExplainError

# The target of one image or text: a class, or a pair (a, b) for why a rather than b.
Target = int | tuple[int, int]
ClassIndex = int | Tensor
ClassTargets = ClassIndex | tuple[ClassIndex, ClassIndex] | None
# From logits (B, K) to one number an image, (B,), which may depend on that image's logits only.
ScoreFunction = Callable[[Tensor], Tensor]
Targets = ClassTargets | ScoreFunction


@dataclass(frozen=True)
class Score:
    """The explained number of each image of a batch.

    Attributes
    ----------
    targets : (B,) int64, the class explained for each image; None where a function is explained.
    against : (B,) int64 where a contrast is explained (logit of target minus logit of against), else None.
    function : from logits (B, K) to (B,); None where classes are explained.
    """

    targets: Tensor | None = None
    against: Tensor | None = None
    function: ScoreFunction | None = None

    def of(self, logits: Tensor) -> Tensor:
        """Return the score (B,) of each image with these logits (B, K); differentiable."""
        if self.function is not None:
            return _evaluate(self.function, logits)
        assert self.targets is not None
        chosen = logits.gather(1, self.targets[:, None])[:, 0]
        return chosen if self.against is None else chosen - logits.gather(1, self.against[:, None])[:, 0]

    def weights(self, logits: Tensor) -> Tensor:
        """Return the derivative (B, K) of each image's score in its logits (B, K).

        Raises ExplainError where a function cannot be differentiated, or mixes the images of the batch.
        """
        if self.function is not None:
            return _derivative(self.function, logits)
        assert self.targets is not None
        return score_weights(self.targets, self.against, logits)

    def of_class(self, per_class: Tensor) -> Tensor:
        """Turn one value for each class (K, ...) into the value of each image's score (B, ...).

        For a contrast this is the difference of the two classes' values. Raises ExplainError where a function is
        explained: it has no class.
        """
        if self.targets is None:
            raise ExplainError(
                "this method needs a class or a pair of classes; a function of the logits has no class weights. "
                "Use gradcam, or another method that reads gradients or changes activations"
            )
        chosen = per_class[self.targets]
        return chosen if self.against is None else chosen - per_class[self.against]

    def of_examples(self, images: Tensor, logits: Tensor) -> Score:
        """Return the score for N examples, where example n is a variant of image `images[n]` of the batch.

        A function is always called with whole batches (B, K) in which each example is at the position of its
        image, so that it may use a value for each image, for instance its true class.

        Parameters
        ----------
        images : (N,) int64.
        logits : (B, K), those of the batch itself.
        """
        if self.function is not None:
            return Score(function=partial(_scores_in_batches, self.function, images, logits))
        assert self.targets is not None
        return Score(self.targets[images], None if self.against is None else self.against[images])


def score_of(targets: Targets, logits: Tensor) -> Score:
    """Return the score that `targets` describes (as in `explain`) for a batch with these logits (B, K).

    Raises ExplainError for a class outside 0 .. K-1, a shape that is not (B,), or a function that does not give
    one number an image.
    """
    if callable(targets):
        score = Score(function=targets)
        score.of(logits)  # an error of the function is raised here, not in the middle of a method
        return score
    return Score(*resolve_targets(targets, logits))


def resolve_targets(targets: ClassTargets, logits: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the classes (B,) int64 on the logits' device, and the classes they are contrasted with, or None.

    Raises ExplainError for a class outside 0 .. K-1 or a shape that is not (B,).
    """
    if isinstance(targets, tuple):
        if len(targets) != 2:
            raise ExplainError(f"a contrast is a pair of classes (a, b), got {len(targets)}")
        return _class_indices(targets[0], logits), _class_indices(targets[1], logits)
    if targets is None:
        return logits.argmax(dim=1), None
    return _class_indices(targets, logits), None


def score_weights(targets: Tensor, against: Tensor | None, logits: Tensor) -> Tensor:
    """Return (B, K): 1 at each image's target, -1 at the class it is contrasted with."""
    weights = torch.zeros_like(logits).scatter_(1, targets[:, None], 1.0)
    if against is not None:
        weights.scatter_add_(1, against[:, None], torch.full_like(weights[:, :1], -1.0))
    return weights


def target_label(target: Target, class_names: Sequence[str]) -> str:
    """Return a target as text: "positive", or "positive rather than negative"."""
    if isinstance(target, int):
        return class_names[target]
    return f"{class_names[target[0]]} rather than {class_names[target[1]]}"


def _class_indices(target: ClassIndex, logits: Tensor) -> Tensor:
    batch, classes = logits.shape
    if isinstance(target, int) and not isinstance(target, bool):  # a check that does not wait for the device
        if not 0 <= target < classes:
            raise _out_of_range(target, classes)
        return torch.full((batch,), target, device=logits.device)
    if isinstance(target, Tensor) and target.ndim > 0:
        if target.is_floating_point() or target.shape != (batch,):
            raise ExplainError(
                f"targets must be class numbers, one an image: a LongTensor of shape ({batch},); "
                f"got {target.dtype} {tuple(target.shape)}"
            )
        indices = target.as_subclass(Tensor).detach().to(logits.device, torch.int64)
    else:
        try:
            if isinstance(target, bool):
                raise TypeError
            indices = torch.full((batch,), operator.index(target), device=logits.device)  # type: ignore[arg-type]
        except TypeError:
            raise ExplainError(
                "targets must be None (the predicted class), an int, a LongTensor (B,), a pair (a, b) for a "
                f"contrast, or a function from logits (B, K) to scores (B,); got {type(target).__name__}"
            ) from None
    outside = indices[(indices < 0) | (indices >= classes)]
    if outside.numel():
        raise _out_of_range(int(outside[0]), classes)
    return indices


def _out_of_range(target: int, classes: int) -> ExplainError:
    return ExplainError(f"class {target} is out of range: the model has classes 0 to {classes - 1}")


def _evaluate(function: ScoreFunction, logits: Tensor) -> Tensor:
    batch = tuple(logits.shape)
    try:
        with as_written():
            scores = function(logits.clone())  # the function may change its argument in place
    except (torch.OutOfMemoryError, ExplainError):
        raise
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no message"
        raise ExplainError(
            f"the function in targets failed on logits of shape {batch}: {type(error).__name__}: {reason}"
        ) from error
    if not isinstance(scores, Tensor) or scores.shape != batch[:1] or not scores.is_floating_point():
        got = f"{scores.dtype} {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
        raise ExplainError(
            f"the function in targets must turn logits {batch} into one number an image, float ({batch[0]},), for "
            f"instance `lambda logits: logits[:, 1]`; it returned {got}"
        )
    return scores


def _derivative(function: ScoreFunction, logits: Tensor) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad():
        point = logits.detach().clone().requires_grad_()
        scores = _evaluate(function, point)
        if not scores.requires_grad:
            raise ExplainError(
                "the function in targets cannot be differentiated: compute the score from the logits it is given, "
                "without argmax, .item(), .detach() or a new tensor"
            )
        (weights,) = torch.autograd.grad(scores.sum(), point, retain_graph=True, materialize_grads=True)
        # Multiply the score of image n by n + 1: its derivative must be multiplied by the same factor.
        factors = torch.arange(1, len(scores) + 1, device=logits.device, dtype=scores.dtype)
        (scaled,) = torch.autograd.grad(scores, point, factors, materialize_grads=True)
    expected = factors[:, None].to(weights.dtype) * weights
    if not torch.allclose(scaled, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()), equal_nan=True):
        raise ExplainError(
            "the function in targets mixes the images of the batch: the score of an image may depend on its own "
            "logits only (for instance, no mean over the batch)"
        )
    return weights


def _scores_in_batches(function: ScoreFunction, images: Tensor, logits: Tensor, examples: Tensor) -> Tensor:
    """Return the scores (N,) of examples (N, K).

    The function gets one batch with the first example of each image, one with the second, and so on.
    """
    batch = torch.arange(len(logits), device=logits.device)
    if torch.equal(images, batch):
        return _evaluate(function, examples)
    turns = (images[:, None] == images).tril(-1).sum(dim=1)
    batches = logits.to(examples.dtype).expand(int(turns.max()) + 1, *logits.shape)
    batches = batches.index_put((turns, images), examples)
    return torch.stack([_evaluate(function, each) for each in batches])[turns, images]
