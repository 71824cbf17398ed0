"""The classic control table: finished runs of ours beside the same algorithm in JAX, seed by seed, as Markdown; and their curves as CSV.

    for game in acrobot mountain_car mountain_car_continuous pendulum; do
        starling run classic_control/ppo_$game --set agent.AGENT.replicas=8 --out runs/$game
        python tests/peers/ppo_classic_control.py pipelines/classic_control/ppo_$game.toml --seeds 8 --json > jax/$game.json
    done
    python tests/peers/classic_control_table.py runs jax --curves curves.csv

More seeds of a game go beside them as `runs/GAME-1`, `jax/GAME-1.json` and so on; every part gets a line of its own.

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


def parts(game, runs, jax):
    """Name, our scores and curves, and JAX's answer, of every part of a game."""
    names = [game] + sorted(path.name for path in runs.glob(f"{game}-*"))
    return [(name, *carried(runs / name), json.loads((jax / f"{name}.json").read_text())) for name in names]


def line(name, steps, mine, other):
    (_, low, high), (_, other_low, other_high) = interval(mine), interval(other)
    meet = "overlap" if low <= other_high and other_low <= high else "do not overlap"
    print(f"| {name} | {steps:,} | {len(mine)} + {len(other)} | {told(mine)} | {told(other)} | {meet} |")


def curve(game, found, rows):
    """At most a hundred points: mean over all seeds, lowest and highest."""
    returns = np.concatenate([values for _, _, values, _ in found])
    curves = [answer["curve"] for *_, answer in found]
    seeds = [len(answer["seeds"]) for *_, answer in found]
    each = curves[0][-1]["steps"] // returns.shape[1]
    for points in zip(*curves):
        column = returns[:, points[0]["steps"] // each - 1]
        theirs = [point["end"] for point in points]
        mean = np.average([end["mean"] for end in theirs], weights=seeds)
        numbers = [column.mean(), column.min(), column.max(), mean]
        numbers += [min(end["lowest"] for end in theirs), max(end["highest"] for end in theirs)]
        rows.writerow([game, points[0]["steps"], *(f"{number:.2f}" for number in numbers)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=pathlib.Path, help="a folder with a run per game")
    parser.add_argument("jax", type=pathlib.Path, help="a folder with a JSON file per game")
    parser.add_argument("--curves", type=pathlib.Path, help="where the curves go")
    options = parser.parse_args()
    found = {game: parts(game, options.runs, options.jax) for game in GAMES if (options.runs / game).exists()}

    print("| | steps | seeds | Starling: mean [95 %] | JAX: mean [95 %] | intervals |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    listed = []
    for game in found.values():
        scores = []
        for _, _, values, answer in game:
            mine, other = values[:, -LAST:].mean(axis=1), np.array(answer["end"]["per_seed"])
            scores.append((mine, other))
            seeds = f", JAX seeds {answer['seeds'][0]} to {answer['seeds'][-1]}" if len(game) > 1 else ""
            line(f"{answer['game']}{seeds}", answer["curve"][-1]["steps"], mine, other)
            listed += [(f"{answer['game']}{seeds}", "Starling", mine), (f"{answer['game']}{seeds}", "JAX", other)]
        if len(game) > 1:
            line(f"{answer['game']}, all", answer["curve"][-1]["steps"], *map(np.concatenate, zip(*scores)))

    print("\nEvery seed, in order:\n")
    for name, side, values in listed:
        print(f"* {name}, {side}: {', '.join(f'{value:.1f}' for value in values)}")

    if options.curves:
        with options.curves.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["game", "steps", "starling_mean", "starling_lowest", "starling_highest", "jax_mean", "jax_lowest", "jax_highest"])
            for game, seen in found.items():
                curve(game, seen, rows)


if __name__ == "__main__":
    main()
