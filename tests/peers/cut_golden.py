#!/usr/bin/env python3
"""Cuts the small committed traces (tests/golden) out of a full set of golden traces.

usage: cut_golden.py SOURCE TARGET [SUBJECT...]

Each subject has one function below, which copies a few whole episodes that together cover every
recording configuration. Needs pyarrow.
"""

import pathlib
import sys

import pyarrow.parquet as pq


def write(table, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd", compression_level=19)
    print(f"{path}: {table.num_rows} rows, {path.stat().st_size} bytes")


def overcooked_v2(source, target):
    """One cooked episode per configuration, each from another kitchen where possible, and odd sizes."""
    episodes = pq.read_table(source / "v2_episodes.parquet")
    rows = episodes.to_pylist()
    chosen, kitchens = [], set()
    wanted = {}
    for row in rows:
        if row["policy"] != "random":
            wanted.setdefault(row["config"], []).append(row)
    for config, candidates in wanted.items():
        fresh = [row for row in candidates if row["layout"] not in kitchens] or candidates
        chosen.append(fresh[0])
        kitchens.add(fresh[0]["layout"])
    # One, three and four cooks, four ingredients, a button, a second sight of permutations.
    extra = {"long_room": "startcook", "custom_crowd3": "op", "custom_crowd4": "paper", "fun_coordination": "op",
             "grounded_coord_simple": "paper", "counter_circuit": "autoreset"}
    for row in rows:
        if extra.get(row["layout"]) == row["config"] and row["policy"] == "cook" and row["layout"] not in kitchens:
            chosen.append(row)
            kitchens.add(row["layout"])
    keys = [row["episode"] for row in chosen]
    print(*keys, sep="\n")
    steps = pq.read_table(source / "v2_steps.parquet")
    write(only(episodes, "episode", keys), target / "v2_episodes.parquet")
    write(only(steps, "episode", keys), target / "v2_steps.parquet")
    overcooked_v1(source, target)


def overcooked_v1(source, target):
    """Of the older environment: the kitchens in turn, each with other cooks, from default and from random starts."""
    episodes = pq.read_table(source / "v1_episodes.parquet")
    wanted = [("default", "cook"), ("random_reset", "interact"), ("random_reset", "cook")]
    chosen = {}
    for row in episodes.to_pylist():
        kind = (row["config"], row["policy"])
        if kind in wanted and kind not in chosen.values() and row["layout"] not in {key.split("/")[1] for key in chosen}:
            chosen[row["episode"]] = kind
    print(*chosen, sep="\n")
    steps = pq.read_table(source / "v1_steps.parquet")
    write(only(episodes, "episode", chosen), target / "v1_episodes.parquet")
    write(only(steps, "episode", chosen), target / "v1_steps.parquet")


def only(table, column, values):
    """The rows of `table` whose `column` is one of `values`."""
    return table.filter([value in values for value in table[column].to_pylist()])


# Of each game: how many whole episodes of each policy, and every how manyth of the one-step episodes from all over the state space.
CLASSIC_CONTROL = {
    "Acrobot-v1": {"random": 1, "pump": 1, "edge": 3},
    "CartPole-v1": {"random": 8, "balance": 1, "edge": 4},
    "MountainCar-v0": {"random": 1, "pump": 3, "edge": 4},
    "MountainCarContinuous-v0": {"random": 1, "pump": 3, "edge": 4},
    "Pendulum-v1": {"random": 2, "spin": 1, "edge": 4},
}


def classic_control(source, target):
    """Whole episodes of every policy, one to the time limit among them, and states from the whole space."""
    for name, wanted in CLASSIC_CONTROL.items():
        table = pq.read_table(source / f"{name}.parquet")
        rows = list(zip(table["policy"].to_pylist(), table["episode"].to_pylist()))
        first = {policy: min(episode for other, episode in rows if other == policy) for policy, _ in rows}
        kept = []
        for policy, episode in rows:
            number = episode - first[policy]
            kept.append(number % wanted[policy] == 0 if policy == "edge" else number < wanted[policy])
        write(table.filter(kept), target / f"{name}.parquet")


# Of each file: every how manyth of the rows in which nothing is paid, drawn or ended, and of the others.
MINATAR = {
    "Asterix-gymnax": (40, 4),
    "Asterix-late-gymnax": (40, 8),
    "Breakout-gymnax": (40, 4),
    "Freeway-gymnax": (100, 2),
    "Seaquest-gymnax": (20, 2),
    "SpaceInvaders-gymnax": (20, 2),
    "SpaceInvaders-late-gymnax": (20, 2),
    "asterix-original": (30, 3),
    "breakout-original": (20, 2),
    "freeway-original": (40, 1),
    "seaquest-original": (30, 4),
    "space_invaders-original": (20, 2),
}


def minatar(source, target):
    """Single transitions from all over, since each is checked on its own; those in which something happens are the more frequent."""
    for name, every in MINATAR.items():
        table = pq.read_table(source / f"{name}.parquet")
        columns = [c for c in table.column_names if c in ("random_used", "done") or (c.startswith("rnd_") and c.endswith("used"))]
        happens = [any(row) for row in zip(*(table[c].to_pylist() for c in columns), (r != 0 for r in table["reward"].to_pylist()))]
        counts, kept = [0, 0], []
        for eventful in happens:
            kept.append(counts[eventful] % every[eventful] == 0)
            counts[eventful] += 1
        write(table.filter(kept), target / f"{name}.parquet")


SUBJECTS = {"minatar": minatar, "overcooked_v2": overcooked_v2, "classic_control": classic_control}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    for subject in sys.argv[3:] or SUBJECTS:
        SUBJECTS[subject](source / subject, target / subject)


if __name__ == "__main__":
    main()
