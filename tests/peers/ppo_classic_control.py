"""PPO on gymnax's classic control in JAX, written from the specification alone, to tell how the reference algorithm's scores spread over seeds.

The settings are read from a pipeline file, so that both sides train alike; a setting that this program does not know is refused. The
environment is gymnax's, everything runs inside one `jax.jit` and the seeds run side by side under `vmap`. The networks, GAE, the loss, running
normalisation, gradient clipping and Adam are written out by hand.

    XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" \\
        python ppo_classic_control.py pipelines/classic_control/ppo_cartpole.toml --seeds 64 --json

An update's score comes in two kinds, both from each environment's last finished episode, its return (of the environment's own rewards) carried
forward:
  end     the mean over the environments after the last step of the rollout
  rollout the mean over all steps and environments of the rollout, as PureJaxRL's `info["returned_episode_returns"].mean()`
A seed's score is the mean over the last ten updates.
"""

import argparse
import json
import math
import pathlib
import time
import tomllib
from typing import NamedTuple

import gymnax
import jax
import jax.numpy as jnp
import numpy as np

GAMES = {
    "cart_pole": "CartPole-v1",
    "acrobot": "Acrobot-v1",
    "mountain_car": "MountainCar-v0",
    "mountain_car_continuous": "MountainCarContinuous-v0",
    "pendulum": "Pendulum-v1",
}
BETA1, BETA2 = 0.9, 0.999
LAST, BAR = 10, 475.0


class Settings(NamedTuple):
    game: str
    envs: int
    total: int
    widths: tuple
    activation: str
    steps: int
    epochs: int
    minibatches: int
    gamma: float
    gae_lambda: float
    clip: float
    entropy: float
    value_weight: float
    rate: float
    last_rate: float
    eps: float
    max_norm: float
    see_normal: bool
    pay_normal: bool
    pay_gamma: float

    @property
    def updates(self):
        return self.total // self.steps // self.envs


def take(table, *names, **defaults):
    """The named values of a table that has no others but those with defaults."""
    table = dict(table)
    values = [table.pop(name) for name in names] + [table.pop(name, value) for name, value in defaults.items()]
    if table:
        raise SystemExit(f"unknown settings: {', '.join(table)}")
    return values


def read(path):
    return settings_of(tomllib.loads(pathlib.Path(path).read_text()))


def settings_of(file):
    (environment,) = file["environment"].values()
    rules, lanes, _ = take(environment, "rules", "lanes", "seats")
    ((kind, _),) = rules.items()
    (agent,) = file["agent"].values()
    policy, learner, optimizer, normalize, _ = take(agent, "policy", "learner", "optimizer", normalize={}, replicas=1)
    activation, heads, layers = take(policy, "activation", "heads", layers=[])
    if layers not in ([], ["flatten"]):
        raise SystemExit(f"unknown layers: {layers}")
    actor, critic = take(heads, "actor", "critic")
    if actor != critic:
        raise SystemExit("actor and critic differ")
    ppo = take(learner["ppo"], "steps", "epochs", "minibatches", "gamma", "gae_lambda", "clip", "entropy", "value_weight")
    rate, eps, norm = take(optimizer["adam"], "rate", "eps", "max_grad_norm")
    first, last = (rate["linear"]["from"], rate["linear"]["to"]) if isinstance(rate, dict) else (rate, rate)
    see, pay, pay_gamma = take(normalize, observations=False, rewards=False, gamma=0.99)
    widths = tuple(layer["dense"] for layer in actor)
    return Settings(GAMES[kind], lanes, file["until"]["env_steps"], widths, activation, *ppo, first, last, eps, norm, see, pay, pay_gamma)


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


class Moments(NamedTuple):
    """Of everything seen so far."""

    mean: jax.Array
    variance: jax.Array
    count: jax.Array


class World(NamedTuple):
    """All environments of a seed, and what is counted about them."""

    state: object
    obs: jax.Array
    running: jax.Array
    finished: jax.Array
    seen: Moments
    paid: Moments
    discounted: jax.Array


# Running normalisation: a batch is taken in before it is normalised.


def moments(shape):
    return Moments(jnp.zeros(shape), jnp.ones(shape), jnp.float32(1e-4))


def merge(old, batch):
    rows = batch.shape[0]
    total = old.count + rows
    delta = batch.mean(axis=0) - old.mean
    squares = old.variance * old.count + batch.var(axis=0) * rows + delta**2 * old.count * rows / total
    return Moments(old.mean + delta * rows / total, squares / total, total)


def see(settings, seen, obs):
    if not settings.see_normal:
        return seen, obs
    seen = merge(seen, obs)
    return seen, (obs - seen.mean) / jnp.sqrt(seen.variance + 1e-8)


