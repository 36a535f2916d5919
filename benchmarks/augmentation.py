"""Augmenting published rule files: python benchmarks/augmentation.py [--write]

RNNLogic's rules for WN18RR and FB15k-237, with all images under abduction and inversion;
PCA confidence and FOIL of every one of them, exactly, in one thread; one round.
"""

from bench import Timer, main, report
from quality import load

from kgrbook.augmentation.rewrite import abduct, invert
from kgrbook.rules.quality import rule_quality

def close(rules):
    "The rules with all their images."
    abducted = rules | abduct(rules)
    return abducted | invert(abducted)


def images(name):
    _, rules = load(name)
    with Timer() as timer:
        closed = close(rules)
    report(timer, rules=len(closed))


def quality(name):
    kg, rules = load(name)
    rules = close(rules)
    with Timer() as timer:
        table = rule_quality(rules, kg, workers=1)
    kept = {f"PCA ≥ {least}": int((table.pca >= least).sum()) for least in (0.01, 0.1)}
    kept["FOIL ≥ 0.1"] = int((table.foil >= 0.1).sum())
    both = (table.pca >= 0.01) & (table.pca_pairs >= 10)
    literal = (table.pca >= 0.01) | (table.pca_pairs >= 10)
    report(timer, rules=len(rules), **kept, both=int(both.sum()), literal=int(literal.sum()))


if __name__ == "__main__":
    jobs = {
        "WN18RR, all images": lambda: images("wn18rr"),
        "FB15k-237, all images": lambda: images("fb15k-237"),
        "WN18RR, quality of all images": lambda: quality("wn18rr"),
        "FB15k-237, quality of all images": lambda: quality("fb15k-237"),
    }
    main(__file__, jobs, rounds=1)
