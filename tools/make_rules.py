"""Learn rules, and keep the best of each head in results/rules: python tools/make_rules.py NAME...

Each list is a text in the form of NCRL's code, with a JSON beside it that says where it comes from.
All learners choose among the same bodies, those that close a random walk; the lists called
`...-all` choose among all bodies of length 2. Two lists hold rules that were drawn by chance.
"""
import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from kgrbook.core.paths import atomic_write, sha256
from kgrbook.kg.datasets import load_dataset
from kgrbook.reproduce.methods import Method, find_method
from kgrbook.reproduce.records import Meter, code_version
from kgrbook.rules.language import RuleSet
from kgrbook.stablerule.extraction import all_bodies

FOLDER = Path(__file__).resolve().parents[1] / "results/rules"
LEARNERS = ("stablerule", "ncrl", "nodecor", "random-weights")
KEPT = 20  # rules of each head
# No look at valid queries, and so no choice by them: it would cost more than the training.
CHANGE = {
    "learner": {"check": 0, "top": 50, "candidates": "sampled"},
    "lookup-revisit": {"top": 1_000_000},
    "counting": {"min_len": 2, "top": 50},
}


def changed(paper: str, dataset: str, name: str) -> Method:
    "The method with the settings of this tool."
    method = find_method(paper, dataset, name, "cpu")
    change = CHANGE.get(name, CHANGE["learner"])
    return replace(method, config=replace(method.config, **change))


def is_kept(ds, method: Method, seed: int) -> bool:
    "Is there a list of this run, from the same settings and data?"
    path = FOLDER / f"{ds.name}_{method.name}_s{seed}.json"
    words = json.loads(path.read_text("utf-8")) if path.exists() else {}
    now = {"config_hash": method.hash, "data_sha256": ds.sha256}
    return now.items() <= words.items()


def store(rules: RuleSet, ds, method: Method, seed: int, meter: Meter, pick: str, end="") -> None:
    "Keep the first rules of each forward head, and say where they come from."
    name = f"{ds.name}_{end if end.startswith('random') else method.name + end}_s{seed}"
    rules = rules[np.argsort(rules.head, kind="stable")]  # the best of a head stay first
    rules = rules[rules.head < ds.n_rel]
    place = np.arange(len(rules)) - np.searchsorted(rules.head, rules.head)
    rules = rules[place < KEPT]
    path = FOLDER / f"{name}.txt.gz"
    assert (np.bincount(rules.head, minlength=ds.n_rel) <= KEPT).all()
    rules.write(path, "ncrl")
    words = {
        "dataset": ds.name,
        "paper": method.paper,
        "method": method.name,
        "profile": method.profile,
        "change": CHANGE.get(method.name, CHANGE["learner"]),
        "pick": pick,
        "seed": seed,
        "config_hash": method.hash,
        "data_sha256": ds.sha256,
        "code": code_version(),
        "cost": meter.read(),
        "rules": {"file": path.name, "sha256": sha256(path), "number": len(rules)},
    }
    with atomic_write(path.with_name(f"{name}.json"), "w") as file:
        json.dump(words, file, indent=1)
    print(f"{name}: {len(rules)} rules, {words['cost']['cpu_seconds']} CPU s", flush=True)


def by_head(rules: RuleSet, key: np.ndarray) -> RuleSet:
    "Rules sorted by head, and within a head by a key."
    return rules[np.lexsort((key, rules.head))]


def draw_bodies(rules: RuleSet, n_rel: int, rng: np.random.Generator) -> RuleSet:
    "Heads with bodies that are drawn from all bodies."
    bodies = np.unique(rules.body, axis=0)
    rows = [rng.choice(len(bodies), KEPT, replace=False) for _ in range(n_rel)]
    head = np.repeat(np.arange(n_rel), KEPT)
    return RuleSet(head, bodies[np.concatenate(rows)], rules.relations, np.zeros(len(head)))


def look_up(ds, seed: int) -> dict[int, np.ndarray]:
    "Sampled rules: the best, some by chance, bodies by chance. Returns all bodies by length."
    meter, rng = Meter(), np.random.default_rng(seed)
    method = changed("stablerule", ds.name, "lookup-revisit")
    rules = method.make(seed).fit(ds).rules()
    store(by_head(rules, -rules.weight), ds, method, seed, meter, "best of walks")
    chance = by_head(rules, rng.permutation(len(rules)))
    store(chance, ds, method, seed, meter, "rules of walks by chance", "random-rule")
    drawn = draw_bodies(rules, ds.n_rel, rng)
    store(drawn, ds, method, seed, meter, "bodies of walks by chance", "random-body")
    known = {k: rules.body[rules.length == k, :k] for k in (2, 3)}
    return {k: np.unique(part, axis=0) for k, part in known.items()}


def learn(ds, name: str, seed: int, bodies: dict) -> None:
    "Train one learner, and let it choose among these bodies, and among all of length 2."
    meter, method = Meter(), changed("stablerule", ds.name, name)
    if is_kept(ds, method, seed):
        return
    learner = method.make(seed).fit(ds)
    choices = {"": ("best of walks", bodies)}
    if name in ("stablerule", "ncrl"):
        choices = {"-all": ("best of all pairs", {2: all_bodies(2 * ds.n_rel, 2)})} | choices
    for end, (pick, given) in choices.items():
        learner.bodies, learner.model = given, None
        store(learner.rules(), ds, method, seed, meter, pick, end)


def count(ds) -> None:
    "Rules with two atoms, counted on the whole graph."
    meter, method = Meter(), changed("baselines", ds.name, "counting")
    if is_kept(ds, method, 0):
        return
    rules = method.make().fit(ds).rules()
    store(by_head(rules, -rules.weight), ds, method, 0, meter, "best of all that occur")


def main() -> None:
    "All lists of each data set."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME", help="data sets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--learners", nargs="+", default=LEARNERS, choices=LEARNERS)
    args = parser.parse_args()
    for name in args.names:
        ds = load_dataset(name)
        count(ds)
        for seed in args.seeds:
            bodies = look_up(ds, seed)
            for learner in args.learners:
                learn(ds, learner, seed, bodies)


if __name__ == "__main__":
    main()
