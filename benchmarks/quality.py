"""Scoring published rule files: python benchmarks/quality.py [--write]

PCA confidence and FOIL of RNNLogic's rules for WN18RR and FB15k-237, exactly, in one thread;
beside it one product of sparse matrices a rule, on a random sample of the same rules;
and confidence under object identity of the WN18RR rules of length 1 to 3, as forward heads.
"""

import numpy as np
from bench import Timer, main, report

from kgrbook.core.paths import data_dir
from kgrbook.kg.datasets import load_dataset
from kgrbook.kg.toy import family_toy
from kgrbook.rules.language import RuleSet
from kgrbook.rules.quality import rule_quality

FILES = {
    "wn18rr": "rules/rnnlogic/wn18rr/rnnlogic_rules.txt",
    "fb15k-237": "rules/rnnlogic/FB15k-237/rnnlogic_rules.txt.gz",
}


def load(name):
    "Graph with its arrays built, published rules, and compiled code that is warm."
    kg = load_dataset(name).fit
    kg.by_relation, kg.by_entity
    toy = family_toy()
    for identity in (False, True):
        rule_quality(RuleSet([0, 1], [[2, 2, 2], [2, 2]], toy.relations), toy, identity, workers=1)
    return kg, RuleSet.read(data_dir() / FILES[name], fmt="rnnlogic", kg=kg)


def trie(name):
    kg, rules = load(name)
    with Timer() as timer:
        table = rule_quality(rules, kg, workers=1)
    report(timer, rules=len(rules), **{"PCA ≥ .1": int((table.pca >= 0.1).sum())})


def products(name, sample):
    "One chain of sparse products a rule, in blocks of sources so that memory stays bounded."
    kg, rules = load(name)
    at = np.random.default_rng(0).permutation(np.flatnonzero(rules.length > 0))[:sample]
    fast = rule_quality(rules[at], kg, workers=1)
    matrices = [kg.matrix(r).astype(np.float64) for r in range(2 * kg.n_rel)]
    blocks = [slice(i, i + 4096) for i in range(0, kg.n_ent, 4096)]
    with Timer() as timer:
        for i, (head, body) in enumerate(zip(rules.head[at], rules.body[at], strict=True)):
            right = pca_pairs = 0
            known = np.diff(matrices[head].indptr) > 0
            for rows in blocks:
                walks = matrices[body[0]][rows]
                for r in body[1:][body[1:] >= 0]:
                    walks = walks @ matrices[r]
                right += walks.multiply(matrices[head][rows]).nnz
                pca_pairs += np.diff(walks.indptr)[known[rows]].sum()
            assert (right, pca_pairs) == (fast.support[i], fast.pca_pairs[i])
    whole = timer.cpu / sample * len(rules)
    report(timer, rules=sample, **{"scaled to all rules, s": round(whole)})


def identity():
    kg, rules = load("wn18rr")
    rules = rules[(rules.length > 0) & (rules.length <= 3)]
    rules = rules | rules.images()  # an inverse head is read as the forward rule it means
    rules = rules[rules.head < kg.n_rel]
    with Timer() as timer:
        table = rule_quality(rules, kg, identity=True, workers=1)
    report(timer, rules=len(rules), pairs=int(table.pairs.sum()), right=int(table.support.sum()))


if __name__ == "__main__":
    jobs = {
        "WN18RR, all rules in one trie": lambda: trie("wn18rr"),
        "WN18RR, a sparse product a rule": lambda: products("wn18rr", 100),
        "FB15k-237, all rules in one trie": lambda: trie("fb15k-237"),
        "FB15k-237, a sparse product a rule": lambda: products("fb15k-237", 100),
        "WN18RR, object identity, length 1 to 3": identity,
    }
    main(__file__, jobs)
