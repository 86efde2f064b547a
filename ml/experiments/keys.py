"""What a finished training is known by: recipe, seed, data and code. A result of others is never taken for it."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.config import recipe_to_dict
from ml.experiments.folds import Collected, Plan
from ml.labels import CLASSES

PACKAGE: Final = Path(__file__).parents[1]

TRAINING_STARTS: Final = "ml.training.fine_tune"
_ELSEWHERE: Final = ("config", "labels", "inspection", "duplicates", "manifest", "checkpoint")
"""Not followed: recipe and pixels enter the key by value, whatever code made them."""


def training_key(plan: Plan, collected: Collected, seed: int, weights: Path | None) -> dict[str, str]:
    """Returns the hashes that name a training: one each for recipe, data, code, and the seed.

    Args:
        weights: the file of the first weights; None where Keras brings them by name or there are none.
    """
    recipe = json.dumps(recipe_to_dict(plan.recipe), sort_keys=True)
    first = b"" if weights is None else weights.read_bytes()
    return {
        "recipe": _short(recipe.encode()),
        "seed": str(seed),
        "data": data_fingerprint(plan, collected),
        "first_weights": _short(first),
        "code": code_fingerprint(TRAINING_STARTS),
    }


def data_fingerprint(plan: Plan, collected: Collected) -> str:
    """Returns a hash of all that is learned from and validated on: pixels, labels, copies and masks."""
    digest = hashlib.sha256("|".join(CLASSES).encode())
    for part in (plan.train, plan.validation):
        examples = collected.examples(part)
        facts: list[npt.NDArray[Any]] = [examples.levels, examples.labels, np.array(examples.near, str)]
        for array in facts if examples.masks is None else [*facts, examples.masks]:
            digest.update(f"{array.shape}{array.dtype}".encode() + np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def code_fingerprint(start: str) -> str:
    """Returns a hash of a module of this package and of all modules it imports from here, comments aside."""
    digest = hashlib.sha256()
    for path in sorted(_closure(start)):
        tree = _without_docstrings(ast.parse(path.read_text(encoding="utf-8")))
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()[:16]


def _closure(start: str) -> set[Path]:
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        path = _file(waiting.pop())
        if path is None or path in found:
            continue
        found.add(path)
        waiting.extend(_imports(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("ml."):
            continue
        module = str(node.module)
        if module.split(".")[1] not in _ELSEWHERE:
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _file(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    choices = (path.with_suffix(".py"), path / "__init__.py")
    return next((choice for choice in choices if choice.is_file()), None)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
