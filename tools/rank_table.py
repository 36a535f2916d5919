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
METRICS = {"mrr": "MRR", "hits@1": "H@1", "hits@3": "H@3", "hits@10": "H@10"}


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


def row(name: str) -> list[str]:
    "The cells of one data set."
    path = RECORDS / f"{name}.json"
    if not path.exists():
        return [name, "not run", *[""] * 7]
    record = json.loads(path.read_text("utf-8"))
    both = {ties: record["metrics"][ties]["both"] for ties in ("expected", "optimistic")}
    how, cost = record["reasoner"], record["cost"]
    walks = ", no entity twice" if how["identity"] else ""
    return [
        name,
        *(f"{both['expected'][key]:.3f} / {both['optimistic'][key]:.3f}" for key in METRICS),
        f"{both['expected']['reached']:.1%}",
        f"{record['rules']['number']:,}",
        f"{how['aggregate']}, length ≤ {how['max_len']}, top {how['top']:,}{walks}",
        f"{cost['wall_seconds']:.0f} ({cost['cpu_seconds']:.0f})",
        f"{cost['peak_memory_bytes'] / 2**30:.2f}",
    ]


def make_table() -> str:
    "The results table in Markdown."
    titles = ["Data set", *METRICS.values(), "Reached", "Rules found", "How they are used"]
    lines = [[*titles, "Seconds (CPU)", "GiB"], [":--", *["--:"] * 6, ":--", "--:", "--:"]]
    lines += [row(name) for name in NAMES]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


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
