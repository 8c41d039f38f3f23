"""`.streamlit/config.toml`: what a started dashboard is like."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

from tests.tiny import REPOSITORY


def config_shown(*options: str) -> str:
    """What Streamlit says its settings are, in a server started in the repository."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    command = [sys.executable, "-m", "streamlit", "config", "show", *options]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


def test_the_file_watcher_is_off() -> None:
    """It watches each module's folder with all below it: a `.venv` in the project folder, too."""
    config = tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["fileWatcherType"] == "none"
    assert re.search(r'^fileWatcherType = "none"$', config_shown(), re.MULTILINE)


def test_a_contributor_turns_the_file_watcher_on_with_one_option() -> None:
    option = "--server.fileWatcherType auto"
    assert f"streamlit run streamlit_app.py {option}" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert re.search(r'^fileWatcherType = "auto"$', config_shown(*option.split()), re.MULTILINE)
