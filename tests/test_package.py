"""What is built holds what a user needs: every module, every data file, the licence."""
import os
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
    "Names of the files in the source archive and in the wheel, built from a copy of the tree."
    work, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("out")
    for name in [*AT_TOP, "MANIFEST.in"]:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, work)
    junk = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    shutil.copytree(ROOT / "kgrbook", work / "kgrbook", ignore=junk)
    env = os.environ | {"PIP_NO_INDEX": "1"}
    command = [sys.executable, "-c", BUILD, str(out)]
    run = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    wheel = zipfile.ZipFile(next(out.glob("*.whl"))).namelist()
    return source, set(wheel)


def package_files() -> set:
    "Every file of the package, as a path from the top."
    files = [p for p in (ROOT / "kgrbook").rglob("*") if p.is_file()]
    junk = ("__pycache__", ".ipynb_checkpoints")
    return {
        p.relative_to(ROOT).as_posix()
        for p in files
        if not any(part in junk for part in p.parts) and p.suffix not in (".nbi", ".nbc")
    }


def test_wheel_holds_every_file_of_the_package(built):
    missing = package_files() - built[1]
    assert not missing, f"add to package_data in setup.py: {sorted(missing)}"


def test_source_archive_holds_every_file_of_the_package(built):
    missing = package_files() - built[0]
    assert not missing, f"add to MANIFEST.in: {sorted(missing)}"


@pytest.mark.parametrize("name", AT_TOP)
def test_source_archive_holds(built, name):
    assert name in built[0], f"add {name} to MANIFEST.in"


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for path in (ROOT / "kgrbook").rglob("*.py")}
    bare = [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").is_file()]
    assert not bare, f"no __init__.py in: {sorted(bare)}"


def test_wheel_holds_nothing_else(built):
    tops = {name.split("/")[0] for name in built[1]}
    assert len(tops) == 2 and "kgrbook" in tops, tops  # the package and its dist-info


def test_command_is_declared(built):
    assert any(name.endswith("dist-info/entry_points.txt") for name in built[1])
