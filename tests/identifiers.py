"""Test ids as people write them in documents and lists, and whether there is such a test."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def exists(test_id: str) -> bool:
    """Whether `FILE::function` or `FILE::Class::method` is defined in that file; a folder or file alone is fine too."""
    file, *names = test_id.split("::")
    path = ROOT / file
    return path.exists() and (not names or "::".join(names) in _defined(path))


@cache
def _defined(path: Path) -> frozenset[str]:
    """Functions, classes and methods of a module, each as the end of a test id."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return frozenset(found)
