"""Two threads that import the engine at the same time both get all of it."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from dashboard.pages import PAGES, PageEntry
from tests.tiny import REPOSITORY

# The first thread begins with the package and goes on once the second one waits for it. If the second one has
# asked for a module of the package, each holds what the other one needs.
PROGRAM = """
import sys, threading, time
from importlib.machinery import PathFinder
import torch
from dashboard.backend.imports import import_engine

looks, failed = threading.Event(), []

class Pause:
    def find_spec(self, name, path=None, target=None):
        if name != "analysis.explain":
            return None
        spec = PathFinder.find_spec(name, path)
        spec.loader.create_module = wait_for_the_other
        return spec

def wait_for_the_other(spec):
    looks.set()
    while not waits_for_an_import(sys._current_frames()[threads[1].ident].f_code):
        time.sleep(0.001)

def waits_for_an_import(code):
    return "importlib" in code.co_filename and code.co_name == "acquire"

def in_the_background():
    import_engine()
    import analysis.explain

def on_a_page():
    looks.wait(60)
    import_engine()
    from analysis.explain.errors import LayerError

def run(work):
    try:
        work()
    except BaseException as error:
        failed.append(repr(error))

sys.meta_path.insert(0, Pause())
threads = [threading.Thread(target=run, args=(work,)) for work in (in_the_background, on_a_page)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(failed)
"""


def output_of(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_two_threads_get_the_whole_engine():
    assert output_of(PROGRAM) == "[]"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_that_does_not_need_the_engine_does_not_load_torch(page: PageEntry):
    imports = [
        ast.unparse(node)
        for node in ast.parse((REPOSITORY / page.file).read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    program = "\n".join([*imports, "import sys", "print('torch' in sys.modules)"])
    assert page.needs_engine or output_of(program) == "False"
