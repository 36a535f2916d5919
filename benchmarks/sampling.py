"""Drawing samples of rules: python benchmarks/sampling.py [--write]

Pools of samples of two and three atoms, 200,000 walks of each, from a KG object to arrays, in one
thread; beside it the same walks in a plain Python loop over dictionaries, its set-up not counted.
NCRL's number was measured on a machine of the same kind: Family, walks of up to four atoms.
"""

from collections import defaultdict
from random import Random

from bench import Timer, main, report

from kgrbook.kg.datasets import load_dataset
from kgrbook.kg.toy import family_toy
from kgrbook.stablerule.sampling import SamplerConfig, sample_rules

NCRL = 69_000  # samples a second
NCRL_WAY = {"expand": "dfs", "first_hop_is_fact": True, "label": "first"}


def compiled(name, runs, **settings):
    "Pools with several seeds, compiled code warm."
    kg = load_dataset(name).fit
    kg.by_relation, kg.by_entity
    sample_rules(family_toy(), SamplerConfig(size=10, **settings))
    samples = 0
    with Timer() as timer:
        for seed in range(runs):
            pools = sample_rules(kg, SamplerConfig(seed=seed, **settings))
            samples += sum(map(len, pools.values()))
    rate(timer, samples)


def plain(name, size):
    "Three steps, a look back after the second and the third, until both pools are full."
    kg, rng = load_dataset(name).fit, Random(0)
    facts, edges = defaultdict(list), defaultdict(lambda: defaultdict(list))
    for h, r, t in kg.triples.tolist():
        for x, a, y in ((h, r, t), (t, kg.inv(r), h)):
            facts[a].append(x)
            edges[x][y].append(a)
    facts, near = list(facts.values()), {x: list(ys) for x, ys in edges.items()}
    pools, walks = {2: [], 3: []}, {2: 0, 3: 0}
    with Timer() as timer:
        while min(walks.values()) < size:
            w, b = [rng.choice(rng.choice(facts))], []
            for t in (1, 2, 3):
                new = [v for v in near[w[-1]] if v not in w]
                if not new:
                    break
                v = rng.choice(new)
                b.append(rng.choice(edges[w[-1]][v]))
                w.append(v)
                if t > 1 and walks[t] < size:
                    heads = edges[w[0]].get(v, ())
                    if heads or rng.random() < 0.1:
                        walks[t] += 1
                        pools[t] += [(tuple(b), h, 1 / len(heads)) for h in heads]
                        if not heads:
                            pools[t].append((tuple(b), 2 * kg.n_rel, 1.0))
    rate(timer, sum(map(len, pools.values())))


def rate(timer, samples):
    speed = samples / timer.cpu
    times = f"{speed / NCRL:.3g} times NCRL's {NCRL:,}"
    report(timer, samples=f"{samples:,}", **{"a second": f"{speed:,.0f} ({times})"})


if __name__ == "__main__":
    jobs = {
        "Family, compiled, 10 pools": lambda: compiled("family", 10),
        "Family, plain Python, 20,000 walks": lambda: plain("family", 20_000),
        "Family, NCRL's search, compiled": lambda: compiled("family", 2, **NCRL_WAY),
        "UMLS, compiled, 10 pools": lambda: compiled("umls", 10),
        "WN18RR, compiled, 2 pools": lambda: compiled("wn18rr", 2),
        "FB15k-237, compiled, 2 pools": lambda: compiled("fb15k-237", 2),
    }
    main(__file__, jobs)
