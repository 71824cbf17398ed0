"""PPO on CartPole-v1 in JAX, written from the specification alone, to tell how the reference algorithm's scores spread over seeds.

The settings are PureJaxRL's defaults (4 environments x 128 steps, 976 updates), the environment is gymnax's, everything runs inside one
`jax.jit` and the seeds run side by side under `vmap`. The networks, GAE, the loss, gradient clipping and Adam are written out by hand.

    XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" python ppo_cart_pole.py --seeds 64 --json

An update's score comes in two kinds, both from each environment's last finished episode, its return carried forward:
  end     the mean over the environments after the last step of the rollout
  rollout the mean over all steps and environments of the rollout, as PureJaxRL's `info["returned_episode_returns"].mean()`
A seed's score is the mean over the last ten updates.
"""

import argparse
import json
import math
import time
from typing import NamedTuple

import gymnax
import jax
import jax.numpy as jnp
import numpy as np

ENVS, STEPS, TOTAL = 4, 128, 500_000
UPDATES = TOTAL // STEPS // ENVS
EPOCHS, MINIBATCHES = 4, 4
RATE, EPS, BETA1, BETA2, MAX_NORM = 2.5e-4, 1e-5, 0.9, 0.999, 0.5
GAMMA, LAMBDA = 0.99, 0.95
CLIP, ENTROPY, VALUE = 0.2, 0.01, 0.5
WIDTH, LAST, BAR = 64, 10, 475.0
MARKS = (512, 20_000, 105_000, 250_000, 400_000)

CARTPOLE, RULES = gymnax.make("CartPole-v1")


class Samples(NamedTuple):
    obs: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    reward: jax.Array
    done: jax.Array


class Adam(NamedTuple):
    first: dict
    second: dict
    steps: jax.Array


# Networks: two trunks that share nothing.


def layers(key, sizes, gains):
    out = []
    for part, before, after, gain in zip(jax.random.split(key, len(gains)), sizes, sizes[1:], gains):
        out.append({"w": jax.nn.initializers.orthogonal(gain)(part, (before, after), jnp.float32), "b": jnp.zeros(after)})
    return out


def networks(key):
    actor, critic = jax.random.split(key)
    root = math.sqrt(2.0)
    return {
        "actor": layers(actor, (4, WIDTH, WIDTH, 2), (root, root, 0.01)),
        "critic": layers(critic, (4, WIDTH, WIDTH, 1), (root, root, 1.0)),
    }


def apply(net, x):
    *hidden, head = net
    for layer in hidden:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ head["w"] + head["b"]


def log_policy(params, obs):
    return jax.nn.log_softmax(apply(params["actor"], obs))


def value_of(params, obs):
    return apply(params["critic"], obs)[..., 0]


# Learning


def advantages(samples, last_value):
    def back(carry, row):
        gain, after = carry
        alive = 1.0 - row.done
        delta = row.reward + GAMMA * after * alive - row.value
        gain = delta + GAMMA * LAMBDA * alive * gain
        return (gain, row.value), gain

    return jax.lax.scan(back, (jnp.zeros_like(last_value), last_value), samples, reverse=True)[1]


def loss(params, rows, advantage, target):
    every = log_policy(params, rows.obs)
    log_prob = jnp.take_along_axis(every, rows.action[:, None], axis=1)[:, 0]
    entropy = -jnp.sum(jnp.exp(every) * every, axis=1).mean()

    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = jnp.exp(log_prob - rows.log_prob)
    surrogate = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage).mean()

    value = value_of(params, rows.obs)
    near = rows.value + jnp.clip(value - rows.value, -CLIP, CLIP)
    error = 0.5 * jnp.maximum((value - target) ** 2, (near - target) ** 2).mean()
    return -surrogate + VALUE * error - ENTROPY * entropy, entropy


