"""The classic control table: finished runs of ours beside the same algorithm in JAX, seed by seed, as Markdown; and their curves as CSV.

    for game in acrobot mountain_car mountain_car_continuous pendulum; do
        starling run classic_control/ppo_$game --set agent.AGENT.replicas=8 --out runs/$game
        python tests/peers/ppo_classic_control.py pipelines/classic_control/ppo_$game.toml --seeds 8 --json > jax/$game.json
    done
    python tests/peers/classic_control_table.py runs jax --curves curves.csv

A seed's score is PureJaxRL's: at the end of an update, the mean over environments of each one's last finished return (of the environment's own
rewards), carried forward; averaged over the last ten updates. Intervals are percentiles of means of seeds drawn with replacement.
"""

import argparse
import csv
import json
import pathlib

import duckdb
import numpy as np

GAMES = ["acrobot", "mountain_car", "mountain_car_continuous", "pendulum"]
LAST, RESAMPLES = 10, 10_000


def carried(run):
    """Environment steps, and the carried return of every replica and update, `[replicas, updates]`, from the Parquet tables alone."""
    parts = run / "metrics" / "*.parquet"
    rows = duckdb.sql(
        f"select replica, tick, env_steps, value from '{parts}' where metric = 'episode_return_carried' order by replica, tick"
    ).fetchnumpy()
    replicas = len(np.unique(rows["replica"]))
    return rows["env_steps"].reshape(replicas, -1)[0], rows["value"].reshape(replicas, -1)


def interval(scores):
    """Mean, and the 2.5th and 97.5th percentile of its bootstrap distribution."""
    draws = np.random.default_rng(0).choice(scores, (RESAMPLES, len(scores)))
    low, high = np.percentile(draws.mean(axis=1), [2.5, 97.5])
    return scores.mean(), low, high


def told(scores):
    mean, low, high = interval(scores)
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=pathlib.Path, help="a folder with one run per game")
    parser.add_argument("jax", type=pathlib.Path, help="a folder with one JSON file per game")
    parser.add_argument("--curves", type=pathlib.Path)
    options = parser.parse_args()
    games = [game for game in GAMES if (options.runs / game).exists()]
    ours = {game: carried(options.runs / game) for game in games}
    theirs = {game: json.loads((options.jax / f"{game}.json").read_text()) for game in games}

    print("| | steps | seeds | Starling: mean [95 %] | JAX: mean [95 %] | intervals |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    scores = {game: (ours[game][1][:, -LAST:].mean(axis=1), np.array(theirs[game]["end"]["per_seed"])) for game in games}
    for game, (mine, other) in scores.items():
        (_, low, high), (_, other_low, other_high) = interval(mine), interval(other)
        meet = "overlap" if low <= other_high and other_low <= high else "do not overlap"
        steps = theirs[game]["curve"][-1]["steps"]
        print(f"| {theirs[game]['game']} | {steps:,} | {len(mine)} + {len(other)} | {told(mine)} | {told(other)} | {meet} |")

    print("\nEvery seed, in order:\n")
    for game, pair in scores.items():
        for name, values in zip(("Starling", "JAX"), pair):
            print(f"* {theirs[game]['game']}, {name}: {', '.join(f'{value:.1f}' for value in values)}")

    if options.curves:
        with options.curves.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["game", "steps", "starling_mean", "starling_lowest", "starling_highest", "jax_mean", "jax_lowest", "jax_highest"])
            for game in games:
                values = ours[game][1]
                each = theirs[game]["curve"][-1]["steps"] // values.shape[1]
                for point in theirs[game]["curve"]:
                    column = values[:, point["steps"] // each - 1]
                    numbers = [column.mean(), column.min(), column.max(), *(point["end"][key] for key in ("mean", "lowest", "highest"))]
                    rows.writerow([game, point["steps"], *(f"{number:.2f}" for number in numbers)])


if __name__ == "__main__":
    main()
