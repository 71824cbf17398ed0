#!/usr/bin/env python3
"""Trains with PPO in JAX and in Starling with the same settings, in turns on the same cores, and prints how many times as fast Starling is.

usage: train.py [--starling PATH] [--rounds N] [--row NAME] [--json]

JAX runs the programs beside this file: environment and learner in one jitted program, as PureJaxRL does, with gymnax's environments; for the
kitchen JaxMARL's environment and the recurrent network and loss of its IPPO, written anew. Environment steps per second of wall time, of all
seeds together, without compilation; Starling (`starling bench train`) also records. Both may use all cores that they are given: pin this
program to compare on some, e.g. `taskset -c 0,1`. Medians over rounds.

Set up with: python -m venv VENV && VENV/bin/pip install -r tests/peers/requirements.txt
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp

HERE = pathlib.Path(__file__).parent
PIPELINES = HERE.parent.parent / "pipelines"


def pure(file, updates, seeds):
    """Steps per second of a compiled PPO program on one of gymnax's games."""
    import gymnax
    import ppo_classic_control as ppo
    import ppo_minatar

    settings = ppo.settings_of(ppo_minatar.load(PIPELINES / file))
    settings = settings._replace(total=updates * settings.steps * settings.envs)
    game, rules = gymnax.make(settings.game)
    if len(game.observation_space(rules).shape) > 1:
        game = ppo_minatar.Flat(game, rules)
    one = lambda key: ppo.train(settings, game, rules, key)
    if seeds == 1:
        program, argument = jax.jit(one), jax.random.key(0)
    else:
        program, argument = jax.jit(jax.vmap(one)), jax.random.split(jax.random.key(0), seeds)
    program = program.lower(argument).compile()

    def measure():
        begun, used = time.perf_counter(), time.process_time()
        jax.block_until_ready(program(argument))
        steps = settings.total * seeds
        return steps / (time.perf_counter() - begun), steps / (time.process_time() - used)

    measure()
    return measure


def recurrent(loops):
    import ippo_rnn

    return ippo_rnn.measure(64, 128, 16, loops)


KITCHEN = ["environment.kitchen.lanes=64", "agent.chef.learner.ppo={steps=128, minibatches=16}"]


# XLA stops for ever, now and then, in a program vmapped over many seeds where there are few cores; hardly ever with this schedule, which is no
# slower for that program (for one seed it is). A row that stands still is begun anew.
VMAPPED = "--xla_cpu_enable_concurrency_optimized_scheduler=false"
PATIENCE = 400


# Name, how to build the peer, pipeline, what to change in it, ticks of a round, how many times as fast is wanted.
ROWS = [
    ("cart_pole", lambda: pure("classic_control/ppo_cartpole.toml", 800, 1), "classic_control/ppo_cartpole", [], 800, 2.5),
    (
        "cart_pole, 64 seeds",
        lambda: pure("classic_control/ppo_cartpole.toml", 20, 64),
        "classic_control/ppo_cartpole",
        ["agent.balancer.replicas=64"],
        20,
        2.0,
    ),
    ("breakout", lambda: pure("minatar/ppo_breakout.toml", 15, 1), "minatar/ppo_breakout", [], 15, 4.0),
    # The minibatches in one program, as JaxMARL's baseline has them; and each called by itself, which no baseline does.
    ("kitchen, recurrent", lambda: recurrent(True), "overcooked_v2/ippo_rnn", KITCHEN, 1, 20.0),
    ("kitchen, recurrent, minibatches one by one", lambda: recurrent(False), "overcooked_v2/ippo_rnn", KITCHEN, 1, None),
]


def starling(binary, pipeline, changes, ticks):
    command = [binary, "bench", "train", "--json", pipeline, "--rounds", "1", "--warm", "2", "--ticks", str(ticks)]
    command += [part for change in changes for part in ("--set", change)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)[0]


def compare(name, build, pipeline, changes, ticks, wanted, options):
    """One row."""
    peer = build()
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(starling(options.starling, pipeline, changes, ticks))
        theirs.append(peer())
    middle = lambda values: statistics.median(list(values))
    mine, other = middle(row["steps_per_second"] for row in ours), middle(rate for rate, _ in theirs)
    cpu, other_cpu = middle(row["steps_per_cpu_second"] for row in ours), middle(rate for _, rate in theirs)
    stages = {stage: middle(row["stages"].get(stage, 0.0) for row in ours) for stage in ours[0]["stages"]}
    return {
        "name": name,
        "starling": mine,
        "jax": other,
        "ratio": mine / other,
        "wanted": wanted,
        "starling_per_cpu_second": cpu,
        "jax_per_cpu_second": other_cpu,
        "cpu_ratio": cpu / other_cpu,
        "spread": [
            min(row["steps_per_second"] for row in ours),
            max(row["steps_per_second"] for row in ours),
            min(rate for rate, _ in theirs),
            max(rate for rate, _ in theirs),
        ],
        "stages": stages,
    }


def alone(name, options):
    """A row in a process of its own, with as many attempts as it takes."""
    command = [sys.executable, __file__, "--only", name, "--rounds", str(options.rounds), "--starling", options.starling]
    environment = dict(os.environ)
    if "seeds" in name:
        environment.setdefault("XLA_FLAGS", VMAPPED)
    while True:
        try:
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, timeout=PATIENCE)
            return json.loads(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired:
            print(f"{name}: JAX stood still for {PATIENCE} s; once more", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starling", default="target/release/starling")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", default="", help="only rows whose name contains this")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(next(compare(*row, options) for row in ROWS if row[0] == options.only)))
        return
    results = [alone(row[0], options) for row in ROWS if options.row in row[0]]
    if options.json:
        print(json.dumps(results, indent=2))
        return
    cores = len(os.sched_getaffinity(0))
    print(f"environment steps per second on {cores} cores, medians of {options.rounds} rounds in turns (least to most); JAX {jax.__version__}\n")
    print("| training | Starling | JAX | times as fast | per CPU second | wanted |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for r in results:
        low, high, other_low, other_high = (f"{x:,.0f}" for x in r["spread"])
        print(
            f"| {r['name']} | {r['starling']:,.0f} ({low} to {high}) | {r['jax']:,.0f} ({other_low} to {other_high})"
            f" | {r['ratio']:.1f} | {r['cpu_ratio']:.1f} | {r['wanted'] or ''} |"
        )
    stages = [stage for stage in dict.fromkeys(stage for r in results for stage in r["stages"])]
    print("\nWhere Starling's time goes, in percent of a tick:\n")
    print(f"| training | {' | '.join(stages)} |")
    print(f"| --- |{' ---: |' * len(stages)}")
    for r in results:
        percents = " | ".join(f"{100 * r['stages'].get(stage, 0.0):.1f}" for stage in stages)
        print(f"| {r['name']} | {percents} |")


if __name__ == "__main__":
    main()