def descend(params, adam, gradient):
    tree = jax.tree.map
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradient)))
    gradient = tree(lambda g: g * jnp.minimum(1.0, MAX_NORM / norm), gradient)
    rate = RATE * (1.0 - (adam.steps // (EPOCHS * MINIBATCHES)) / UPDATES)
    steps = adam.steps + 1
    first = tree(lambda m, g: BETA1 * m + (1 - BETA1) * g, adam.first, gradient)
    second = tree(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, adam.second, gradient)
    scale1, scale2 = 1 - BETA1**steps, 1 - BETA2**steps
    params = tree(lambda p, m, v: p - rate * (m / scale1) / (jnp.sqrt(v / scale2) + EPS), params, first, second)
    return params, Adam(first, second, steps)


def train(key):
    key, key_net, key_reset = jax.random.split(key, 3)
    params = networks(key_net)
    adam = Adam(jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.int32(0))
    obs, world = jax.vmap(CARTPOLE.reset, (0, None))(jax.random.split(key_reset, ENVS), RULES)

    def act(carry, key):
        params, world, obs, running, finished = carry
        key_act, key_world = jax.random.split(key)
        every = log_policy(params, obs)
        action = jax.random.categorical(key_act, every)
        log_prob = jnp.take_along_axis(every, action[:, None], axis=1)[:, 0]
        keys = jax.random.split(key_world, ENVS)
        seen, world, reward, fell, late, _ = jax.vmap(CARTPOLE.step, (0, 0, 0, None))(keys, world, action, RULES)
        done = fell | late
        running = running + reward
        finished = jnp.where(done, running, finished)
        running = jnp.where(done, 0.0, running)
        row = Samples(obs, action, log_prob, value_of(params, obs), reward, done.astype(jnp.float32))
        return (params, world, seen, running, finished), (row, finished)

    def update(carry, key):
        params, adam, world, obs, running, finished = carry
        key_act, key_learn = jax.random.split(key)
        carry, (samples, scores) = jax.lax.scan(act, (params, world, obs, running, finished), jax.random.split(key_act, STEPS))
        _, world, obs, running, finished = carry
        advantage = advantages(samples, value_of(params, obs))
        flat = jax.tree.map(lambda x: x.reshape(STEPS * ENVS, *x.shape[2:]), (samples, advantage, advantage + samples.value))

        def minibatch(carry, rows):
            params, adam = carry
            (_, entropy), gradient = jax.value_and_grad(loss, has_aux=True)(params, *jax.tree.map(lambda x: x[rows], flat))
            return descend(params, adam, gradient), entropy

        def epoch(carry, key):
            rows = jax.random.permutation(key, STEPS * ENVS).reshape(MINIBATCHES, -1)
            return jax.lax.scan(minibatch, carry, rows)

        (params, adam), entropies = jax.lax.scan(epoch, (params, adam), jax.random.split(key_learn, EPOCHS))
        told = {"end": finished.mean(), "rollout": scores.mean(), "entropy": entropies.mean()}
        return (params, adam, world, obs, running, finished), told

    nothing = jnp.zeros(ENVS)
    start = (params, adam, world, obs, nothing, nothing)
    return jax.lax.scan(update, start, jax.random.split(key, UPDATES))[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--curves", metavar="FILE.npz", help="also write the scores of every seed and update")
    options = parser.parse_args()

    seeds = range(options.first_seed, options.first_seed + options.seeds)
    began = time.monotonic()
    keys = jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))
    told = {name: np.asarray(x, np.float64) for name, x in jax.jit(jax.vmap(train))(keys).items()}
    took = time.monotonic() - began
    if options.curves:
        np.savez_compressed(options.curves, seeds=np.array(seeds), **told)

    answer = {"seeds": list(seeds), "updates": UPDATES, "seconds": round(took, 1)}
    for kind in ("end", "rollout"):
        scores = told[kind][:, -LAST:].mean(axis=1)
        answer[kind] = {
            "mean": scores.mean(),
            "standard_error": scores.std(ddof=1) / math.sqrt(len(scores)) if len(scores) > 1 else None,
            "lowest": scores.min(),
            "at_least_475": float((scores >= BAR).mean()),
            "per_seed": scores.tolist(),
        }
    answer["curve"] = []
    for steps in MARKS:
        at = min(max(steps // (STEPS * ENVS), 1), UPDATES) - 1
        row = {"steps": (at + 1) * STEPS * ENVS, "entropy": told["entropy"][:, at].mean()}
        for kind in ("end", "rollout"):
            scores = told[kind][:, at]
            row[kind] = {"mean": scores.mean(), "lowest": scores.min(), "highest": scores.max()}
        answer["curve"].append(row)
    answer["entropy_at_the_end"] = told["entropy"][:, -LAST:].mean()

    if options.json:
        print(json.dumps(answer))
        return
    print(f"{len(seeds)} seeds from {seeds[0]}, {UPDATES} updates, {took:.1f} s")
    for kind in ("end", "rollout"):
        it = answer[kind]
        error = "" if it["standard_error"] is None else f" +- {it['standard_error']:.2f}"
        print(f"{kind:8} mean {it['mean']:.2f}{error}, lowest {it['lowest']:.1f}, {it['at_least_475']:.3f} of the seeds >= 475")
        print("         " + " ".join(f"{x:.1f}" for x in it["per_seed"]))
    for row in answer["curve"]:
        it = row["end"]
        print(f"{row['steps']:7} steps: end {it['mean']:.1f} ({it['lowest']:.1f} to {it['highest']:.1f}), rollout {row['rollout']['mean']:.1f}, entropy {row['entropy']:.4f}")
    print(f"entropy over the last {LAST} updates: {answer['entropy_at_the_end']:.4f}")


if __name__ == "__main__":
    main()
