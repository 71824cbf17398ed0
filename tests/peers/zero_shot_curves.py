"""Curves of the small zero-shot study as CSV: mean, lowest and highest training return over replicas, in 20 parts of each training.

    python tests/peers/zero_shot_curves.py runs/overcooked_v1/zero_shot > docs/results/zero_shot.csv

The folder holds one folder per pipeline of `pipelines/overcooked_v1/zero_shot`, each with one run, or the runs themselves.
"""

import pathlib
import sys

import duckdb

QUERY = """
with rows as (
    select entity, replica, env_steps, value, ntile(20) over (partition by entity, replica order by env_steps) as part
    from '{run}/metrics/*.parquet' where metric = 'episode_return'
), replicas as (
    select entity, replica, part, max(env_steps) as env_steps, avg(value) as value from rows group by all
)
select entity, max(env_steps), avg(value), min(value), max(value) from replicas group by entity, part order by entity, part
"""


def main() -> None:
    print("run,environment,steps,mean,lowest,highest")
    root = pathlib.Path(sys.argv[1])
    for folder in sorted(root.iterdir()):
        runs = [folder] if (folder / "metrics").is_dir() else sorted(folder.iterdir())
        for run in runs:
            if not (run / "metrics").is_dir() or folder.name.startswith("eval"):
                continue
            for entity, steps, mean, lowest, highest in duckdb.sql(QUERY.format(run=run)).fetchall():
                print(f"{folder.name},{entity.removeprefix('environment.')},{steps},{mean:.2f},{lowest:.2f},{highest:.2f}")


if __name__ == "__main__":
    main()
