#!/usr/bin/env python3
"""Makes policies of JaxMARL's networks for OvercookedV1 and V2, and records what they compute.

usage: jaxmarl_policies.py FOLDER [--tiny] [--rows N] [NAME...]

For every policy: NAME.safetensors as JaxMARL's own `save_params` writes it; NAME.parquet with observations of JaxMARL's environment, met while the
policy plays itself, and JAX's logits and values for each; NAME.json, which says what the network is, in the words of a pipeline file. `--tiny`
makes the small networks of tests/golden/jaxmarl, else the networks of the baselines are made in their size. Compare with

    STARLING_GOLDEN=FOLDER/.. cargo test --release --workspace --test suite jaxmarl      (FOLDER is called jaxmarl)

The package does not ship the baselines' network classes, so they are written here anew from their description: layers, initialisation and the
order in which flax numbers modules are theirs. A network either starts, as `NAME_random`, or has been trained for a few updates of PPO. A recurrent
one (`rnn` in its name) is not trained: every parameter is moved by a little noise, so that none is at its start. Its rows are `[steps, columns]`, a
column is a lane and an agent, and `reset` says where an episode begins.

Set up with: python -m venv VENV && VENV/bin/pip install -r tests/peers/requirements.txt
"""

import argparse
import functools
import json
import os
from pathlib import Path
from typing import Any, Sequence

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

LANES, STEPS, EPOCHS = 16, 32, 2
GAMMA, GAE_LAMBDA, CLIP, ENTROPY = 0.99, 0.95, 0.2, 0.01


def orthogonal(gain):
    return nn.initializers.orthogonal(gain)


class CNN(nn.Module):
    """Convolutions, then one dense layer. flax calls it `CNN_0`, after its class."""

    convolutions: Sequence[tuple[int, int]]
    units: int
    activation: Any

    @nn.compact
    def __call__(self, x):
        for features, side in self.convolutions:
            x = self.activation(nn.Conv(features, (side, side), kernel_init=orthogonal(np.sqrt(2)))(x))
        x = x.reshape((x.shape[0], -1))
        return self.activation(nn.Dense(self.units, kernel_init=orthogonal(np.sqrt(2)))(x))


class ActorCritic(nn.Module):
    """Logits and a value. `ignored`: the hidden layer of the policy is computed and not used, as in the baseline of JaxMARL 0.2.0."""

    moves: int
    activation: Any
    convolutions: Sequence[tuple[int, int]]
    embedding: int
    hidden: Sequence[int]
    ignored: bool = False

    @nn.compact
    def __call__(self, x):
        if self.convolutions:
            shared = CNN(self.convolutions, self.embedding, self.activation)(x)
        else:
            shared = x.reshape((x.shape[0], -1))
        y = shared
        for units in self.hidden:
            y = self.activation(nn.Dense(units, kernel_init=orthogonal(np.sqrt(2)))(y))
        logits = nn.Dense(self.moves, kernel_init=orthogonal(0.01))(shared if self.ignored else y)
        y = shared
        for units in self.hidden:
            y = self.activation(nn.Dense(units, kernel_init=orthogonal(np.sqrt(2)))(y))
        value = nn.Dense(1, kernel_init=orthogonal(1.0))(y)
        return logits, value.squeeze(-1)


class ScannedRNN(nn.Module):
    """A gated recurrent unit over time, emptied where an episode begins. flax calls it `ScannedRNN_0`."""

    @functools.partial(
        nn.scan, variable_broadcast="params", in_axes=0, out_axes=0, split_rngs={"params": False}
    )
    @nn.compact
    def __call__(self, carry, rows):
        embedded, resets = rows
        carry = jnp.where(resets[:, None], jnp.zeros_like(carry), carry)
        return nn.GRUCell(features=embedded.shape[-1])(carry, embedded)


class RecurrentActorCritic(nn.Module):
    """Logits and values of `[steps, columns, ...]`, and the memories after the last step, for those before the first."""

    moves: int
    activation: Any
    convolutions: Sequence[tuple[int, int]]
    embedding: int
    hidden: Sequence[int]

    @nn.compact
    def __call__(self, carry, x, resets):
        embedded = jax.vmap(CNN(self.convolutions, self.embedding, self.activation))(x)
        carry, shared = ScannedRNN()(carry, (nn.LayerNorm()(embedded), resets))
        heads = []
        for outputs, gain in ((self.moves, 0.01), (1, 1.0)):
            y = shared
            for units in self.hidden:
                y = self.activation(nn.Dense(units, kernel_init=orthogonal(2))(y))
            heads.append(nn.Dense(outputs, kernel_init=orthogonal(gain))(y))
        return carry, heads[0], heads[1].squeeze(-1)


