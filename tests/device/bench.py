#!/usr/bin/env python3
"""Measures Starling on a machine with an accelerator, beside JAX on the same card, and prints one table. Needs no network.

usage: bench.py [--starling PATH] [--cuda PATH] [--lanes N,N,...] [--seconds S] [--small] [--json FILE]

Rows: random play by kernels (observations as bits, every one written) at each number of lanes; the same worlds in JaxMARL and gymnax, where
JAX is installed, on whatever device JAX finds; PPO whole, with rollouts by kernels and by the processor, how long it takes and what it learns;
with `--cuda` also with learning by a binary that was built with that feature (docs/cuda.md). Networks with a memory learn on the processor
only, so the recurrent baseline is not among the rows. What cannot run says why and the others go on. `--small` is for a software adapter: few lanes, short rounds, little training.

To take it along: target/release/starling, tests/device/bench.py and tests/peers/environments.py; the binary is under 64 MiB.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# Name here, and how environments.py makes the peer.
PEERS = {
    "overcooked_v2/cramped_room": ("overcooked", "cramped_room", {}),
    "overcooked_v2/grounded_coord_simple": ("overcooked", "grounded_coord_simple", {"agent_view_size": 2}),
    "classic_control/cart_pole": ("of_gymnax", "CartPole-v1", {}),
    "minatar/breakout": ("of_gymnax", "Breakout-MinAtar", {}),
}
# Steps per second that we want.
GOALS = {"overcooked_v1/cramped_room": 1e9, "overcooked_v2/cramped_room": 1e9, "overcooked_v2/grounded_coord_simple": 4e8, "classic_control/cart_pole": 1e10}


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def kernels(options):
    command = [options.starling, "bench", "gpu", "--json", "--lanes", options.lanes, "--seconds", str(options.seconds)]
    done = run(command)
    if done.returncode != 0:
        sys.exit(f"starling bench gpu failed:\n{done.stderr}")
    return json.loads(done.stdout)


def peers(lanes, seconds):
    """Wall steps per second of JAX by (name, lanes); a text where there is no JAX."""
    sys.path.insert(0, str(HERE.parent / "peers"))
    try:
        # Whatever device there is; the module would choose the processor.
        os.environ["JAX_PLATFORMS"] = ""
        import jax

        import environments
    except ImportError as error:
        return f"no peers: {error}"
    rates = {"device": str(jax.devices()[0])}
    for name, (maker, argument, more) in PEERS.items():
        for count in lanes:
            try:
                call = getattr(environments, maker)(argument, count, **more)
                call()  # compiles
                begun, steps = time.perf_counter(), 0
                while steps == 0 or time.perf_counter() - begun < seconds:
                    steps += call()
                rates[name, count] = steps / (time.perf_counter() - begun)
            except Exception as error:  # out of memory, a package that is not there
                rates[name, count] = f"{type(error).__name__}: {str(error)[:60]}"
    return rates


# Name, pipeline, its environment and agent, a return that counts as learnt.
TRAININGS = [
    ("PPO, CartPole", "classic_control/ppo_cartpole", "cart_pole", "balancer", 475.0),
    ("PPO, cramped_room", "quick", "kitchen", "chef", 160.0),
]


def training(options, name, pipeline, environment, agent, wanted, backend, learner):
    """Environment steps per second of a whole training, how long it took, and the best return of its first replica."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/run"
        binary = options.cuda if learner == "cuda" else options.starling
        command = [binary, "run", pipeline, "--out", out, "--quiet", "--set", f"environment.{environment}.backend={backend}"]
        command += ["--set", f"agent.{agent}.learner.ppo.device={learner}"]
        command += ["--until", f"ticks={options.ticks}"] if options.ticks else []
        begun = time.perf_counter()
        done = run(command)
        wall = time.perf_counter() - begun
        if done.returncode != 0:
            return f"{name:24} {backend:4} {learner:4}  {done.stderr.strip().splitlines()[0] if done.stderr.strip() else 'failed'}"
        shown = run([options.starling, "show", out]).stdout
        steps = re.search(r"([\d.]+) ([kM]?) ?environment steps", shown)
        number = float(steps[1]) * {"k": 1e3, "M": 1e6, "": 1.0}[steps[2]] if steps else float("nan")
        best = re.search(r"^0 +\S+ +(\S+)", shown, re.MULTILINE)
        learnt = "?" if not best else f"best return {float(best[1]):.1f} (wanted {wanted:.0f})"
        return f"{name:24} {backend:4} {learner:4} {number / wall:14.0f} steps/s per replica in {wall:7.1f} s  {learnt}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starling", default="target/release/starling")
    parser.add_argument("--cuda")
    parser.add_argument("--lanes", default="4096,16384,65536,262144,1048576")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    options.ticks = 0
    if options.small:
        options.lanes, options.seconds, options.ticks = "1024,4096", 0.3, 3
    options.starling = str(pathlib.Path(options.starling).resolve())
    options.cuda = options.cuda and str(pathlib.Path(options.cuda).resolve())
    print(run([options.starling, "doctor"]).stdout)
    rows = kernels(options)
    head, rows = rows[0], rows[1:]
    jax_rates = peers([int(count) for count in options.lanes.split(",")], options.seconds)
    if isinstance(jax_rates, str):
        print(jax_rates)
        jax_rates = {}
    print(f"kernels on {head['device']}, whose memory copies {head['bandwidth'] / 1e9:.1f} GB/s; peers on {jax_rates.get('device', '-')}")
    print(f"{'random play':38} {'lanes':>8} {'M steps/s':>12} {'GB/s':>8} {'goal':>8} {'peer, M steps/s':>18} {'ratio':>7}")
    for row in rows:
        if "members" in row:
            print(f"{row['members']} policies on cart_pole, {row['lanes']} lanes each: {row['steps_per_second'] / 1e6:.3f} M steps/s")
            continue
        if "fault" in row:
            print(f"{row['name']:38} {row['lanes']:>8} {row['fault']}")
            continue
        speed = row["steps_per_second"]
        written = speed * row["observation_bytes_per_step"] / 1e9
        goal = GOALS.get(row["name"])
        peer = jax_rates.get((row["name"], row["lanes"]))
        told = peer if isinstance(peer, str) else f"{peer / 1e6:.3f}" if peer else "-"
        ratio = f"{speed / peer:.1f}" if isinstance(peer, float) else "-"
        reached = f"{speed / goal:.0%}" if goal else "-"
        print(f"{row['name']:38} {row['lanes']:>8} {speed / 1e6:>12.3f} {written:>8.2f} {reached:>8} {told:>18} {ratio:>7}")
    print(f"\n{'training, whole':24} {'acts':4} {'learns':6}")
    ways = [("gpu", "cpu"), ("cpu", "cpu")] + ([("gpu", "cuda"), ("cpu", "cuda")] if options.cuda else [])
    lines = [training(options, *case, *way) for case in TRAININGS for way in ways]
    print("\n".join(lines))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"kernels": [head, *rows], "trainings": lines}, indent=2) + "\n")


if __name__ == "__main__":
    main()
