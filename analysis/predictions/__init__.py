"""A run's predictions for the pages: a page of a list, counts, neighbours, one row."""

from analysis.predictions.browse import SORTS, Browse, excerpt
from analysis.predictions.results import Results, results_of
from analysis.predictions.table import Histogram, Place, Predictions, open_predictions

__all__ = [
    "SORTS",
    "Browse",
    "Histogram",
    "Place",
    "Predictions",
    "Results",
    "excerpt",
    "open_predictions",
    "results_of",
]
