"""One loop over a whole set of examples, for everything that is computed of each of them."""

from analysis.sweep.columns import array_of, column, table_of
from analysis.sweep.executor import Executor, LocalExecutor, local
from analysis.sweep.loop import sweep
from analysis.sweep.results import Results
from analysis.sweep.shards import Shards

__all__ = ["Executor", "LocalExecutor", "Results", "Shards", "array_of", "column", "local", "sweep", "table_of"]
