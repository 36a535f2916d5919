"""Inner steps of learning decorrelation weights: python benchmarks/decorrelation.py [--write]

Order 2, single precision, analytic gradients, one thread; the same steps in both forms.
The set-up of the Gram form is timed apart. The loss after the steps shows that both did the same.
"""

from functools import partial

import torch
from bench import Timer, main, report

from kgrbook.stablerule.decorrelation import Decorrelation, learn_weights


def batch(n, d):
    "Features of the size of a trained encoder's, mixed at random."
    rng = torch.Generator().manual_seed(0)
    return 0.3 * (torch.randn(n, d, generator=rng) @ torch.randn(d, d, generator=rng)) / d**0.5


def steps(n, d, form, count):
    "Time `count` inner steps; setting up and reporting are taken off."
    torch.set_num_threads(1)
    Z = batch(n, d)
    learn_weights(Z[:64], steps=3, form=form)  # warm
    with Timer() as setup:
        Decorrelation(Z, form=form)
    with Timer() as idle:
        learn_weights(Z, steps=0, form=form)
    with Timer() as timer:
        found = learn_weights(Z, steps=count, form=form)
    timer.cpu, timer.wall = timer.cpu - idle.cpu, timer.wall - idle.wall
    report(timer, steps=count, **{"set-up, s": round(setup.cpu, 2), "loss": f"{found.after:.4g}"})


if __name__ == "__main__":
    jobs = {
        f"{n:,} × 1,024, {form} form": partial(steps, n, 1024, form, count)
        for n, count in ((500, 200), (5000, 20))
        for form in ("gram", "matrix")
    }
    main(__file__, jobs)
