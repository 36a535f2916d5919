"""Records survive writers that are killed, grids resume, and runs need little."""
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kgrbook.core.paths import data_dir
from kgrbook.kg.datasets import dataset_names, load_dataset
from kgrbook.kg.toy import planted_graph
from kgrbook.reproduce.methods import CONFIGS, PROFILES, find_method, method_names
from kgrbook.reproduce.papers import load_paper, paper_keys
from kgrbook.reproduce.records import load_records
from kgrbook.reproduce.runs import Cell, run_grid
from kgrbook.reproduce.tables import our_dataset

ROOT = Path(__file__).resolve().parents[1]

# Settings


@pytest.mark.parametrize("paper", sorted(p.name for p in CONFIGS.iterdir() if p.is_dir()))
def test_every_file_of_settings_loads(paper):
    assert paper == "baselines" or paper in paper_keys()
    for method in method_names(paper):
        for dataset in dataset_names():
            for profile in PROFILES:
                found = find_method(paper, dataset, method, profile)
                assert found.make().config == found.config


@pytest.mark.skipif(data_dir() is None, reason="needs KGRBOOK_DATA")
@pytest.mark.parametrize("paper", paper_keys())
def test_our_data_sets_have_the_test_questions_that_a_paper_asks(paper):
    checked = 0
    for printed in load_paper(paper).file.dataset:
        ours = our_dataset(paper, printed.id)
        name, _, test = ours.partition("/")
        if printed.queries and name in dataset_names():
            n = len(load_dataset(name, test or "test").test)
            assert printed.queries in (n, 2 * n), f"{ours} has {n} test facts"
            checked += 1
    assert checked


# A run on a bare machine

BLOCKED = """
import sys

class Blocked:
    names = ("pooch", "k_means_constrained", "ipywidgets", "fastcore", "nbdev", "IPython",
             "matplotlib", "sklearn", "torch")

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is blocked in this test", name=name)

sys.meta_path.insert(0, Blocked())
from kgrbook.reproduce import commands, methods, papers, provenance, records, runs, tables
cell = runs.Cell("baselines", sys.argv[1], "counting")
print(runs.run_cell(cell, sys.argv[2]).state)
assert not {name.split(".")[0] for name in sys.modules} & set(Blocked.names)
"""


def write_dataset(folder: Path) -> Path:
    "A small random graph as a folder of text files."
    ds = planted_graph((1, 2), n_ent=60, n_base=2)
    folder.mkdir()
    for split in ("train", "valid", "test"):
        rows = getattr(ds, split)
        lines = [f"{ds.entities[h]}\t{ds.relations[r]}\t{ds.entities[t]}\n" for h, r, t in rows]
        (folder / f"{split}.txt").write_text("".join(lines))
    return folder


