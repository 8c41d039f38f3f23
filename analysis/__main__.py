"""`python -m analysis`: the whole job without a browser."""

from __future__ import annotations

import sys
import warnings

# timm still uses torch.jit.script, which torch says once per process it would rather it did not
warnings.filterwarnings("ignore", message=".*torch.jit.script.*")

from analysis.cli import main  # noqa: E402  the filter must stand before torch is imported

if __name__ == "__main__":
    sys.exit(main())