def networks(tiny):
    """Name, environment, settings of the network."""
    v1, v2 = "overcooked", "overcooked_v2"
    if tiny:
        return [
            ("tiny_cnn", v1, dict(activation="relu", convolutions=[(4, 3), (4, 2)], embedding=8, hidden=[8], ignored=True)),
            ("tiny_mlp", v1, dict(activation="tanh", convolutions=[], embedding=0, hidden=[6, 6])),
            ("tiny_rnn", v2, dict(activation="relu", convolutions=[(4, 1), (4, 3)], embedding=6, hidden=[8])),
        ]
    baseline = [(32, 5), (32, 3), (32, 3)]
    paper = [(128, 1), (128, 1), (8, 1), (16, 3), (32, 3), (32, 3)]
    return [
        ("cnn_v1", v1, dict(activation="relu", convolutions=baseline, embedding=64, hidden=[64], ignored=True)),
        ("cnn_v1_repaired", v1, dict(activation="tanh", convolutions=baseline, embedding=64, hidden=[64])),
        ("mlp_v1", v1, dict(activation="tanh", convolutions=[], embedding=0, hidden=[64, 64])),
        ("cnn_v2", v2, dict(activation="relu", convolutions=paper, embedding=64, hidden=[128])),
        ("mlp_v2", v2, dict(activation="relu", convolutions=[], embedding=0, hidden=[64, 64])),
        ("rnn_v2", v2, dict(activation="relu", convolutions=paper, embedding=128, hidden=[128])),
    ]


def policy_table(settings, recurrent=False):
    """The same network as a pipeline file says it."""
    layers = [{"conv": list(c)} for c in settings["convolutions"]]
    layers += ["flatten", {"dense": settings["embedding"]}] if layers else []
    layers += ["layer_norm", {"gru": settings["embedding"]}] if recurrent else []
    hidden = [{"dense": units} for units in settings["hidden"]]
    actor = [{"ignored_dense": units} for units in settings["hidden"]] if settings.get("ignored") else hidden
    return {"layers": layers, "activation": settings["activation"], "heads": {"actor": actor, "critic": hidden}}


class Kitchen:
    """Lanes of a JaxMARL environment with all agents of all lanes in one batch."""

    def __init__(self, name, **more):
        import jaxmarl
        from jaxmarl.environments.overcooked import overcooked_layouts

        settings = {
            "overcooked": lambda: dict(layout=overcooked_layouts["cramped_room"]),
            "overcooked_v2": lambda: dict(layout="grounded_coord_simple", agent_view_size=2),
        }
        self.environment = jaxmarl.make(name, **settings[name](), **more)
        self.agents = self.environment.agents
        self.moves = int(self.environment.action_space(self.agents[0]).n)

    def stack(self, of_agents):
        return jnp.concatenate([of_agents[agent] for agent in self.agents])

    def reset(self, key):
        observations, states = jax.vmap(self.environment.reset)(jax.random.split(key, LANES))
        return self.stack(observations), states

    def step(self, key, states, actions):
        actions = dict(zip(self.agents, actions.reshape((len(self.agents), LANES))))
        keys = jax.random.split(key, LANES)
        observations, states, rewards, dones, info = jax.vmap(self.environment.step)(keys, states, actions)
        rewards = self.stack(rewards) + self.stack(info["shaped_reward"])
        return self.stack(observations), states, rewards, self.stack(dones).astype(jnp.float32)


def play(kitchen, network, parameters, carry, steps):
    """Steps of self-play, each as (observations, actions, log-probabilities, values, rewards, dones)."""

    def one(carry, _):
        key, observations, states = carry
        key, act, own = jax.random.split(key, 3)
        logits, values = network.apply(parameters, observations.astype(jnp.float32))
        actions = jax.random.categorical(act, logits)
        log_probs = jnp.take_along_axis(jax.nn.log_softmax(logits), actions[:, None], -1)[:, 0]
        later, states, rewards, dones = kitchen.step(own, states, actions)
        return (key, later, states), (observations, actions, log_probs, values, rewards, dones)

    return jax.lax.scan(one, carry, None, steps)


