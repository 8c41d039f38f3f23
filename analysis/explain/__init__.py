"""Explain a classifier: maps of what its scores depend on, for a model, images, layers and methods."""

from analysis.explain.engine.feature_map import LayerInfo
from analysis.explain.engine.layers import explainable_layers, stage_layers
from analysis.explain.engine.tokens import TokenGrid, channels_last
from analysis.explain.errors import ExplainError, HeadError, InnerLayerError, LayerError, UnknownNameError
from analysis.explain.maps import Explanation
from analysis.explain.methods import METHODS
from analysis.explain.precision import PrecisionChoice, measure_precision
from analysis.explain.trace import Trace, explain, trace

__all__ = [
    "METHODS",
    "ExplainError",
    "Explanation",
    "HeadError",
    "InnerLayerError",
    "LayerError",
    "LayerInfo",
    "PrecisionChoice",
    "TokenGrid",
    "Trace",
    "UnknownNameError",
    "channels_last",
    "explain",
    "explainable_layers",
    "measure_precision",
    "stage_layers",
    "trace",
]
