"""Ablation of Grad-CAM: each step switched off or changed, alone and together with others.

It shows which changes raise an error, which silently give another map, and which do no harm.
"""

from analysis.explain.studies.ablation.effects import Effect, effects
from analysis.explain.studies.ablation.runner import BATCH_MATES, AblationRunner, overwritten_layer
from analysis.explain.studies.ablation.steps import CHANGES, STANDARD, Change, Choices, change_pairs, combine

__all__ = [
    "BATCH_MATES",
    "CHANGES",
    "STANDARD",
    "AblationRunner",
    "Change",
    "Choices",
    "Effect",
    "change_pairs",
    "combine",
    "effects",
    "overwritten_layer",
]