def advantages(values, rewards, dones, last):
    def one(carry, row):
        advantage, later = carry
        value, reward, done = row
        error = reward + GAMMA * later * (1 - done) - value
        advantage = error + GAMMA * GAE_LAMBDA * (1 - done) * advantage
        return (advantage, value), advantage

    return jax.lax.scan(one, (jnp.zeros_like(last), last), (values, rewards, dones), reverse=True)[1]


def train(kitchen, network, parameters, key, updates):
    """A few updates of PPO, each epoch on the whole rollout."""
    optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(2e-3, eps=1e-5))

    def loss(parameters, rollout, advantage):
        observations, actions, old, values, _, _ = rollout
        flat = observations.reshape((-1, *observations.shape[2:])).astype(jnp.float32)
        logits, now = network.apply(parameters, flat)
        all_log_probs = jax.nn.log_softmax(logits)
        log_probs = jnp.take_along_axis(all_log_probs, actions.reshape(-1, 1), -1)[:, 0]
        ratio = jnp.exp(log_probs - old.reshape(-1))
        targets = (advantage + values).reshape(-1)
        advantage = (advantage.reshape(-1) - advantage.mean()) / (advantage.std() + 1e-8)
        policy = -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage).mean()
        entropy = -(jnp.exp(all_log_probs) * all_log_probs).sum(-1).mean()
        return policy + 0.5 * 0.5 * jnp.square(now - targets).mean() - ENTROPY * entropy

    @jax.jit
    def update(parameters, state, carry):
        carry, rollout = play(kitchen, network, parameters, carry, STEPS)
        last = network.apply(parameters, carry[1].astype(jnp.float32))[1]
        advantage = advantages(*rollout[3:], last)
        for _ in range(EPOCHS):
            slope = jax.grad(loss)(parameters, rollout, advantage)
            change, state = optimizer.update(slope, state, parameters)
            parameters = optax.apply_updates(parameters, change)
        return parameters, state, carry

    state, carry = optimizer.init(parameters), (key, *kitchen.reset(key))
    for _ in range(updates):
        parameters, state, carry = update(parameters, state, carry)
    return parameters


