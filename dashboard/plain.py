"""Text of other people inside Markdown."""

from __future__ import annotations

_SIGNS = frozenset(r"\`*_{}[]()<>#+-.!|~$:")


def plain(text: str) -> str:
    """Return a text with every sign of Markdown, HTML and LaTeX escaped, so that it is shown as it is."""
    return "".join(f"\\{character}" if character in _SIGNS else character for character in " ".join(text.split()))
