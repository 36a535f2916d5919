"""Make the groups of test facts in results/groups: python tools/make_groups.py NAME...

Each file holds the labels, the sha256 of the data set, and what making all groups of it cost.
"""
import argparse
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]


def make(name: str, folder: Path, n_groups: int, seed: int) -> None:
    "Make and store the groups of one data set in every variant and numbering."
    from kgrbook.kg.datasets import load_dataset
    from kgrbook.shifts.paths import VARIANTS, path_vectors
    from kgrbook.shifts.synthetic import NUMBERINGS, group_file, synthetic_groups

    ds = load_dataset(name)
    start = perf_counter()
    vectors, made = path_vectors(ds.fit, ds.test), {}
    for variant in VARIANTS:
        for numbering in NUMBERINGS:
            groups = synthetic_groups(ds, n_groups, seed, variant, numbering, vectors)
            made[group_file(name, variant, numbering, n_groups, seed)] = groups
    peak = round(peak_memory() / 2**30, 2)
    cost = {"seconds": round(perf_counter() - start, 1), "peak_gib": peak}
    for file, groups in made.items():
        groups.meta["cost"] = cost
        groups.save(folder / file)
    print(f"{name}: {vectors}, {cost['seconds']} s, {cost['peak_gib']} GiB", flush=True)


def peak_memory() -> int:
    "Largest memory of this process so far; bytes; Linux and macOS."
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def main() -> None:
    "Each data set in a process of its own, so that its memory is its own."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="data sets")
    parser.add_argument("--groups", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=ROOT / "results/groups")
    args = parser.parse_args()
    if len(args.names) == 1:
        make(args.names[0], args.folder, args.groups, args.seed)
        return
    options = ["--groups", str(args.groups), "--seed", str(args.seed), "--folder", args.folder]
    for name in args.names:
        subprocess.run([sys.executable, __file__, name, *options], check=True)


if __name__ == "__main__":
    main()
