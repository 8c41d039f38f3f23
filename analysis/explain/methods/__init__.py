"""The registry of methods. To add one, put a file with a `Method` here and list the file's name."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from analysis.explain.errors import ExplainError, UnknownNameError, closest
from analysis.explain.methods.base import Method

# In the order in which they are shown; related methods share a file.
FILES = (
    "cam",
    "gradcam",
    "gradcampp",
    "smoothgradcampp",
    "xgradcam",
    "hirescam",
    "layercam",
    "eigencam",
    "kpcacam",
    "finercam",
    "shapleycam",
    "probecam",
    "fullgrad",
    "ablationcam",
    "scorecam",
)

METHODS: dict[str, Method] = {
    method.name: method
    for file in FILES
    for method in vars(import_module(f"{__name__}.{file}")).values()
    if isinstance(method, Method)
}

__all__ = ["FILES", "METHODS", "Method", "methods_named"]


def methods_named(methods: Sequence[str]) -> list[Method]:
    """Return the methods with these names, each once.

    Raises UnknownNameError for a name that is not in `METHODS`, ExplainError where none is given.
    """
    names = [methods] if isinstance(methods, str) else list(dict.fromkeys(methods))
    if not names:
        raise ExplainError(f"name at least one method; the methods are {', '.join(METHODS)}")
    for name in names:
        if name not in METHODS:
            raise UnknownNameError(
                f"unknown method {name!r}.{closest(str(name), METHODS)} The methods are {', '.join(METHODS)}."
            )
    return [METHODS[name] for name in names]
