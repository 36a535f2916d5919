"""Run every notebook and every test: `python tools/check.py`; the last line counts them."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 1200  # seconds, for the notebooks and for the tests


def code_cells() -> dict:
    "Sources of the code cells of every notebook that runs, by notebook."
    paths = [p for p in (ROOT / "nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts]
    found = {}
    for path in sorted(paths):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        found[path] = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    return found


def run_notebooks() -> tuple[int, int]:
    "Run the notebooks as nbdev does, without storing outputs; (passed, failed)."
    cells = code_cells()
    every = [source for sources in cells.values() for source in sources]
    data = sum("have_data(" in source for source in every)
    slow = sum(source.startswith(("#| slow", "#| cuda")) for source in every)
    where = "all run" if os.environ.get("KGRBOOK_DATA") else "skipped: KGRBOOK_DATA is not set"
    print(f"{len(cells)} notebooks, {len(every)} code cells; {data} data cells ({where}); "
          f"{slow} slow cells, run by nbdev_test --flags slow", flush=True)
    command = [Path(sys.executable).with_name("nbdev_test"), "--timing"]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    print(run.stdout, run.stderr, sep="\n", flush=True)
    if run.returncode == 0:
        return len(cells), 0
    names = run.stderr.rpartition("=" * 50)[2].split()
    failed = max(1, sum(name.endswith(".ipynb") for name in names))
    return len(cells) - failed, failed


def run_tests(*options: str) -> tuple[int, int]:
    "Run pytest; (passed, failed). A skip for missing data fails when the data was declared."
    options = ["-n", str(os.cpu_count()), "--dist=loadfile", "--durations=10", *options]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-rs", f"--junitxml={report}", *options]
        run = subprocess.run(command, cwd=ROOT, timeout=TIMEOUT, check=False)
        suite = ElementTree.parse(report).getroot().find("testsuite")
    count = {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    skips = [skip.get("message") or "" for skip in suite.iter("skipped")]
    lacking = [message for message in skips if "KGRBOOK_DATA" in message]
    if lacking and os.environ.get("KGRBOOK_DATA"):
        print(f"{len(lacking)} tests skipped for missing data although KGRBOOK_DATA is set")
        failed += len(lacking)
    passed = count["tests"] - count["failures"] - count["errors"] - count["skipped"]
    return passed, failed or int(run.returncode != 0)


def main() -> int:
    "Notebooks, then tests; the exit code is 0 if all passed."
    site = sys.argv[1:] == ["--site"]  # the browser test instead, of a site that has been built
    results = [run_tests("-m", "site")] if site else [run_notebooks(), run_tests()]
    passed, failed = (sum(part) for part in zip(*results, strict=True))
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
