"""The recurrent IPPO published for OvercookedV2 in JAX, written from its specification, on JaxMARL's environment: how fast it trains.

One shared set of parameters; each cook is an actor with a memory of its own. Actors are ordered agent-major. The observations are cast to floats, convolutions are XLA's, the GRU is a scan over time.

An update is a rollout and epochs x minibatches optimiser steps of the same kind, so a rollout and one epoch are timed by themselves and an update
is put together from them: on a small machine a whole one takes minutes. JaxMARL's baseline is one program, so its minibatches go by in a scan,
and in a loop XLA computes convolutions on one thread and slowly; `loops = False` calls every optimiser step by itself, which is much faster
here and is what nobody publishes.

    python ippo_rnn.py            # steps per second at 64 environments x 128 steps, 16 minibatches, in both ways
"""

import math
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp

EPOCHS, GAMMA, LAMBDA, CLIP, ENTROPY, VALUE_WEIGHT, MAX_NORM, RATE = 4, 0.99, 0.95, 0.2, 0.01, 0.5, 0.25, 2.5e-4
UNITS, MOVES = 128, 6
CONVS = [(128, 1), (128, 1), (8, 1), (16, 3), (32, 3), (32, 3)]


def orthogonal(key, shape, gain):
    flat = (math.prod(shape[:-1]), shape[-1])
    return jax.nn.initializers.orthogonal(gain)(key, flat).reshape(shape)


def network(key, shape):
    height, width, channels = shape
    keys = iter(jax.random.split(key, 16))
    params = {"convs": []}
    for features, side in CONVS:
        kernel = orthogonal(next(keys), (side, side, channels, features), 2**0.5)
        params["convs"].append({"w": kernel, "b": jnp.zeros(features)})
        channels = features
    dense = lambda inputs, outputs, gain: {"w": orthogonal(next(keys), (inputs, outputs), gain), "b": jnp.zeros(outputs)}
    params["dense"] = dense(height * width * channels, UNITS, 2**0.5)
    params["norm"] = {"scale": jnp.ones(UNITS), "b": jnp.zeros(UNITS)}
    params["input"] = {"w": jax.nn.initializers.lecun_normal()(next(keys), (UNITS, 3 * UNITS)), "b": jnp.zeros(3 * UNITS)}
    params["state"] = {"w": orthogonal(next(keys), (UNITS, 3 * UNITS), 1.0), "b": jnp.zeros(UNITS)}
    params["actor"] = [dense(UNITS, 128, 2.0), dense(128, MOVES, 0.01)]
    params["critic"] = [dense(UNITS, 128, 2.0), dense(128, 1, 1.0)]
    return params


def apply(layer, x):
    return x @ layer["w"] + layer["b"]


def forward(params, memory, obs, reset):
    """`obs` `[steps, actors, height, width, channels]`, `reset` `[steps, actors]`; memory after, log-probabilities, values."""
    steps, actors = reset.shape
    x = obs.reshape(steps * actors, *obs.shape[2:]).astype(jnp.float32)
    for layer in params["convs"]:
        x = jax.lax.conv_general_dilated(x, layer["w"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + layer["b"])
    x = jax.nn.relu(apply(params["dense"], x.reshape(steps * actors, -1)))
    x = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-6)
    x = x * params["norm"]["scale"] + params["norm"]["b"]
    inputs = apply(params["input"], x).reshape(steps, actors, -1)

    def step(h, now):
        i, start = now
        h = jnp.where(start[:, None], 0.0, h)
        s = h @ params["state"]["w"]
        r, z = jnp.split(jax.nn.sigmoid(i[:, : 2 * UNITS] + s[:, : 2 * UNITS]), 2, axis=1)
        n = jnp.tanh(i[:, 2 * UNITS :] + r * (s[:, 2 * UNITS :] + params["state"]["b"]))
        h = (1.0 - z) * n + z * h
        return h, h

    memory, states = jax.lax.scan(step, memory, (inputs, reset))
    head = lambda layers: apply(layers[1], jax.nn.relu(apply(layers[0], states)))
    return memory, jax.nn.log_softmax(head(params["actor"])), head(params["critic"])[..., 0]


class Rows(NamedTuple):
    """`[steps, actors, ...]`."""

    obs: jax.Array
    reset: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    reward: jax.Array
    done: jax.Array


