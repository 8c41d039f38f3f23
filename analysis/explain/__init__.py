"""From (model, image, layers, methods) to maps."""

from analysis.explain.errors import ExplainError, HeadError, InnerLayerError, LayerError, UnknownNameError
from analysis.explain.layers import LayerInfo, explainable_layers, stage_layers
from analysis.explain.maps import Explanation, explain
from analysis.explain.methods import METHODS

__all__ = [
    "METHODS",
    "ExplainError",
    "Explanation",
    "HeadError",
    "InnerLayerError",
    "LayerError",
    "LayerInfo",
    "UnknownNameError",
    "explain",
    "explainable_layers",
    "stage_layers",
]
