#!/usr/bin/env python3
"""Steps environments of JaxMARL and gymnax and those of Starling on the same work, in turns, and prints ratios per CPU second.

usage: environments.py [--starling PATH] [--rounds N] [--seconds S] [--json] [NAME...]

The work: random actions drawn beforehand, every lane reset when it ends, observations of all seats written in every step. A peer runs as it
is used for training: jitted, vectorised over lanes, many steps per call. CPU seconds are user + system time of all threads, so that the
number of cores and what else runs on them matter little; compilation is not counted. Each row is the median over rounds of the best number
of lanes. NAME picks rows: cramped_room, grounded_coord_simple, cart_pole, minatar/breakout, minatar/asterix, minatar/freeway,
minatar/space_invaders, minatar/seaquest.

Set up with: python -m venv VENV && VENV/bin/pip install -r tests/peers/requirements.txt
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")
STEPS_PER_CALL = 64


# Name, gymnax's name, lanes to try, and the least ratio that we want. gymnax's Seaquest compares lists of a hundred with one another.
MINATAR = [
    ("breakout", "Breakout-MinAtar", (1024, 4096), 7.0),
    ("asterix", "Asterix-MinAtar", (256, 1024), 4.0),
    ("freeway", "Freeway-MinAtar", (256, 1024), 4.0),
    ("space_invaders", "SpaceInvaders-MinAtar", (256, 1024), 4.0),
    ("seaquest", "Seaquest-MinAtar", (16, 128), 4.0),
]


def minatar(name, peer, lanes, least):
    return (f"minatar/{name}", f"gymnax {peer}", lambda lanes: of_gymnax(peer, lanes), lanes, least)


def peers():
    """Name, peer, lanes to try, and the least ratio that we want."""
    return [
        ("cramped_room", "JaxMARL OvercookedV2", lambda lanes: overcooked("cramped_room", lanes), (64, 1024), 8.0),
        ("grounded_coord_simple", "JaxMARL OvercookedV2", lambda lanes: overcooked("grounded_coord_simple", lanes), (64, 1024), 8.0),
        ("cart_pole", "gymnax CartPole-v1", lambda lanes: of_gymnax("CartPole-v1", lanes), (1024, 4096), 5.0),
        *(minatar(*row) for row in MINATAR),
    ]


def stepper(reset, step, lanes, moves, shape):
    """One jitted call of many steps of all lanes; the observations are carried, so they are computed in every step."""
    import jax

    actions = jax.random.randint(jax.random.key(1), (STEPS_PER_CALL, lanes, *shape), 0, moves)

    @jax.jit
    def start(key):
        return jax.vmap(reset)(jax.random.split(key, lanes))

    @jax.jit
    def many(key, observations, states):
        def one(carry, action):
            key, _, states, total = carry
            key, own = jax.random.split(key)
            observations, states, reward = jax.vmap(step)(jax.random.split(own, lanes), states, action)
            return (key, observations, states, total + reward.sum()), None

        return jax.lax.scan(one, (key, observations, states, 0.0), actions)[0]

    observations, states = start(jax.random.key(2))
    carry = (jax.random.key(3), observations, states)

    def call():
        nonlocal carry
        *carry, total = many(*carry)
        total.block_until_ready()
        return STEPS_PER_CALL * lanes

    return call


def overcooked(layout, lanes, **options):
    import jaxmarl

    environment = jaxmarl.make("overcooked_v2", layout=layout, **options)
    agents = environment.agents

    def step(key, state, action):
        actions = {agent: action[seat] for seat, agent in enumerate(agents)}
        observations, state, rewards, _, _ = environment.step(key, state, actions)
        return observations, state, rewards[agents[0]]

    moves = environment.action_space(agents[0]).n
    return stepper(environment.reset, step, lanes, moves, (len(agents),))


def of_gymnax(name, lanes):
    import gymnax

    environment, parameters = gymnax.make(name)

    def step(key, state, action):
        observation, state, reward, *_ = environment.step(key, state, action, parameters)
        return observation, state, reward

    return stepper(lambda key: environment.reset(key, parameters), step, lanes, environment.num_actions, ())


def rate(call, seconds):
    """Steps per CPU second of one round."""
    wall, cpu, steps = time.perf_counter(), time.process_time(), 0
    while steps == 0 or time.perf_counter() - wall < seconds:
        steps += call()
    return steps / (time.process_time() - cpu)


def starling_rates(binary, seconds):
    """One round. Steps per CPU second of every row of `starling bench environments`: the best over lanes, by name."""
    command = [binary, "bench", "environments", "--json", "--rounds", "1", "--seconds", str(seconds)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    best = {}
    for row in json.loads(output):
        best[row["name"]] = max(best.get(row["name"], 0.0), row["steps"] / row["cpu_seconds"])
    return best


def pick(rates, name):
    found = [value for known, value in rates.items() if name in known]
    if not found:
        sys.exit(f"`starling bench environments` has no row for {name}: it has {', '.join(rates)}")
    return max(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starling", default="target/release/starling")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    rows = [row for row in peers() if not options.names or row[0] in options.names]
    calls = {}
    for name, _, make, lanes, _ in rows:
        for count in lanes:
            calls[name, count] = make(count)
            calls[name, count]()  # compiles
    ours, theirs = {row[0]: [] for row in rows}, {key: [] for key in calls}
    for _ in range(options.rounds):
        rates = starling_rates(options.starling, options.seconds)
        for name in ours:
            ours[name].append(pick(rates, name))
        for key, call in calls.items():
            theirs[key].append(rate(call, options.seconds))
    results = []
    for name, peer, _, lanes, least in rows:
        best = max(lanes, key=lambda count: statistics.median(theirs[name, count]))
        mine, other = statistics.median(ours[name]), statistics.median(theirs[name, best])
        spread = [min(ours[name]), max(ours[name]), min(theirs[name, best]), max(theirs[name, best])]
        results.append(
            {"name": name, "peer": peer, "peer_lanes": best, "starling": mine, "peer_steps": other, "ratio": mine / other, "wanted": least, "spread": spread}
        )
    if options.json:
        print(json.dumps(results, indent=2))
        return
    print(f"environment steps per CPU second, medians of {options.rounds} rounds in turns (least to most)")
    for row in results:
        low, high, peer_low, peer_high = (value / 1e6 for value in row["spread"])
        print(
            f"{row['name']:22} starling {row['starling'] / 1e6:7.2f} M ({low:.2f} to {high:.2f})"
            f"  {row['peer']}, {row['peer_lanes']} lanes {row['peer_steps'] / 1e6:6.2f} M ({peer_low:.2f} to {peer_high:.2f})"
            f"  ratio {row['ratio']:5.1f}  (wanted {row['wanted']:.0f})"
        )


if __name__ == "__main__":
    main()