def rollout(environment, envs, steps):
    agents = environment.agents

    def join(per_agent):
        return jnp.concatenate([per_agent[agent] for agent in agents])

    def start(key):
        obs, state = jax.vmap(environment.reset)(jax.random.split(key, envs))
        return state, join(obs), jnp.zeros(envs * len(agents), bool), jnp.zeros((envs * len(agents), UNITS))

    def play(params, world, key):
        def one(world, key):
            state, obs, reset, memory = world
            key_act, key_step = jax.random.split(key)
            memory, log_probs, value = forward(params, memory, obs[None], reset[None])
            log_probs, value = log_probs[0], value[0]
            action = jax.random.categorical(key_act, log_probs)
            log_prob = jnp.take_along_axis(log_probs, action[:, None], 1)[:, 0]
            actions = dict(zip(agents, action.reshape(len(agents), envs)))
            keys = jax.random.split(key_step, envs)
            after, state, reward, done, info = jax.vmap(environment.step)(keys, state, actions)
            shaped = info["shaped_reward"]
            earned = join({agent: reward[agent] + shaped[agent] for agent in agents})
            done = jnp.tile(done["__all__"], len(agents))
            return (state, join(after), done, memory), Rows(obs, reset, action, log_prob, value, earned, done)

        begun = world[3]
        world, rows = jax.lax.scan(one, world, jax.random.split(key, steps))
        last = forward(params, world[3], world[1][None], world[2][None])[2][0]

        def back(carry, row):
            gain, after = carry
            alive = 1.0 - row.done
            gain = row.reward + GAMMA * after * alive - row.value + GAMMA * LAMBDA * alive * gain
            return (gain, row.value), gain

        advantage = jax.lax.scan(back, (jnp.zeros_like(last), last), rows, reverse=True)[1]
        return world, (rows, advantage, advantage + rows.value, begun)

    return jax.jit(start), jax.jit(play)


def loss(params, rows, advantage, target, memory):
    _, log_probs, value = forward(params, memory, rows.obs, rows.reset)
    log_prob = jnp.take_along_axis(log_probs, rows.action[..., None], -1)[..., 0]
    ratio = jnp.exp(log_prob - rows.log_prob)
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    surrogate = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage).mean()
    near = rows.value + jnp.clip(value - rows.value, -CLIP, CLIP)
    error = 0.5 * jnp.maximum((value - target) ** 2, (near - target) ** 2).mean()
    entropy = -(jnp.exp(log_probs) * log_probs).sum(-1).mean()
    return -surrogate + VALUE_WEIGHT * error - ENTROPY * entropy


@jax.jit
def descend(params, first, second, t, data, chosen):
    """One optimiser step on the whole sequences of the chosen actors."""
    rows, advantage, target, memory = data
    part = jax.tree.map(lambda x: x[:, chosen], (rows, advantage, target))
    gradient = jax.grad(loss)(params, *part, memory[chosen])
    norm = jnp.sqrt(sum((g * g).sum() for g in jax.tree.leaves(gradient)))
    gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, MAX_NORM / norm), gradient)
    t = t + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    step = lambda p, m, v: p - RATE * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-5)
    return jax.tree.map(step, params, first, second), first, second, t


@jax.jit
def descend_all(params, first, second, t, data, order):
    """An epoch in one program: `order` `[minibatches, actors of each]`."""

    def one(state, chosen):
        return descend(*state, data, chosen), None

    return jax.lax.scan(one, (params, first, second, t), order)[0]


def measure(envs, steps, minibatches, loops=True):
    """A function that gives steps per second of wall and of processor time; everything is compiled when this returns."""
    import jaxmarl

    options = {"agent_view_size": 2, "random_agent_positions": True, "sample_recipe_on_delivery": True, "negative_rewards": True}
    environment = jaxmarl.make("overcooked_v2", layout="grounded_coord_simple", **options)
    start, play = rollout(environment, envs, steps)
    world = start(jax.random.key(0))
    params = network(jax.random.key(1), world[1].shape[1:])
    zeros = jax.tree.map(jnp.zeros_like, params)
    world, data = play(params, world, jax.random.key(2))
    actors = envs * len(environment.agents)
    state = (params, zeros, zeros, jnp.int32(0))
    if loops:
        order = jnp.arange(actors).reshape(minibatches, -1)
        learn, times = lambda: descend_all(*state, data, order), EPOCHS
    else:
        chosen = jnp.arange(actors // minibatches)
        learn, times = lambda: descend(*state, data, chosen), EPOCHS * minibatches
    jax.block_until_ready(learn())

    def timed(call):
        begun, used = time.perf_counter(), time.process_time()
        jax.block_until_ready(call())
        return time.perf_counter() - begun, time.process_time() - used

    def one():
        playing = timed(lambda: play(params, world, jax.random.key(3)))
        learning = timed(learn)
        whole = [a + times * b for a, b in zip(playing, learning)]
        return envs * steps / whole[0], envs * steps / whole[1]

    return one


if __name__ == "__main__":
    for loops in (True, False):
        rate, cpu_rate = measure(64, 128, 16, loops)()
        print(f"minibatches in one program {loops}: {rate:.0f} steps/s, {cpu_rate:.0f} per CPU second", flush=True)
