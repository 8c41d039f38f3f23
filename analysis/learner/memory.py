"""Reuse of freed memory while a network trains on the CPU."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_ONE_GIB = 1 << 30


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next allocation; return whether it does.

    By default glibc returns large blocks to the system, which has to fill them with zeros again at each training
    step. Measured for EfficientNet-Lite0, 32 images of 224 pixels: 1.1 s for each step instead of 1.9 s. The
    setting lasts until the process ends. On other systems this function does nothing.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False  # another C library
    return bool(mallopt(_M_MMAP_THRESHOLD, _ONE_GIB) and mallopt(_M_TRIM_THRESHOLD, _ONE_GIB))
