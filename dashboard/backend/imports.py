"""The first import of the packages that explain pictures and words."""

from __future__ import annotations


def import_engine() -> None:
    """Import the engine's packages whole, which loads torch; every thread that uses them does this first.

    A thread that imports one module of a package holds that module and waits for the package. Another thread that
    is importing the package holds the package and waits for the module, so Python ends one of the two imports with
    an error. A thread that asks for the whole package first holds nothing that another one could wait for.
    """
    import analysis.explain
    import analysis.words  # noqa: F401