def record(folder, name, kitchen, network, parameters, settings, key, rows):
    """The files of one policy."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from jaxmarl.wrappers.baselines import save_params

    steps = -(-rows // (LANES * len(kitchen.agents)))
    played = jax.jit(lambda p, c: play(kitchen, network, p, c, steps)[1])(parameters, (key, *kitchen.reset(key)))
    seen = np.asarray(played[0])
    seen = seen.reshape((-1, *seen.shape[2:]))[:rows]
    stored = seen.astype(np.uint8)
    assert (stored == seen).all(), "observations are whole numbers from 0 to 255"
    with jax.default_matmul_precision("highest"):
        logits, values = jax.jit(network.apply)(parameters, jnp.asarray(stored, jnp.float32))
    logits, values = np.asarray(logits), np.asarray(values)
    assert np.isfinite(logits).all() and np.isfinite(values).all()

    save_params(parameters, folder / f"{name}.safetensors")
    width = int(np.prod(stored.shape[1:]))
    table = pa.table(
        {
            "observation": pa.array([row.tobytes() for row in stored], pa.binary(width)),
            "logits": pa.FixedSizeListArray.from_arrays(pa.array(logits.reshape(-1)), kitchen.moves),
            "value": pa.array(values),
        }
    )
    pq.write_table(table, folder / f"{name}.parquet", compression="zstd", compression_level=19)
    about = {
        "schema": "jaxmarl_policy/1",
        "checkpoint": f"{name}.safetensors",
        "table": f"{name}.parquet",
        "observation": list(stored.shape[1:]),
        "moves": kitchen.moves,
        "policy": policy_table(settings),
    }
    (folder / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")
    spread = np.abs(logits - logits.mean(-1, keepdims=True)).max()
    print(f"{name}: {rows} rows of {width}, logits up to {spread:.3g} from their mean, values {values.min():.3g} to {values.max():.3g}")


def record_recurrent(folder, name, settings, key, rows):
    """The files of one recurrent policy."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from jaxmarl.wrappers.baselines import save_params

    kitchen = Kitchen("overcooked_v2", max_steps=25)
    network = RecurrentActorCritic(**{**settings, "moves": kitchen.moves, "activation": getattr(nn, settings["activation"])})
    keys = jax.random.split(key, 4)
    observations, states = kitchen.reset(keys[0])
    columns = len(observations)
    start = jnp.zeros((columns, settings["embedding"]))
    fresh = jnp.ones(columns, bool)
    parameters = network.init(keys[1], start, observations[None].astype(jnp.float32), fresh[None])
    leaves, tree = jax.tree.flatten(parameters)
    noises = [0.1 * jax.random.normal(k, leaf.shape) for k, leaf in zip(jax.random.split(keys[2], len(leaves)), leaves)]
    parameters = jax.tree.unflatten(tree, [leaf + noise for leaf, noise in zip(leaves, noises)])

    @jax.jit
    def step(carry, observations, states, resets, key):
        act, own = jax.random.split(key)
        carry, logits, _ = network.apply(parameters, carry, observations[None].astype(jnp.float32), resets[None])
        later, states, _, dones = kitchen.step(own, states, jax.random.categorical(act, logits[0]))
        return carry, later, states, dones.astype(bool)

    carry, resets, seen, flags = start, fresh, [], []
    kept = slice(0, columns, LANES // 2)  # two lanes of each agent: long columns rather than many
    for own in jax.random.split(keys[3], -(-rows // len(range(columns)[kept]))):
        seen.append(np.asarray(observations))
        flags.append(np.asarray(resets))
        carry, observations, states, resets = step(carry, observations, states, resets, own)
    seen, flags, start = np.stack(seen)[:, kept], np.stack(flags)[:, kept], start[kept]
    stored = seen.astype(np.uint8)
    assert (stored == seen).all(), "observations are whole numbers from 0 to 255"
    with jax.default_matmul_precision("highest"):
        _, logits, values = jax.jit(network.apply)(parameters, start, jnp.asarray(stored, jnp.float32), jnp.asarray(flags))
    logits, values = np.asarray(logits), np.asarray(values)
    assert np.isfinite(logits).all() and np.isfinite(values).all()

    save_params(parameters, folder / f"{name}.safetensors")
    flat = stored.reshape((-1, *stored.shape[2:]))
    table = pa.table(
        {
            "observation": pa.array([row.tobytes() for row in flat], pa.binary(int(np.prod(flat.shape[1:])))),
            "reset": pa.array(flags.reshape(-1).astype(np.uint8)),
            "logits": pa.FixedSizeListArray.from_arrays(pa.array(logits.reshape(-1)), kitchen.moves),
            "value": pa.array(values.reshape(-1)),
        }
    )
    pq.write_table(table, folder / f"{name}.parquet", compression="zstd", compression_level=19)
    about = {
        "schema": "jaxmarl_recurrent_policy/1",
        "checkpoint": f"{name}.safetensors",
        "table": f"{name}.parquet",
        "observation": list(flat.shape[1:]),
        "columns": len(start),
        "moves": kitchen.moves,
        "policy": policy_table(settings, recurrent=True),
    }
    (folder / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")
    print(f"{name}: {len(flags)} steps of {len(start)} columns, {int(flags.sum())} beginnings, values {values.min():.3g} to {values.max():.3g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--updates", type=int, default=20)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for index, (name, environment, settings) in enumerate(networks(arguments.tiny)):
        if arguments.names and name not in arguments.names:
            continue
        if "rnn" in name:
            record_recurrent(arguments.folder, name, settings, jax.random.key(index), arguments.rows)
            continue
        kitchen = Kitchen(environment)
        network = ActorCritic(**{**settings, "moves": kitchen.moves, "activation": getattr(nn, settings["activation"])})
        keys = jax.random.split(jax.random.key(index), 4)
        parameters = network.init(keys[0], kitchen.reset(keys[1])[0].astype(jnp.float32))
        if not arguments.tiny:
            record(arguments.folder, f"{name}_random", kitchen, network, parameters, settings, keys[3], arguments.rows)
        parameters = train(kitchen, network, parameters, keys[2], arguments.updates)
        record(arguments.folder, name, kitchen, network, parameters, settings, keys[3], arguments.rows)


if __name__ == "__main__":
    main()
