"""The registry of methods: a new one is a file here and a name in this list."""

from __future__ import annotations

from analysis.explain.methods.base import Method
from analysis.explain.methods.cam import BOOK_CAM, CAM
from analysis.explain.methods.gradcam import GRADCAM

METHODS: dict[str, Method] = {method.name: method for method in (CAM, BOOK_CAM, GRADCAM)}

__all__ = ["METHODS", "Method"]
