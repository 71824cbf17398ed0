"""Two one-sided tests of a finished run of ours against the same algorithm in JAX, as Markdown; and both curves as CSV.

    starling run minatar/breakout_1m --out runs/breakout
    python tests/peers/ppo_minatar.py pipelines/minatar/breakout_1m.toml --seeds 16 --json > jax.json
    python tests/peers/minatar_table.py runs/breakout jax.json --curves curves.csv

A seed's score: at the end of an update, the mean over environments of each one's last finished return, carried forward; averaged over the last ten
updates. The two sides are equivalent if the 90 % interval of the difference of their means (Welch) lies within the margin.
"""

import argparse
import csv
import json
import pathlib

import numpy as np
from classic_control_table import LAST, carried
from scipy import stats


def difference(mine, other):
    """Mean difference, its standard error and Welch's degrees of freedom."""
    parts = [values.var(ddof=1) / len(values) for values in (mine, other)]
    error = sum(parts)
    freedom = error**2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (mine, other)))
    return mine.mean() - other.mean(), np.sqrt(error), freedom


def line(name, mine, other, margin):
    mean, error, freedom = difference(mine, other)
    low, high = mean + error * np.array(stats.t.ppf([0.05, 0.95], freedom))
    p = max(stats.t.sf((mean + margin) / error, freedom), stats.t.cdf((mean - margin) / error, freedom))
    verdict = "equivalent" if -margin < low and high < margin else "not shown to be equivalent"
    sides = (f"{values.mean():.2f} ± {values.std(ddof=1):.2f}" for values in (mine, other))
    print(f"| {name} | {len(mine)} + {len(other)} | {' | '.join(sides)} | {mean:+.2f} [{low:+.2f}, {high:+.2f}] | {p:.2g} | {verdict} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", type=pathlib.Path, nargs="+", metavar="RUN JAX", help="a folder of ours and a JSON file of ppo_minatar.py, once or more")
    parser.add_argument("--margin", type=float, default=7.0)
    parser.add_argument("--curves", type=pathlib.Path, help="where the curves go")
    options = parser.parse_args()
    if len(options.parts) % 2:
        raise SystemExit("every run needs its file of JAX")
    parts = []
    for run, jax in zip(options.parts[::2], options.parts[1::2]):
        steps, mine = carried(run)
        other = np.array(json.loads(jax.read_text())["curve"])
        if mine.shape[1] != other.shape[1]:
            raise SystemExit(f"{mine.shape[1]} updates here, {other.shape[1]} there")
        parts.append((mine, other))
    mine, other = (np.concatenate(side) for side in zip(*parts))
    print("| | seeds | Starling: mean ± deviation | JAX: mean ± deviation | difference [90 %] | p | |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    if len(parts) > 1:
        for number, (ours, theirs) in enumerate(parts, 1):
            line(f"part {number}, last ten updates", ours[:, -LAST:].mean(axis=1), theirs[:, -LAST:].mean(axis=1), options.margin)
    line("last ten updates", mine[:, -LAST:].mean(axis=1), other[:, -LAST:].mean(axis=1), options.margin)
    line("last update", mine[:, -1], other[:, -1], options.margin)
    for name, values in (("Starling", mine), ("JAX", other)):
        print(f"\n* {name}: {', '.join(f'{value:.1f}' for value in values[:, -LAST:].mean(axis=1))}")
    if options.curves:
        with options.curves.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            sides = [f"{side}_{what}" for side in ("starling", "jax") for what in ("mean", "lowest", "highest")]
            rows.writerow(["steps", *sides])
            for at, step in enumerate(steps):
                numbers = [f(values[:, at]) for values in (mine, other) for f in (np.mean, np.min, np.max)]
                rows.writerow([step, *(f"{number:.2f}" for number in numbers)])


if __name__ == "__main__":
    main()
