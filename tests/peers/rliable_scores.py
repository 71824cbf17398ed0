#!/usr/bin/env python3
"""Writes tests/golden/statistics/rliable.json: random scores, and what `rliable` says of them.

    python -m venv venv && venv/bin/pip install rliable==1.2.0 'pandas<3'
    venv/bin/python tests/peers/rliable_scores.py

Point estimates are one number each. An interval is the mean over REPEATS independent bootstraps of RESAMPLES resamples, with `error`, the standard
deviation of one such bound about it: the Monte Carlo error, beside which another implementation's interval is to be judged.
"""

import json
import pathlib

import numpy as np
from rliable import library, metrics

RESAMPLES = 5_000
REPEATS = 5
GAMMA = 1.0
TAUS = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5]
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "statistics" / "rliable.json"


def matrices():
    """Pairs of methods [runs, tasks]: skewed scores, few and many runs, one task, ties."""
    rng = np.random.default_rng(20_260_101)
    yield "skewed", rng.gamma(2.0, 0.4, (10, 6)), rng.gamma(2.0, 0.5, (8, 6))
    yield "one_task", rng.normal(0.5, 0.2, (12, 1)), rng.normal(0.6, 0.3, (12, 1))
    yield "odd", rng.normal(0.4, 0.5, (7, 3)), rng.normal(0.4, 0.5, (5, 3))
    yield "ties", rng.integers(0, 5, (6, 4)) / 4, rng.integers(0, 5, (9, 4)) / 4


def intervals(scores, function):
    """Means and errors of the bounds of `function`'s numbers, [2, numbers] each."""
    found = []
    for repeat in range(REPEATS):
        state = np.random.RandomState(repeat)
        _, bounds = library.get_interval_estimates({"x": scores}, function, reps=RESAMPLES, random_state=state)
        found.append(bounds["x"])
    found = np.array(found)
    return found.mean(axis=0), found.std(axis=0, ddof=1)


def estimates(scores, function):
    values = np.atleast_1d(function(*scores) if isinstance(scores, tuple) else function(scores))
    wrapped = lambda *x: np.atleast_1d(function(*x))  # noqa: E731
    bounds, errors = intervals(scores, wrapped)
    return [
        {"value": float(value), "low": float(low), "high": float(high), "error": float(max(error))}
        for value, low, high, error in zip(values, bounds[0], bounds[1], errors.T)
    ]


def aggregates(scores):
    return np.array([
        metrics.aggregate_mean(scores),
        metrics.aggregate_median(scores),
        metrics.aggregate_iqm(scores),
        metrics.aggregate_optimality_gap(scores, GAMMA),
    ])


def profile(scores):
    return np.array([library.run_score_deviation(scores, tau) for tau in TAUS])


def profile_of_tasks(scores):
    return np.array([library.mean_score_deviation(scores, tau) for tau in TAUS])


def main():
    cases = []
    for name, x, y in matrices():
        case = {"name": name, "x": x.tolist(), "y": y.tolist()}
        for side, scores in (("x", x), ("y", y)):
            found = dict(zip(["mean", "median", "iqm", "optimality_gap"], estimates(scores, aggregates)))
            found["profile"] = estimates(scores, profile)
            found["profile_of_tasks"] = estimates(scores, profile_of_tasks)
            case[f"of_{side}"] = found
        case["improvement"] = estimates((x, y), metrics.probability_of_improvement)[0]
        cases.append(case)
        print(name)
    head = {"rliable": "1.2.0", "resamples": RESAMPLES, "gamma": GAMMA, "taus": TAUS}
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(json.dumps({**head, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
