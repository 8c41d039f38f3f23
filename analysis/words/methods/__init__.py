"""The registry of methods of words: a new one is a file here, and the file's name in this list."""

from __future__ import annotations

from importlib import import_module

from analysis.words.methods.base import Method

# In the order in which they are shown. Where none is asked for, the first one that the network allows is used.
FILES = (
    "cam",
    "gradcam",
    "gradient",
)

METHODS: dict[str, Method] = {
    method.name: method
    for file in FILES
    for method in vars(import_module(f"{__name__}.{file}")).values()
    if isinstance(method, Method)
}

__all__ = ["FILES", "METHODS", "Method"]
