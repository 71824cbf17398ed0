"""The CartPole table: finished runs of ours beside the same algorithm in JAX, seed by seed, as Markdown.

    for seed in 0 1 2; do starling run classic_control/ppo_cartpole --seed $seed --set agent.balancer.replicas=32 --out RUN$seed; done
    python tests/peers/ppo_classic_control.py pipelines/classic_control/ppo_cartpole.toml --seeds 64 --json > a.json
    python tests/peers/cart_pole_table.py RUN0 RUN1 RUN2 --jax a.json

PureJaxRL's metric: at the end of an update, the mean over environments of each one's last finished return, carried forward; averaged
over the last ten updates of every seed (replica).
"""

import argparse
import json
import math
import pathlib
import statistics

import duckdb

BAR = 475


def scores(run):
    """Mean of the last ten updates of every replica, from the Parquet tables alone."""
    parts = pathlib.Path(run) / "metrics" / "*.parquet"
    rows = duckdb.sql(
        f"""
        with carried as (
            select replica, tick, value from '{parts}' where metric = 'episode_return_carried'
        )
        select avg(value) from carried where tick > (select max(tick) - 10 from carried) group by replica order by replica
        """
    )
    return [row[0] for row in rows.fetchall()]


def line(name, values):
    error = statistics.stdev(values) / math.sqrt(len(values))
    good = sum(value >= BAR for value in values)
    share = 100 * good / len(values)
    return f"| {name} | {len(values)} | {statistics.mean(values):.1f} ± {error:.1f} | {good} ({share:.0f} %) | {min(values):.1f} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--jax", nargs="*", default=[])
    options = parser.parse_args()
    ours = [scores(run) for run in options.runs]
    jax = [score for file in options.jax for score in json.loads(pathlib.Path(file).read_text())["end"]["per_seed"]]
    print("| | seeds | mean ± standard error | at 475 or more | lowest |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for number, values in enumerate(ours):
        print(line(f"Starling, `--seed {number}`", values))
    print(line("Starling, all", [value for values in ours for value in values]))
    if jax:
        print(line("JAX, all", jax))
    print("\n| replica | " + " | ".join(f"`--seed {number}`" for number in range(len(ours))) + " |")
    print("| ---: |" + " ---: |" * len(ours))
    for replica in range(len(ours[0])):
        print(f"| {replica} | " + " | ".join(f"{values[replica]:.1f}" for values in ours) + " |")


if __name__ == "__main__":
    main()
