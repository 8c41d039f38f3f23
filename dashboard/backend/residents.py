"""The learners in memory, of every kind: which ones stay, and who may use one now.

Locks, and the order to take them in
------------------------------------
1. A learner's lock, through `Residents.held` or `Residents.result`: for everything that runs its network.
2. A value that is being made in a `MadeOnce`.

A thread that holds a learner may ask any store for a value. The other way round is forbidden: the `make` of a
`MadeOnce` must not ask for a learner's lock, unless that value is only ever made by threads that hold the learner
already (`result` sees to that). Loading a learner is such a `make`, and takes no lock. A thread holds one learner
at a time; asking for a second one raises an error, because two threads could then wait for each other for ever.
"""

from __future__ import annotations

import gc
import os
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import streamlit as st

from analysis.home import home
from analysis.runs import WEIGHTS, Run
from dashboard.backend.made_once import MadeOnce
from dashboard.backend.threads import start_thread

if TYPE_CHECKING:
    from analysis.explain.probe import Probe

# Read when torch is loaded: OpenMP's waiting threads would spin and slow down whatever runs beside the model.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# timm uses torch.jit.script, which announces its retirement once in every process.
warnings.filterwarnings("ignore", message=".*torch.jit.script.*")

L = TypeVar("L")
T = TypeVar("T")

_ABSENT = object()
_held = threading.local()  # `learner`: the digest and the learner that this thread holds, of whichever kind


def digest(run: Run) -> str:
    """Return what tells a run from all others, and from itself before it was fitted again."""
    return f"{run.path}:{run.manifest.files[WEIGHTS]}"


@dataclass(frozen=True)
class Resident(Generic[L]):
    """A learner in memory, with the linear probes that belong to it."""

    loaded: L
    probes: dict[str, Probe]


def load_resident(run: Run) -> Resident[Any]:
    """Load the learner of a run, whatever its kind, and its probes; raises RunError."""
    from analysis.learner.loaded import load_any
    from analysis.learner.probes.files import probes_of

    return Resident(load_any(run), probes_of(run))


class Residents:
    """The learners used last, each loaded once for all readers. Safe from any thread.

    Parameters
    ----------
    load : brings a run's learner into memory
    limit : how many learners of each kind are kept; one that had to go still works for those who have it
    """

    def __init__(self, load: Callable[[Run], Any] = load_resident, limit: int = 2) -> None:
        self._load = load
        self._of_kind: defaultdict[str, MadeOnce] = defaultdict(lambda: MadeOnce(limit))
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._warmed: set[str] = set()
        self._bookkeeping = threading.Lock()

    def get(self, run: Run) -> Any:
        """Return the run's learner, loaded at the first call; whoever runs its network has to hold it."""
        name, mine = digest(run), _held_here()
        if mine is not None and mine[0] == name:
            return mine[1]  # also when it had to go meanwhile

        def load() -> Any:
            learner = self._load(run)
            # Streamlit collects garbage after every script run. Walking the modules that came with torch and
            # fastai costs 200 ms each time, and none of them will ever be garbage, so they are frozen. A fastai
            # Learner that had to go is a reference cycle: it is frozen as well and has to be collected first.
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            return learner

        with self._bookkeeping:
            learners = self._of_kind[run.manifest.kind]
        return learners.get_or_make(name, load)

    @contextmanager
    def held(self, run: Run) -> Iterator[Any]:
        """Give the run's learner to this thread alone; a thread that holds it already may hold it again.

        Raises
        ------
        RuntimeError
            When this thread holds another learner.
        """
        name, mine = digest(run), _held_here()
        if mine is not None:
            if mine[0] != name:
                raise RuntimeError(f"let go of the learner {mine[0]} before asking for {name}")
            yield mine[1]
            return
        with self._bookkeeping:
            lock = self._locks[name]  # of the run, not of the learner in memory: it outlasts that one
        with lock:
            learner = self.get(run)
            _held.learner = (name, learner)
            try:
                yield learner
            finally:
                _held.learner = None

    def result(self, store: MadeOnce, run: Run, key: object, compute: Callable[[Any], T]) -> T:
        """Return what `store` keeps for this run and key, computed first by a thread that holds the learner."""
        key = (digest(run), key)
        kept = store.get(key, _ABSENT)
        if kept is not _ABSENT:
            return kept
        with self.held(run) as learner:
            return store.get_or_make(key, lambda: compute(learner))

    def warm(self, run: Run, work: Callable[[], object]) -> None:
        """Do some work on a run's learner once, in the background; it calls `leave_at_exit` between its steps."""
        with self._bookkeeping:
            if digest(run) in self._warmed:
                return
            self._warmed.add(digest(run))
        start_thread(work, "warm-learner")


def _held_here() -> tuple[str, Any] | None:
    return getattr(_held, "learner", None)


@st.cache_resource(show_spinner=False)
def _residents_for(home_folder: str) -> Residents:
    return Residents()


def residents() -> Residents:
    """Return the process's learners (one store for each `CAMLENS_HOME`: tests do not share them)."""
    return _residents_for(str(home()))
