"""From texts to a signed number for every token: which method at which layer, and running it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from analysis.explain.engine.targets import ClassTargets
from analysis.explain.errors import ExplainError, UnknownNameError, closest
from analysis.learner.words.batches import padded
from analysis.words.methods import METHODS, Method
from analysis.words.network import Reading, TextLearner, check_layers, head_weights, layer_names, read


def choose(model: nn.Module, method: str | None = None, layer: str | None = None) -> tuple[Method, str]:
    """Return a method and a layer, the best ones where None was given.

    The best method is the first one of the registry that the network allows: its exact CAM where it has one,
    else Grad-CAM. The layer is the last one, or the embedding for a method that explains that. Raises
    UnknownNameError for a method or layer that does not exist, ExplainError for a method that needs class
    weights at a layer that has none.
    """
    weights = head_weights(model)
    chosen = (
        next(known for known in METHODS.values() if weights or not known.needs_class_weights)
        if method is None
        else known_method(method)
    )
    names = layer_names(model)
    layer = layer or (names[0] if chosen.at_embedding else names[-1])
    check_layers(model, [layer])
    if chosen.needs_class_weights and layer not in weights:
        others = " or ".join(known.name for known in METHODS.values() if not known.needs_class_weights)
        if weights:
            raise ExplainError(
                f"no exact {chosen.title} at {layer!r}: the network has class weights only for "
                f"{', '.join(map(repr, weights))}, which feeds its average. Use {others}."
            )
        raise ExplainError(
            f"no exact {chosen.title}: after its last layer this network does more than average and weigh. Use "
            f"{others}, or a run of the architecture wordcnn."
        )
    return chosen, layer


def known_method(name: str) -> Method:
    """Return the method of a name; raises UnknownNameError with the names that there are."""
    if name not in METHODS:
        raise UnknownNameError(f"unknown method {name!r}; there are {', '.join(METHODS)}.{closest(name, METHODS)}")
    return METHODS[name]


def token_values(
    learner: TextLearner, sequences: Sequence[np.ndarray], targets: ClassTargets, method: Method, layer: str
) -> tuple[Reading, list[np.ndarray]]:
    """Return the reading of texts and what each of their tokens gives to the score.

    Parameters
    ----------
    sequences : one text's token ids (L,) each; at least one text
    targets : see `network.read`
    method, layer : what `choose` allows

    Returns
    -------
    The reading of all texts as one batch, and for each text (L,) float64, without its padding.
    """
    reading = read(learner.model, padded(sequences, learner.device), targets, [layer], method.needs_gradient)
    values = method.values(reading, layer).double().cpu().numpy()
    return reading, [row[: len(ids)] for row, ids in zip(values, sequences, strict=True)]
