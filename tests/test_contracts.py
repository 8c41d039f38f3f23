"""The import contracts of `pyproject.toml`: each fails when something is put in the wrong room."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.tiny import REPOSITORY

CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
]
NO_CIRCLES = "No circles between neighbours, at any depth"
ROOMS = "Rooms of the analysis: imports point down"
PAGES = "Rooms of the dashboard: imports point down"
ENGINE = "Inside the engine, imports point down"
HIDDEN = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    "

# What is planted: the contract that has to fail, and the text that is added to each file.
PLANTED: dict[str, tuple[str, Mapping[str, str]]] = {
    "the analysis imports a page": (
        "The dashboard imports the analysis, never the other way round",
        {"analysis/data/planted.py": "import dashboard.state\n"},
    ),
    "the analysis imports streamlit": (
        "The analysis works without a browser",
        {"analysis/data/planted.py": "def late() -> None:\n    import streamlit\n"},
    ),
    "a figure imports streamlit": (
        "Figures are pure functions: no Streamlit",
        {"dashboard/figures/planted.py": "import streamlit\n"},
    ),
    "data imports learners": (ROOMS, {"analysis/data/planted.py": "import analysis.learner\n"}),
    "a room of the analysis in no layer": (ROOMS, {"analysis/planted.py": ""}),
    "a part of pages imports a page": (PAGES, {"dashboard/images/planted.py": "import dashboard.views\n"}),
    "a room of the dashboard in no layer": (PAGES, {"dashboard/planted.py": ""}),
    "a circle": (
        NO_CIRCLES,
        {
            "analysis/data/planted.py": "import analysis.data.another\n",
            "analysis/data/another.py": "import analysis.data.planted\n",
        },
    ),
    "a circle hidden by TYPE_CHECKING": (
        NO_CIRCLES,
        {
            "dashboard/words/planted.py": "import dashboard.words.another\n",
            "dashboard/words/another.py": f"{HIDDEN}import dashboard.words.planted\n",
        },
    ),
    "the engine imports runs": (
        "The engine knows no run, learner or page: it could be a library of its own",
        {"analysis/explain/engine/planted.py": "import analysis.runs\n"},
    ),
    "the inner engine imports the studies": (
        ENGINE,
        {"analysis/explain/engine/planted.py": "import analysis.explain.studies\n"},
    ),
    "a part of the engine in no layer": (ENGINE, {"analysis/explain/planted.py": ""}),
    "spans import the network": (
        "Inside the words, imports point down",
        {"analysis/words/spans.py": "\nimport analysis.words.network\n"},
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the contracts and of all that they are about."""
    shutil.copy2(REPOSITORY / "pyproject.toml", tmp_path)
    for package in ("analysis", "dashboard"):
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def lint(folder: Path) -> tuple[int, dict[str, str]]:
    """Return lint-imports' exit status and {contract: KEPT or BROKEN}."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True
    )
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)$", done.stdout, re.MULTILINE))
    assert set(verdicts) == set(CONTRACTS), done.stdout + done.stderr
    return done.returncode, verdicts


def test_every_contract_has_something_planted_against_it() -> None:
    assert {contract for contract, _ in PLANTED.values()} == set(CONTRACTS)


def test_the_tree_keeps_every_contract(copy: Path) -> None:
    status, verdicts = lint(copy)
    assert status == 0
    assert set(verdicts.values()) == {"KEPT"}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_breaks_its_contract(copy: Path, name: str) -> None:
    contract, texts = PLANTED[name]
    for path, text in texts.items():
        with (copy / path).open("a", encoding="utf-8") as file:
            file.write(text)
    status, verdicts = lint(copy)
    assert status != 0
    assert verdicts[contract] == "BROKEN"
