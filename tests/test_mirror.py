"""Every source file has its test at the mirrored path, or a reason in `mirror.toml` why it needs none."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.tiny import REPOSITORY

ROOMS = ("analysis", "dashboard")


def sources(root: Path) -> list[str]:
    """Return the paths of all source files of both packages, relative to `root`."""
    return sorted(path.relative_to(root).as_posix() for room in ROOMS for path in (root / room).rglob("*.py"))


def mirrored(source: str) -> str:
    """Return where the test of a source file lies; that of an `__init__.py` with code is a `test_registry.py`."""
    path = Path(source)
    name = "registry" if path.name == "__init__.py" else path.stem
    return (Path("tests") / path.parent / f"test_{name}.py").as_posix()


def is_exempt(root: Path, source: str) -> bool:
    """Tell whether a file is an `__init__.py` that holds no more than a docstring, imports and `__all__`."""
    if Path(source).name != "__init__.py":
        return False
    return all(
        isinstance(part, ast.Expr | ast.Import | ast.ImportFrom)
        or (isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "__all__")
        for part in ast.parse((root / source).read_text(encoding="utf-8")).body
    )


def faults(root: Path, reasons: Mapping[str, str]) -> list[str]:
    """Return what is missing and what is too much, a line each; `reasons` is {source file: reason}."""
    there = sources(root)
    without = [path for path in there if not (root / mirrored(path)).is_file() and not is_exempt(root, path)]
    lines = [f"{path}: write {mirrored(path)}" for path in without if path not in reasons]
    for path, reason in reasons.items():
        if path not in there:
            lines.append(f"{path}: there is no such file; take it off mirror.toml")
        elif path not in without:
            lines.append(f"{path}: it needs no reason; take it off mirror.toml")
        elif not reason.strip():
            lines.append(f"{path}: mirror.toml gives no reason")
    return lines


def test_every_source_file_has_its_test_or_a_reason() -> None:
    reasons = tomllib.loads((REPOSITORY / "tests" / "mirror.toml").read_text(encoding="utf-8"))
    found = faults(REPOSITORY, reasons)
    assert not found, f"{len(found)} files:\n" + "\n".join(found)


def test_what_is_missing_and_what_is_too_much_is_named(tmp_path: Path) -> None:
    files = {
        "analysis/__init__.py": "",
        "analysis/a/__init__.py": '"""A package."""\nfrom analysis.a import b\n__all__ = ["b"]\n',
        "analysis/a/b.py": "B = 1\n",
        "analysis/a/c.py": "C = 1\n",
        "analysis/a/d.py": "D = 1\n",
        "analysis/e/__init__.py": "NAMES = {}\n",
        "dashboard/f.py": "F = 1\n",
        "tests/analysis/a/test_b.py": "",
        "tests/analysis/test_c.py": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    reasons = {
        "analysis/a/b.py": "it has a test",
        "analysis/a/d.py": "one constant",
        "analysis/gone.py": "it is gone",
        "dashboard/f.py": " ",
    }
    assert faults(tmp_path, reasons) == [
        "analysis/a/c.py: write tests/analysis/a/test_c.py",
        "analysis/e/__init__.py: write tests/analysis/e/test_registry.py",
        "analysis/a/b.py: it needs no reason; take it off mirror.toml",
        "analysis/gone.py: there is no such file; take it off mirror.toml",
        "dashboard/f.py: mirror.toml gives no reason",
    ]
