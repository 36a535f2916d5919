"""Run `kgrbook rank` on public data sets, keep the records, and make the results table of them.

python tools/rank_table.py [NAME ...]   run these (default: all five), then write the table
python tools/rank_table.py --table      write the table from the records that are there
python tools/rank_table.py --check      exit 1 unless table and records agree
"""
import json
import subprocess
import sys
from pathlib import Path

from kgrbook.core.paths import atomic_write

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "results" / "rank"
NAMES = ("family", "kinship", "umls", "wn18rr", "fb15k-237")
BEGIN, END = "<!-- rank table, made by tools/rank_table.py -->", "<!-- end of rank table -->"
METRICS = {"mrr": "MRR", "hits@1": "H@1", "hits@10": "H@10"}


def code_version() -> str:
    "The commit, marked if files differ from it."
    command = ["git", "describe", "--always", "--dirty", "--tags"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def run_rank(name: str) -> None:
    "One run with default settings; its record takes the place of the last."
    command = [Path(sys.executable).with_name("kgrbook"), "rank", name, "--json"]
    print("kgrbook", *command[1:], flush=True)
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    record = {"command": f"kgrbook rank {name}", "code": code_version()} | json.loads(run.stdout)
    with atomic_write(RECORDS / f"{name}.json", "w") as file:
        file.write(json.dumps(record, indent=1) + "\n")


def load(name: str) -> dict | None:
    "The record of one data set, if it has been run."
    path = RECORDS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def baseline(name: str, method: str, sha256: str) -> dict | None:
    "The expected and optimistic numbers of a baseline on the same data, if it has been run."
    for path in sorted((ROOT / "results" / "baselines").glob(f"{name}_{method}_s0_*.json")):
        record = json.loads(path.read_text("utf-8"))
        if record["data_sha256"] == sha256:
            return both_ties(record)
    return None


def both_ties(record: dict) -> dict:
    "Metrics over both directions by tie policy."
    return {ties: record["metrics"][ties]["both"] for ties in ("expected", "optimistic")}


def pair(both: dict, key: str) -> str:
    "Expected / optimistic."
    return " / ".join(f"{both[t][key]:.3f}".replace("0.", ".") for t in both)


def row(name: str) -> list[str]:
    "What one data set reached, beside counting and the ceiling, and at what cost."
    record = load(name)
    if record is None:
        return [name, "not run", *[""] * 8]
    both, cost, sha256 = both_ties(record), record["cost"], record["data"]["sha256"]
    counting, ceiling = (baseline(name, method, sha256) for method in ("counting", "reach-3"))
    return [
        name,
        *(pair(both, key) for key in METRICS),
        pair(counting, "mrr") if counting else "not run",
        f"{both['expected']['reached']:.1%}",
        f"{ceiling['expected']['reached']:.1%}" if ceiling else "not run",
        f"{record['rules']['number']:,}",
        f"{cost['wall_seconds']:.0f} ({cost['cpu_seconds']:.0f})",
        f"{cost['peak_memory_bytes'] / 2**30:.2f}",
    ]


def setting(name: str) -> list[str]:
    "How the rules of one data set are used."
    record = load(name)
    if record is None:
        return [name, "not run", "", "", ""]
    how = record["reasoner"]
    walks = "no entity twice" if how["identity"] else "all"
    return [name, how["aggregate"], str(how["max_len"]), f"{how['top']:,}", walks]


def markdown(titles: list[str], rows: list[list[str]]) -> str:
    "A table whose columns are as wide as their longest cell."
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    rule = [":" + "-" * (w - 1) if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    lines = [titles, rule, *rows]
    padded = ([cell.ljust(w) for cell, w in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def make_table() -> str:
    "What was reached, and with which settings, in Markdown."
    counted = ["Counting MRR", "Reached", "Ceiling", "Rules", "Seconds (CPU)", "GiB"]
    reached = ["Data set", *METRICS.values(), *counted]
    used = ["Data set", "Rules join by", "Atoms up to", "Rules of a relation", "Walks"]
    return "\n\n".join(
        [
            markdown(reached, [row(name) for name in NAMES]),
            "The settings that the validation facts chose:",
            markdown(used, [setting(name) for name in NAMES]),
        ]
    )


def replace_table(text: str, table: str) -> str:
    "The text with this table between the two marks."
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no place for the table: write {BEGIN} and {END} on lines of their own")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def pages(table: str) -> dict[Path, str]:
    "The files that show the table, as they should be."
    readme, index = ROOT / "README.md", ROOT / "nbs" / "index.ipynb"
    book = json.loads(index.read_text("utf-8"))
    for cell in book["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and BEGIN in source:
            cell["source"] = replace_table(source, table).splitlines(keepends=True)
    if table not in "".join("".join(cell["source"]) for cell in book["cells"]):
        raise ValueError(f"{index} has no cell with {BEGIN}")
    return {
        readme: replace_table(readme.read_text("utf-8"), table),
        index: json.dumps(book, indent=1, ensure_ascii=False) + "\n",
    }


def differing() -> list[str]:
    "Files whose table is not that of the records."
    wanted = pages(make_table())
    return [path.name for path, text in wanted.items() if path.read_text("utf-8") != text]


def main() -> int:
    "Run, write or check, as the words say."
    words = sys.argv[1:]
    if words == ["--check"]:
        print("\n".join(f"{name}: table and records differ" for name in differing()) or "agree")
        return int(bool(differing()))
    for name in words or NAMES:
        if name != "--table":
            run_rank(name)
    for path, text in pages(make_table()).items():
        with atomic_write(path, "w") as file:
            file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
