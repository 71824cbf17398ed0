"""Tables of docs/results/ranks.md from the runs that ranks.sh made: FOLDER ROUNDS RANKS..."""

import sys
from pathlib import Path

import pyarrow.parquet as pq


def rows(run, table):
    files = sorted((run / table).glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def main(folder, rounds, ranks):
    for pipeline in ("ppo", "evolution"):
        print(f"\n{pipeline}\n")
        print("| ranks | ms of the fastest tick | speed-up | efficiency | messages per tick, all ranks | bytes per tick, all ranks | most bytes of one rank |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        one = None
        for n in ranks:
            best = min(tick_ms(Path(folder) / f"{pipeline}-{n}-{r}") for r in range(1, rounds + 1))
            one = one or best
            sent = rows(Path(folder) / f"{pipeline}-{n}-1", "messages")
            # The first tick also hands out the pipeline and the state.
            sent = [row for row in sent if row["tick"] > 1]
            ticks = max(len({row["tick"] for row in sent}), 1)
            by_rank = {}
            for row in sent:
                by_rank[row["rank"]] = by_rank.get(row["rank"], 0) + row["bytes"]
            messages = sum(row["messages"] for row in sent) / ticks
            total = sum(by_rank.values()) / ticks
            most = max(by_rank.values(), default=0) / ticks
            speed = one / best
            share = speed * ranks[0] / n
            print(f"| {n} | {best:.1f} | {speed:.2f} | {share:.0%} | {messages:.0f} | {total:.0f} | {most:.0f} |")


def tick_ms(run):
    """Milliseconds of collecting and learning in the fastest tick: others may use the machine, too."""
    ticks = {}
    for row in rows(run, "timings"):
        if row["phase"] in ("collect", "learn"):
            ticks[row["tick"]] = ticks.get(row["tick"], 0) + row["duration_us"]
    return min(ticks.values()) / 1000


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [int(n) for n in sys.argv[3:]])
