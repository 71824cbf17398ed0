"""PPO on a MinAtar game of gymnax in JAX, seed after seed, with the program of `ppo_classic_control.py` and the settings of a pipeline file.

    XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" \\
        python ppo_minatar.py pipelines/minatar/breakout_1m.toml --seeds 16 --json

The program is compiled once, before any seed, and steps per second are of the rest. A seed's score is the mean over the last ten updates of an
update's score: the mean over the environments of each one's last finished return, carried forward, after the last step of the rollout
(`end` there, `episode_return_carried` in Starling's metrics); that of the last update alone is told beside it.
"""

import argparse
import json
import pathlib
import resource
import time
import tomllib

import gymnax
import jax
import numpy as np
import ppo_classic_control as ppo

ppo.GAMES |= {
    "minatar_breakout": "Breakout-MinAtar",
    "minatar_asterix": "Asterix-MinAtar",
    "minatar_freeway": "Freeway-MinAtar",
    "minatar_space_invaders": "SpaceInvaders-MinAtar",
}


def load(path):
    """A pipeline file with what it extends: tables are merged, everything else is replaced."""
    file = tomllib.loads(path.read_text())
    base = file.pop("extends", None)
    return merge(load(path.parent / base), file) if base else file


def merge(base, more):
    both = isinstance(base, dict) and isinstance(more, dict)
    return base | {key: merge(base.get(key), value) for key, value in more.items()} if both else more


class Flat:
    """A game whose observation is a vector."""

    def __init__(self, game, rules):
        self.game = game
        self.inputs = int(np.prod(game.observation_space(rules).shape))

    def action_space(self, rules):
        return self.game.action_space(rules)

    def observation_space(self, rules):
        return jax.ShapeDtypeStruct((self.inputs,), np.float32)

    def reset(self, key, rules):
        obs, state = self.game.reset(key, rules)
        return obs.reshape(-1), state

    def step(self, key, state, action, rules):
        obs, *rest = self.game.step(key, state, action, rules)
        return (obs.reshape(-1), *rest)


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline", type=pathlib.Path, help="a file of pipelines/minatar")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args()

    settings = ppo.settings_of(load(options.pipeline))
    game, rules = gymnax.make(settings.game)
    flat = Flat(game, rules)
    began = time.monotonic()
    program = jax.jit(lambda key: ppo.train(settings, flat, rules, key)).lower(jax.random.key(0)).compile()
    compiling = time.monotonic() - began

    steps = settings.updates * settings.steps * settings.envs
    told, rates, cpu_rates = [], [], []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        wall, cpu = time.monotonic(), processor_seconds()
        scores = {name: np.asarray(x, np.float64) for name, x in program(jax.random.key(seed)).items()}
        rates.append(steps / (time.monotonic() - wall))
        cpu_rates.append(steps / (processor_seconds() - cpu))
        told.append(scores["end"])
        if not options.json:
            last = scores["end"][-ppo.LAST :].mean()
            print(f"seed {seed}: last update {scores['end'][-1]:.2f}, last ten {last:.2f}, {rates[-1]:,.0f} steps/s", flush=True)
    told = np.stack(told)
    last_ten = told[:, -ppo.LAST :].mean(axis=1)
    answer = {
        "game": settings.game,
        "seeds": list(range(options.first_seed, options.first_seed + options.seeds)),
        "steps": steps,
        "last_update": told[:, -1].tolist(),
        "last_ten_updates": last_ten.tolist(),
        "steps_per_second": float(np.median(rates)),
        "steps_per_cpu_second": float(np.median(cpu_rates)),
        "compile_seconds": round(compiling, 1),
        "curve": told.round(4).tolist(),
    }
    if options.json:
        print(json.dumps(answer))
        return
    print(f"{settings.game}, {steps:,} steps, {len(told)} seeds: last update {told[:, -1].mean():.2f}, last ten {last_ten.mean():.2f}")
    print(f"{np.median(rates):,.0f} steps/s, {np.median(cpu_rates):,.0f} per CPU second (medians), compiled in {compiling:.1f} s")


if __name__ == "__main__":
    main()
