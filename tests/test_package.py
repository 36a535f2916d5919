"""What is built holds what a user needs: every module, every data file, the licence."""
import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILD = """
import sys
from setuptools import build_meta
out = sys.argv[1]  # setuptools changes sys.argv
build_meta.build_sdist(out)
build_meta.build_wheel(out)
"""
AT_TOP = ["settings.ini", "setup.py", "README.md", "LICENSE", "CITATION.cff", "constraints.txt"]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple:
    "Files of the package, of the source archive and of the wheel, built from a copy of the tree."
    work, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("out")
    for name in [*AT_TOP, "MANIFEST.in"]:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, work)
    junk = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "kgrbook", work / "kgrbook", ignore=junk)
    env = os.environ | {"PIP_NO_INDEX": "1"}
    command = [sys.executable, "-c", BUILD, str(out)]
    run = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    wheel = zipfile.ZipFile(next(out.glob("*.whl"))).namelist()
    files = {p.relative_to(work).as_posix() for p in (work / "kgrbook").rglob("*") if p.is_file()}
    return files, source, set(wheel)


def test_wheel_holds_every_file_of_the_package(built):
    files, _, wheel = built
    assert files and files <= wheel, f"add to package_data in setup.py: {sorted(files - wheel)}"


def test_source_archive_holds_every_file_of_the_package(built):
    files, source, _ = built
    assert files <= source, f"add to MANIFEST.in: {sorted(files - source)}"


@pytest.mark.parametrize("name", AT_TOP)
def test_source_archive_holds(built, name):
    assert name in built[1], f"add {name} to MANIFEST.in"


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for path in (ROOT / "kgrbook").rglob("*.py")}
    bare = [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").is_file()]
    assert not bare, f"no __init__.py in: {sorted(bare)}"


def test_wheel_holds_nothing_else(built):
    tops = {name.split("/")[0] for name in built[2]}
    assert len(tops) == 2 and "kgrbook" in tops, tops  # the package and its dist-info


def test_command_is_declared(built):
    assert any(name.endswith("dist-info/entry_points.txt") for name in built[2])


NAMES = {"sklearn": "scikit-learn", "k_means_constrained": "k-means-constrained"}


def imported_packages() -> set:
    "Packages that the modules import from outside, by the names they are installed under."
    found = set()
    for path in (ROOT / "kgrbook").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    found -= set(sys.stdlib_module_names) | {"kgrbook"}
    return {NAMES.get(name, name) for name in found}


def test_what_is_imported_is_required():
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    words = settings["DEFAULT"]["requirements"] + " " + settings["DEFAULT"]["learn_requirements"]
    required = {re.split("[<>=!~]", word)[0] for word in words.split()}
    imported = imported_packages()
    assert imported <= required, f"add to requirements: {sorted(imported - required)}"
    assert required <= imported, f"not used: {sorted(required - imported)}"


def test_constraints_name_every_requirement():
    settings = configparser.ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    words = settings["DEFAULT"]["requirements"] + " " + settings["DEFAULT"]["dev_requirements"]
    required = {re.split("[<>=!~]", w)[0].lower().replace("_", "-") for w in words.split()}
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    assert required <= pinned, f"add to constraints.txt: {sorted(required - pinned)}"