def pay(settings, paid, discounted, reward, done):
    if not settings.pay_normal:
        return paid, discounted, reward
    discounted = discounted * settings.pay_gamma * (1.0 - done) + reward
    paid = merge(paid, discounted)
    return paid, discounted, reward / jnp.sqrt(paid.variance + 1e-8)


# Networks: two trunks that share nothing.


def layers(key, sizes, gains):
    out = []
    for part, before, after, gain in zip(jax.random.split(key, len(gains)), sizes, sizes[1:], gains):
        out.append({"w": jax.nn.initializers.orthogonal(gain)(part, (before, after), jnp.float32), "b": jnp.zeros(after)})
    return out


def networks(settings, key, inputs, outputs, continuous):
    actor, critic = jax.random.split(key)
    roots = (math.sqrt(2.0),) * len(settings.widths)
    params = {
        "actor": layers(actor, (inputs, *settings.widths, outputs), (*roots, 0.01)),
        "critic": layers(critic, (inputs, *settings.widths, 1), (*roots, 1.0)),
    }
    return params | ({"log_std": jnp.zeros(outputs)} if continuous else {})


def apply(settings, net, x):
    *hidden, head = net
    bend = {"tanh": jnp.tanh, "relu": jax.nn.relu}[settings.activation]
    for layer in hidden:
        x = bend(x @ layer["w"] + layer["b"])
    return x @ head["w"] + head["b"]


def value_of(settings, params, obs):
    return apply(settings, params["critic"], obs)[..., 0]


class Categorical(NamedTuple):
    every: jax.Array

    def sample(self, key):
        return jax.random.categorical(key, self.every)

    def log_prob(self, action):
        return jnp.take_along_axis(self.every, action[:, None], axis=1)[:, 0]

    def entropy(self):
        return -jnp.sum(jnp.exp(self.every) * self.every, axis=1).mean()


class Gaussian(NamedTuple):
    mean: jax.Array
    log_std: jax.Array

    def sample(self, key):
        return self.mean + jnp.exp(self.log_std) * jax.random.normal(key, self.mean.shape)

    def log_prob(self, action):
        z = (action - self.mean) * jnp.exp(-self.log_std)
        return jnp.sum(-0.5 * z * z - self.log_std - 0.5 * math.log(2 * math.pi), axis=1)

    def entropy(self):
        return jnp.sum(self.log_std + 0.5 * math.log(2 * math.pi * math.e))


def policy(settings, params, obs):
    outputs = apply(settings, params["actor"], obs)
    if "log_std" in params:
        return Gaussian(outputs, params["log_std"])
    return Categorical(jax.nn.log_softmax(outputs))


# Learning


def advantages(settings, samples, last_value):
    def back(carry, row):
        gain, after = carry
        alive = 1.0 - row.done
        delta = row.reward + settings.gamma * after * alive - row.value
        gain = delta + settings.gamma * settings.gae_lambda * alive * gain
        return (gain, row.value), gain

    return jax.lax.scan(back, (jnp.zeros_like(last_value), last_value), samples, reverse=True)[1]


def loss(settings, params, rows, advantage, target):
    clip, now = settings.clip, policy(settings, params, rows.obs)
    entropy = now.entropy()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = jnp.exp(now.log_prob(rows.action) - rows.log_prob)
    surrogate = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - clip, 1 + clip) * advantage).mean()

    value = value_of(settings, params, rows.obs)
    near = rows.value + jnp.clip(value - rows.value, -clip, clip)
    error = 0.5 * jnp.maximum((value - target) ** 2, (near - target) ** 2).mean()
    return -surrogate + settings.value_weight * error - settings.entropy * entropy, entropy


