"""Background threads that end with the process.

Python stops a daemon thread wherever it is when the process ends. In the middle of torch's C++ code that aborts
the whole process ("terminate called without an active exception"). So a thread that runs torch is no daemon:
Python waits for it, and its work calls `leave_at_exit` between two steps, and Python waits for one step at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


def start_thread(work: Callable[[], object], name: str, daemon: bool = False) -> None:
    """Run `work` in a new thread.

    Parameters
    ----------
    work : unless the thread is a daemon, it must call `leave_at_exit` between its steps
    name : of the thread
    daemon : whether Python may stop the thread at any moment when the process ends; never for code that uses torch
    """

    def run() -> None:
        try:
            work()
        except Exception:
            # A process that ends refuses some things, such as importing a thread pool: of no interest any more.
            if not _process_ends():
                raise

    threading.Thread(target=run, name=name, daemon=daemon).start()


def leave_at_exit() -> None:
    """Raise SystemExit, which ends this thread without a message, if the process is about to end."""
    if _process_ends():
        raise SystemExit


def _process_ends() -> bool:
    return not threading.main_thread().is_alive()  # Python marks it as ended, and then waits for the others
