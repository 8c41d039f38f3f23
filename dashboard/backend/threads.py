"""Background threads that end with the process.

Python stops a daemon thread wherever it is when the process ends. In the middle of torch's C++ code that aborts
the whole process ("terminate called without an active exception"). So these threads are not daemons: Python waits
for them, and their work calls `leave_at_exit` between two steps, so that it waits for one step at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


def start_thread(work: Callable[[], object], name: str) -> None:
    """Run `work` in a thread of its own; it must call `leave_at_exit` between its steps."""

    def run() -> None:
        try:
            work()
        except Exception:
            # A process that ends refuses some things, such as importing a thread pool: of no interest any more.
            if not _process_ends():
                raise

    threading.Thread(target=run, name=name, daemon=False).start()


def leave_at_exit() -> None:
    """Raise SystemExit, which ends this thread without a message, if the process is about to end."""
    if _process_ends():
        raise SystemExit


def _process_ends() -> bool:
    return not threading.main_thread().is_alive()  # Python marks it as ended, and then waits for the others
