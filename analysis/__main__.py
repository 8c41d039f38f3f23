"""`python -m analysis`: the whole job without a browser."""

from __future__ import annotations

import os
import sys
import warnings

# OpenMP's waiting threads spin by default. Beside another busy process (a dashboard, say) that made
# training on 2 cores 20 times slower; without spinning it is no slower alone. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# timm uses torch.jit.script, which announces its retirement once in every process.
warnings.filterwarnings("ignore", message=".*torch.jit.script.*")

from analysis.commands.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