def test_a_run_needs_no_tools_of_notebooks(tmp_path):
    data = write_dataset(tmp_path / "planted")
    command = [sys.executable, "-c", BLOCKED, str(data), str(tmp_path / "results")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "done"
    assert len(load_records(tmp_path / "results/baselines")) == 1


# What was learned elsewhere

ELSEWHERE = """
from dataclasses import dataclass
from kgrbook.kg.datasets import load_dataset
from kgrbook.reproduce.provenance import stamp
from kgrbook.rules.counting import Counting

@dataclass(frozen=True)
class Config:
    learned_from: str = ""

class Elsewhere:
    def __init__(self, config: Config):
        self.config = config

    def fit(self, dataset):
        other = load_dataset(self.config.learned_from)
        self.model = stamp(Counting().fit(other), other)
        self.provenance = self.model.provenance

    def score(self, heads, relations):
        return self.model.score(heads, relations)
"""


@pytest.mark.skipif(data_dir() is None, reason="needs KGRBOOK_DATA")
def test_a_run_with_rules_from_another_division_is_refused(tmp_path, monkeypatch):
    (tmp_path / "learner_from_elsewhere.py").write_text(ELSEWHERE)
    (tmp_path / "toy").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for method, folder in (("fair", "umls-conve"), ("unfair", "umls")):
        (tmp_path / f"toy/{method}.toml").write_text(
            'about = "rules from elsewhere"\nlearner = "learner_from_elsewhere:Elsewhere"\n'
            f'[settings]\nlearned_from = {{ value = "{folder}", source = "guess" }}\n'
        )
    cells = [Cell("toy", "umls-conve", method) for method in ("fair", "unfair")]
    fair, unfair = run_grid(cells, tmp_path / "results", configs=tmp_path)
    assert fair.state == "done"
    assert unfair.state == "failed"
    assert "learned from umls, which holds 521 of 652 valid and 541 of 661 test" in unfair.words
    assert len(load_records(tmp_path / "results/toy")) == 1


# Writers at the same time

WRITER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from kgrbook.reproduce.records import load_record

record, folder = load_record(sys.argv[1]), sys.argv[2]
first, n, writer = map(int, sys.argv[3:])
ranks = replace(record.ranks, better=record.ranks.better + writer)  # tells who has written
print("ready", flush=True)
while not Path(folder + ".go").exists():
    time.sleep(0.001)
for seed in range(first, first + n):
    replace(record, seed=seed, ranks=ranks).save(folder)
    print(seed, flush=True)
"""


def test_writers_lose_nothing_if_one_is_killed(tmp_path):
    data = write_dataset(tmp_path / "planted")
    command = [sys.executable, "-c", BLOCKED, str(data), str(tmp_path / "first")]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    record = next((tmp_path / "first/baselines").glob("*.json"))
    folder, n, rng = tmp_path / "together", 15, random.Random()
    starts = [0, 1000, 2000, 2000]  # two of them write the same records
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, *map(str, (record, folder, first, n, writer))],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for writer, first in enumerate(starts)
    ]
    for writer in writers:
        writer.stdout.readline()  # it is ready
    (tmp_path / "together.go").touch()
    writers[0].stdout.readline()  # the first one is at work
    time.sleep(rng.random() * 0.2)
    writers[0].kill()
    told = [writer.communicate()[0].split() for writer in writers]
    assert [writer.returncode for writer in writers[1:]] == [0, 0, 0]
    seeds = {r.seed for r in load_records(folder)}  # also reads and checks every file
    killed = {seed for seed in seeds if seed < 1000}
    assert seeds - killed == {first + i for first in starts[1:] for i in range(n)}
    assert {int(seed) for seed in told[0]} <= killed < set(range(n)), "written ones are there"


# A grid that is killed again and again

LEARNER = """
import time
from dataclasses import dataclass
import numpy as np

@dataclass(frozen=True)
class Config:
    pause: float = 0.0
    seed: int = 0

class Slow:
    steps = 10

    def __init__(self, config: Config):
        self.config, self.done = config, 0

    def start(self, dataset):
        self.scores = np.zeros((2 * dataset.n_rel, dataset.n_ent))

    def step(self):
        time.sleep(self.config.pause)
        rng = np.random.default_rng([self.config.seed, self.done])
        self.scores += rng.random(self.scores.shape)
        self.done += 1

    def save(self, file):
        np.savez(file, scores=self.scores, done=self.done)

    def load(self, file):
        with np.load(file) as state:
            self.scores, self.done = state["scores"], int(state["done"])

    def score(self, heads, relations):
        return self.scores[relations]
"""
COMMAND = "import sys; from kgrbook.cli import main; sys.exit(main())"
JOBS = 3


def start_grid(here: Path, method: str, cells: int, *more: str) -> subprocess.Popen:
    "Start `kgrbook run` in a process group of its own."
    words = ["run", "toy", str(here / "planted"), method, "--seeds", str(cells), "--json"]
    words += ["--results", str(here / "results"), "--configs", str(here / "configs"), *more]
    env = os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def results_of(here: Path, method: str) -> dict:
    "Seed -> counts of all queries, for every record there is."
    records = [r for r in load_records(here / "results/toy") if r.method == method]
    found = {r.seed: r.ranks.better.tolist() for r in records}
    assert len(found) == len(records), "a cell has two records"
    return found


def wait_for(here: Path, records: int) -> None:
    "Wait until so many records of the slow method are there; at most two minutes."
    end = time.monotonic() + 120
    while len(list((here / "results/toy").glob("planted_slow_*.json"))) < records:
        assert time.monotonic() < end, "the grid makes no progress"
        time.sleep(0.01)


def kill_grid(here: Path, cells: int, seconds: float, kills: int) -> None:
    "Kill a grid at random moments, then let it end; no record may be lost, none be there twice."
    write_dataset(here / "planted")
    (here / "slow_learner.py").write_text(LEARNER)
    (here / "configs/toy").mkdir(parents=True)
    about = 'about = "waits"\nlearner = "slow_learner:Slow"\n'
    for name, pause in (("slow", seconds / 10), ("quick", 0.0)):
        setting = f'[settings]\npause = {{ value = {pause}, source = "guess" }}\n'
        (here / f"configs/toy/{name}.toml").write_text(about + setting)
    quick, _ = start_grid(here, "quick", cells).communicate()
    assert json.loads(quick)["ok"]
    expected, seen, rng, grids = results_of(here, "quick"), {}, random.Random(), []
    for kill in range(kills):
        grid = start_grid(here, "slow", cells, "--jobs", str(JOBS))
        grids.append(grid)
        wait_for(here, min(cells, len(seen) + rng.randint(0, 2)))
        time.sleep(rng.uniform(0, seconds))
        if kill % 2:
            grid.kill()  # its workers are left alone
        else:
            os.killpg(grid.pid, signal.SIGKILL)
        grid.wait()
        grid.stdout.close()  # workers that live on have it open, too
        now = results_of(here, "slow")
        assert set(seen) <= set(now), "a record is lost"
        assert all(now[seed] == expected[seed] for seed in now)
        seen = now
        print(f"kill {kill + 1}: {len(seen)} of {cells} records")
    last, _ = start_grid(here, "slow", cells, "--jobs", str(JOBS)).communicate()
    states = [row["state"] for row in json.loads(last)["runs"]]
    assert set(states) <= {"kept", "done"} and states.count("kept") >= len(seen)
    assert results_of(here, "slow") == expected and len(expected) == cells
    for grid in grids:  # workers that a kill has left alone
        try:
            os.killpg(grid.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.mark.skipif(os.name == "nt", reason="needs process groups")
def test_a_killed_grid_resumes(tmp_path):
    kill_grid(tmp_path, cells=6, seconds=0.5, kills=2)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs process groups")
def test_a_grid_of_thirty_survives_ten_kills(tmp_path):
    kill_grid(tmp_path, cells=30, seconds=5, kills=10)
