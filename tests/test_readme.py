"""README keeps its promises: its commands exist, its Python runs, its table is up to date."""
import json
import re
import shlex
from pathlib import Path

import pytest
import rank_table

from kgrbook.cli import make_parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)
RECORDS = sorted((ROOT / "results" / "rank").glob("*.json"))
FLOORS = {"family": 0.92, "kinship": 0.65, "umls": 0.72, "wn18rr": 0.45, "fb15k-237": 0.22}


def test_table_and_records_agree():
    differ = rank_table.differing()
    assert not differ, f"python tools/rank_table.py --table  (differs: {differ})"


def test_a_changed_number_is_seen(monkeypatch):
    table = rank_table.make_table().replace("| family ", "| familie ")
    monkeypatch.setattr(rank_table, "make_table", lambda: table)
    assert rank_table.differing() == ["README.md", "index.ipynb"]


@pytest.mark.parametrize("name", rank_table.NAMES)
def test_records(name):
    record = json.loads((ROOT / "results" / "rank" / f"{name}.json").read_text("utf-8"))
    assert record["data"]["name"] == name and len(record["data"]["sha256"]) == 64
    assert record["code"] and "dirty" not in record["code"]
    assert set(record["metrics"]) == {"expected", "mean", "optimistic", "pessimistic"}
    assert record["metrics"]["expected"]["both"]["n"] == 2 * record["data"]["test"]
    assert record["metrics"]["expected"]["both"]["mrr"] >= FLOORS[name]
    assert record["cost"]["peak_memory_bytes"] < 8 * 2**30


def test_records_are_those_of_the_table():
    assert {path.stem for path in RECORDS} == set(rank_table.NAMES)


def test_commands_exist():
    words = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in words if line.startswith("kgrb")]
    assert len(commands) == 4
    for command in commands:
        assert make_parser().parse_args(command).run


def test_set_up_is_that_of_continuous_integration():
    install = "pip install -c constraints.txt -e '.[dev]'"
    assert install in README
    script = (ROOT / ".ci" / "run").read_text("utf-8").replace("--quiet ", "")
    assert install in script and "python3 -m venv .venv" in script
    assert "python tools/check.py" in README and "python tools/check.py" in script


FAMILY = """
ann parent bob, bob parent dan, bob parent eve, eve parent gus, ann grandparent dan,
bob grandparent gus
"""


def test_python_on_own_data(tmp_path, monkeypatch, capsys):
    (code,) = (block for kind, block in BLOCKS if kind == "python")
    facts = [fact.split() for fact in FAMILY.split(",")]
    train = [f"{h}{i}\t{r}\t{t}{i}\n" for i in ["", *range(6)] for h, r, t in facts]
    train.append("ann\tparent\teve\n")
    rows = {"train": train, "valid": ["ann0\tgrandparent\teve0\n"]}
    rows["test"] = ["ann\tgrandparent\tgus\n"]
    folder = tmp_path / "my_folder"
    folder.mkdir()
    for split, lines in rows.items():
        (folder / f"{split}.txt").write_text("".join(lines))
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    out = capsys.readouterr().out
    assert "'hits@3': 1.0" in out and "[ann, eve, gus]" in out
