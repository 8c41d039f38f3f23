"""The version of the demo follows the drawing code and the parameters, and nothing else."""

from __future__ import annotations

import ast
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.data.demo import version as module
from analysis.data.demo.plan import DEFAULT
from analysis.data.demo.version import DRAWING_MODULES, version

HERE = Path(module.__file__).parent
PACKAGE = "analysis.data.demo."


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the folder of the drawing code."""
    return shutil.copytree(HERE, tmp_path / "demo", ignore=shutil.ignore_patterns("__pycache__"))


def test_a_file_that_draws_nothing_does_not_change_the_version(code: Path) -> None:
    before = version(DEFAULT, code)
    assert before == version(DEFAULT)
    (code / "new.py").write_text("print()")
    for name in ("__init__", "dataset", "version", "workers"):
        (code / f"{name}.py").write_text("# other text")
    assert version(DEFAULT, code) == before


@pytest.mark.parametrize("name", DRAWING_MODULES)
def test_every_drawing_module_changes_the_version(name: str, code: Path) -> None:
    before = version(DEFAULT, code)
    with (code / f"{name}.py").open("a") as file:
        file.write("# more")
    assert version(DEFAULT, code) != before


def test_every_parameter_changes_the_version() -> None:
    others = [replace(DEFAULT, **{name: value + 1}) for name, value in vars(DEFAULT).items()]
    assert len({version(parameters) for parameters in (DEFAULT, *others)}) == len(others) + 1


def test_the_drawing_modules_are_those_that_the_files_are_written_with() -> None:
    """What writes the files, and everything in this folder that it imports, however far."""

    def imported(name: str) -> set[str]:
        nodes = ast.walk(ast.parse((HERE / f"{name}.py").read_text()))
        modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        return {module.removeprefix(PACKAGE) for module in modules if module.startswith(PACKAGE)}

    needed, todo = set(), ["files", "truth"]
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            todo += imported(name)
    assert needed == set(DRAWING_MODULES)
