"""Ranking test sets with rules: python benchmarks/ranking.py [--write]

FB15k-237: the 20,000 RNNLogic rules of highest exact confidence, all 40,932 queries, one thread,
heads as written. Where the time goes: scoring alone is the same work without the counting of ranks.
Family: 40 rules of two and three atoms for each of 24 directed heads, valid in the graph.
"""

import numpy as np
from bench import Timer, main, report

from kgrbook.core.paths import data_dir
from kgrbook.kg.datasets import load_dataset
from kgrbook.ranking.ranks import make_queries, rank_queries
from kgrbook.reproduce.tasks import open_task
from kgrbook.rules.chaining import ForwardChaining
from kgrbook.rules.language import RuleSet
from kgrbook.rules.quality import rule_quality
from kgrbook.stablerule.lookup import Lookup, LookupConfig


def load(aggregate):
    "Data set and a warm reasoner."
    dataset = load_dataset("fb15k-237")
    file = data_dir() / "rules/rnnlogic/FB15k-237/rnnlogic_rules.txt.gz"
    rules = RuleSet.read(file, fmt="rnnlogic", kg=dataset.fit)
    rules = rules.weigh(rule_quality(rules, dataset.fit).confidence).top(20_000)
    model = ForwardChaining(rules, dataset.fit, aggregate, images=False, workers=1)
    small = load_dataset("umls")
    rules = RuleSet([0], [[1, 1]], small.relations, weight=[0.5])
    rank_queries(ForwardChaining(rules, small.fit, aggregate, workers=1), small)
    return dataset, model


def rank(aggregate):
    dataset, model = load(aggregate)
    with Timer() as timer:
        ranks = rank_queries(model, dataset)
    summary = ranks.summary()
    report(timer, queries=len(ranks), MRR=round(summary["mrr"], 4))


def score(aggregate):
    dataset, model = load(aggregate)
    pairs = np.unique(make_queries(dataset.test, dataset.n_rel)[:, [1, 0]], axis=0)
    with Timer() as timer:
        for start in range(0, len(pairs), 256):
            relations, heads = pairs[start : start + 256].T
            model.score(heads, relations)
    report(timer, **{"distinct queries": len(pairs)})


def rank_family(directions):
    "From 960 weighed rules to ranks."
    dataset = open_task("family/with-valid").ask
    rules = Lookup(LookupConfig(revisit=True, top=40)).fit(dataset).rules()

    def run():
        model = ForwardChaining(rules, dataset.fit, "sum", images=False, workers=1)
        return rank_queries(model, dataset, directions=directions)

    run()
    with Timer() as timer:
        ranks = run()
    report(timer, rules=len(rules), queries=len(ranks), MRR=round(ranks.summary()["mrr"], 4))


if __name__ == "__main__":
    jobs = {
        "Family, 960 rules, one direction": lambda: rank_family(("head",)),
        "Family, 960 rules, both directions": lambda: rank_family(("tail", "head")),
        "rank, max-plus": lambda: rank("max-plus"),
        "rank, noisy-or": lambda: rank("noisy-or"),
        "rank, sum": lambda: rank("sum"),
        "score alone, max-plus": lambda: score("max-plus"),
    }
    main(__file__, jobs)
