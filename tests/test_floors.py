"""A module imports from lower floors only, and floors 0 to 3 do without torch."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {
    "core": 0,
    "kg": 1,
    "ranking": 1,
    "rules": 2,
    "shifts": 3,
    "augmentation": 3,
    "embeddings": 4,
    "stablerule": 4,
    "degreembed": 4,
    "graphnets": 4,
    "rnnlogic": 5,
    "expressgnn": 5,
    "ruleguider": 5,
    "reproduce": 6,
    "commands": 7,
    "widgets": 7,
    "cli": 8,
}
WITHOUT_TORCH = 3  # the highest floor that must import where torch is not installed


def modules() -> dict:
    "Dotted name of every module of the package -> its file."
    files = sorted((ROOT / "kgrbook").rglob("*.py"))
    names = {path: path.relative_to(ROOT).with_suffix("").parts for path in files}
    return {
        ".".join(parts).removesuffix(".__init__"): path
        for path, parts in names.items()
        if path.name != "_modidx.py" and len(parts) > 1
    }


def imported(tree: ast.Module, name: str, is_package: bool) -> set:
    "Dotted names of the kgrbook modules (or names in them) that a module imports, anywhere in it."
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = name.split(".") + ([""] if is_package else [])
            base = ".".join(parts[: -node.level]) + "." if node.level else ""
            start = (base + (node.module or "")).strip(".")
            found |= {f"{start}.{alias.name}" for alias in node.names}
    return {other for other in found if other.split(".")[0] == "kgrbook"}


def offences(name: str, others: set) -> list:
    "What is wrong with a module's imports, in words."
    here, wrong = name.split(".")[1], []
    for other in sorted(others):
        there = other.split(".")[1] if "." in other else ""
        if there == here or there == "__version__":
            continue
        if there not in FLOORS:
            wrong.append(f"{name} imports {other}, which is on no floor")
        elif FLOORS[there] >= FLOORS[here]:
            wrong.append(
                f"{name} (floor {FLOORS[here]}) imports {other} (floor {FLOORS[there]}): "
                "only lower floors may be imported"
            )
    return wrong


def test_every_module_stands_on_a_floor():
    chapters = {name.split(".")[1] for name in modules() if "." in name}
    assert chapters, "no modules found"
    assert chapters <= set(FLOORS), f"add to FLOORS (DESIGN): {sorted(chapters - set(FLOORS))}"


def test_imports_come_from_lower_floors():
    wrong = []
    for name, path in modules().items():
        if "." in name:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            wrong += offences(name, imported(tree, name, path.name == "__init__.py"))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "name, source",
    [
        ("kgrbook.ranking.ranks", "from kgrbook.kg.store import KG"),  # sibling on its own floor
        ("kgrbook.ranking.ranks", "def f():\n    import kgrbook.kg.store"),
        ("kgrbook.kg.store", "from kgrbook.rules.language import Rule"),  # higher floor
        ("kgrbook.kg.store", "from ..rules.language import Rule"),
        ("kgrbook.kg.store", "from .. import rules"),
        ("kgrbook.core.paths", "from kgrbook import nowhere"),
    ],
)
def test_a_wrong_import_is_seen(name, source):
    assert offences(name, imported(ast.parse(source), name, is_package=False))


@pytest.mark.parametrize(
    "name, source",
    [
        ("kgrbook.rules.mining", "from kgrbook.kg.store import KG"),
        ("kgrbook.rules.mining", "from .language import Rule"),
        ("kgrbook.rules.mining", "import numpy, kgrbook.core.paths"),
        ("kgrbook.cli", "from kgrbook import __version__"),
    ],
)
def test_a_right_import_passes(name, source):
    assert not offences(name, imported(ast.parse(source), name, is_package=False))


BLOCKED = """
import importlib, sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("torch is blocked in this test", name="torch")

sys.meta_path.insert(0, NoTorch())
for name in sys.argv[1:]:
    importlib.import_module(name)
assert "torch" not in sys.modules
print(len(sys.argv) - 1)
"""


def test_low_floors_import_without_torch():
    names = [
        n for n in modules() if "." not in n or FLOORS.get(n.split(".")[1], 9) <= WITHOUT_TORCH
    ]
    command = [sys.executable, "-c", BLOCKED, *names]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == len(names) > 1
