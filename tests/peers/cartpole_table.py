"""The CartPole acceptance table of a finished run, from its Parquet tables alone.

    starling run classic_control/ppo_cartpole --set agent.balancer.replicas=32 --out RUN
    python tests/peers/cartpole_table.py RUN

PureJaxRL's metric: at the end of an update, the mean over environments of each one's last finished return, carried forward; averaged
over the last ten updates of every seed (replica).
"""

import pathlib
import sys

import duckdb

run = pathlib.Path(sys.argv[1])
parts = str(run / "metrics" / "*.parquet")
rows = duckdb.sql(
    f"""
    with carried as (
        select replica, tick, value from '{parts}' where metric = 'episode_return_carried'
    )
    select replica, avg(value) as last_ten, min(value) as lowest
    from carried where tick > (select max(tick) - 10 from carried)
    group by replica order by replica
    """
).fetchall()
print("| seed | mean of the last 10 updates | lowest of them |")
print("| ---: | ---: | ---: |")
for replica, last_ten, lowest in rows:
    print(f"| {replica} | {last_ten:.1f} | {lowest:.1f} |")
means = [row[1] for row in rows]
good = sum(mean >= 475 for mean in means)
print(f"\n{len(means)} seeds, mean {sum(means) / len(means):.1f}, {good} of {len(means)} at 475 or more, lowest {min(means):.1f}")
