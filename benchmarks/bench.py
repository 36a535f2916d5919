"""Jobs as fresh processes, in alternating order: CPU seconds, wall seconds and peak memory of each."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median


class Timer:
    "CPU and wall seconds of a block, and the peak memory of the process after it."

    def __enter__(self):
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_):
        self.cpu = time.process_time() - self.cpu
        self.wall = time.perf_counter() - self.wall
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.gib = kib / 2**20 if sys.platform != "darwin" else kib / 2**30


def report(timer: Timer, **what):
    "Print what a job measured, for the parent process."
    print(json.dumps({"cpu": timer.cpu, "wall": timer.wall, "gib": timer.gib, **what}))


def run(script: str, jobs: list[str], rounds: int) -> dict[str, list[dict]]:
    "Run every job once a round, forwards and backwards in turn."
    results = {job: [] for job in jobs}
    for i in range(rounds):
        for job in jobs if i % 2 == 0 else reversed(jobs):
            command = [sys.executable, script, "--job", job]
            out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            results[job].append(json.loads(out.splitlines()[-1]))
            print(f"round {i + 1} {job}: {results[job][-1]['cpu']:.2f} CPU s", file=sys.stderr)
    return results


def table(results: dict[str, list[dict]]) -> str:
    "A Markdown table: median (least to most) over the rounds, and what else the job said."
    rows = ["| job | CPU s: median (min to max) | wall s | peak GiB | result |", "|---|---|---|---|---|"]
    for job, runs in results.items():
        cpu = [r["cpu"] for r in runs]
        rest = {k: v for k, v in runs[0].items() if k not in ("cpu", "wall", "gib")}
        said = ", ".join(f"{k} {v}" for k, v in rest.items())
        rows.append(
            f"| {job} | {median(cpu):.2f} ({min(cpu):.2f} to {max(cpu):.2f}) "
            f"| {median(r['wall'] for r in runs):.2f} | {max(r['gib'] for r in runs):.2f} | {said} |"
        )
    return "\n".join(rows)


def main(script: str, jobs: dict, rounds: int = 3):
    "The command line of a benchmark: all jobs, or one with --job."
    if "--job" in sys.argv:
        jobs[sys.argv[sys.argv.index("--job") + 1]]()
        return
    text = table(run(script, list(jobs), rounds))
    print(text)
    if "--write" in sys.argv:
        page = Path(__file__).with_name("README.md")
        begin, end = (f"<!-- {Path(script).stem} {side} -->" for side in ("begin", "end"))
        before, _, rest = page.read_text("utf-8").partition(begin)
        page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", "utf-8")