def descend(settings, params, adam, gradient):
    tree = jax.tree.map
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradient)))
    gradient = tree(lambda g: g * jnp.minimum(1.0, settings.max_norm / norm), gradient)
    share = (adam.steps // (settings.epochs * settings.minibatches)) / settings.updates
    rate = settings.rate + (settings.last_rate - settings.rate) * share
    steps = adam.steps + 1
    first = tree(lambda m, g: BETA1 * m + (1 - BETA1) * g, adam.first, gradient)
    second = tree(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, adam.second, gradient)
    scale1, scale2 = 1 - BETA1**steps, 1 - BETA2**steps
    params = tree(lambda p, m, v: p - rate * (m / scale1) / (jnp.sqrt(v / scale2) + settings.eps), params, first, second)
    return params, Adam(first, second, steps)


def train(settings, game, rules, key):
    envs, rows = settings.envs, settings.steps * settings.envs
    space = game.action_space(rules)
    continuous = not hasattr(space, "n")
    inputs = game.observation_space(rules).shape[0]
    key, key_net, key_reset = jax.random.split(key, 3)
    params = networks(settings, key_net, inputs, space.shape[0] if continuous else space.n, continuous)
    adam = Adam(jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.int32(0))
    obs, state = jax.vmap(game.reset, (0, None))(jax.random.split(key_reset, envs), rules)
    seen, obs = see(settings, moments((inputs,)), obs)
    nothing = jnp.zeros(envs)
    world = World(state, obs, nothing, nothing, seen, moments(()), nothing)

    def act(carry, key):
        params, world = carry
        key_act, key_world = jax.random.split(key)
        now = policy(settings, params, world.obs)
        action = now.sample(key_act)
        keys = jax.random.split(key_world, envs)
        raw, state, reward, fell, late, _ = jax.vmap(game.step, (0, 0, 0, None))(keys, world.state, action, rules)
        done = fell | late
        running = world.running + reward
        finished = jnp.where(done, running, world.finished)
        running = jnp.where(done, 0.0, running)
        ended = done.astype(jnp.float32)
        seen, obs = see(settings, world.seen, raw)
        paid, discounted, earned = pay(settings, world.paid, world.discounted, reward, ended)
        row = Samples(world.obs, action, now.log_prob(action), value_of(settings, params, world.obs), earned, ended)
        return (params, World(state, obs, running, finished, seen, paid, discounted)), (row, finished)

    def update(carry, key):
        params, adam, world = carry
        key_act, key_learn = jax.random.split(key)
        (_, world), (samples, scores) = jax.lax.scan(act, (params, world), jax.random.split(key_act, settings.steps))
        advantage = advantages(settings, samples, value_of(settings, params, world.obs))
        flat = jax.tree.map(lambda x: x.reshape(rows, *x.shape[2:]), (samples, advantage, advantage + samples.value))

        def minibatch(carry, chosen):
            params, adam = carry
            part = jax.tree.map(lambda x: x[chosen], flat)
            (_, entropy), gradient = jax.value_and_grad(lambda p: loss(settings, p, *part), has_aux=True)(params)
            return descend(settings, params, adam, gradient), entropy

        def epoch(carry, key):
            order = jax.random.permutation(key, rows).reshape(settings.minibatches, -1)
            return jax.lax.scan(minibatch, carry, order)

        (params, adam), entropies = jax.lax.scan(epoch, (params, adam), jax.random.split(key_learn, settings.epochs))
        told = {"end": world.finished.mean(), "rollout": scores.mean(), "entropy": entropies.mean()}
        return (params, adam, world), told

    return jax.lax.scan(update, (params, adam, world), jax.random.split(key, settings.updates))[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline", help="a file of pipelines/classic_control")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args()

    settings = read(options.pipeline)
    game, rules = gymnax.make(settings.game)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    began = time.monotonic()
    keys = jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))
    told = jax.jit(jax.vmap(lambda key: train(settings, game, rules, key)))(keys)
    told = {name: np.asarray(x, np.float64) for name, x in told.items()}
    took = time.monotonic() - began

    last = min(LAST, settings.updates)
    answer = {"game": settings.game, "seeds": list(seeds), "updates": settings.updates, "seconds": round(took, 1)}
    for kind in ("end", "rollout"):
        scores = told[kind][:, -last:].mean(axis=1)
        answer[kind] = {
            "mean": scores.mean(),
            "standard_error": scores.std(ddof=1) / math.sqrt(len(scores)) if len(scores) > 1 else None,
            "lowest": scores.min(),
            "at_least_475": float((scores >= BAR).mean()),
            "per_seed": scores.tolist(),
        }
    # At most a hundred points, each the mean over seeds.
    answer["curve"] = []
    for at in sorted({round((i + 1) * settings.updates / 100) - 1 for i in range(100)} - {-1}):
        row = {"steps": (at + 1) * settings.steps * settings.envs, "entropy": told["entropy"][:, at].mean()}
        for kind in ("end", "rollout"):
            scores = told[kind][:, at]
            row[kind] = {"mean": scores.mean(), "lowest": scores.min(), "highest": scores.max()}
        answer["curve"].append(row)
    answer["entropy_at_the_end"] = told["entropy"][:, -last:].mean()

    if options.json:
        print(json.dumps(answer))
        return
    print(f"{settings.game}: {len(seeds)} seeds from {seeds[0]}, {settings.updates} updates, {took:.1f} s")
    for kind in ("end", "rollout"):
        it = answer[kind]
        error = "" if it["standard_error"] is None else f" +- {it['standard_error']:.2f}"
        print(f"{kind:8} mean {it['mean']:.2f}{error}, lowest {it['lowest']:.1f}")
        print("         " + " ".join(f"{x:.1f}" for x in it["per_seed"]))
    for row in answer["curve"][::10] + answer["curve"][-1:]:
        it = row["end"]
        print(f"{row['steps']:8} steps: end {it['mean']:.1f} ({it['lowest']:.1f} to {it['highest']:.1f}), entropy {row['entropy']:.4f}")


if __name__ == "__main__":
    main()
