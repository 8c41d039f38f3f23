"""Examples that a link names and that cannot be shown any more."""

from __future__ import annotations


class ImageGone(LookupError):
    """A picture that is not there any more; the message says why and what to do."""


class ReviewGone(LookupError):
    """A review that is not there any more; the message says why and what to do."""
