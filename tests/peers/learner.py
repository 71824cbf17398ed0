#!/usr/bin/env python3
"""Takes one optimiser step of PPO in JAX and in Starling on the same sizes, in turns, and prints how many times as fast Starling is.

usage: learner.py [--starling PATH] [--rounds N] [--seconds S] [--row NAME] [--json]

The step: forward, clipped PPO loss, backward, clipping by the global norm, Adam. JAX runs it jitted on one thread, with donated parameters,
the minibatch already gathered; Starling (`starling bench learner`) also computes advantages and gathers the minibatch. Kitchens' observations
are bytes for both: JAX turns them into floats inside the compiled step. CPU seconds of all threads; medians over the steps of all rounds;
compilation is not counted.

Set up with: python -m venv VENV && VENV/bin/pip install -r tests/peers/requirements.txt
"""

import argparse
import json
import os
import statistics
import subprocess
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np

MOVES = 6
CLIP, VALUE_WEIGHT, ENTROPY_WEIGHT, MAX_NORM = 0.2, 0.5, 0.01, 0.5


def orthogonal(key, shape, gain):
    flat = (int(np.prod(shape[:-1])), shape[-1])
    return jax.nn.initializers.orthogonal(gain)(key, flat).reshape(shape)


def dense(key, inputs, outputs, gain=2**0.5):
    return {"kernel": orthogonal(key, (inputs, outputs), gain), "bias": jnp.zeros(outputs)}


def heads(keys, inputs):
    return {"actor": dense(keys[0], inputs, MOVES, 0.01), "critic": dense(keys[1], inputs, 1, 1.0)}


def apply_dense(layer, x):
    return x @ layer["kernel"] + layer["bias"]


def apply_heads(layers, x):
    return apply_dense(layers["actor"], x), apply_dense(layers["critic"], x)[..., 0]


def mlp(key, shape):
    keys = jax.random.split(key, 4)
    inputs = int(np.prod(shape))
    layers = {"a": dense(keys[0], inputs, 64), "b": dense(keys[1], 64, 64), **heads(keys[2:], 64)}

    def forward(layers, x, done):
        x = x.reshape(len(x), -1)
        x = jnp.tanh(apply_dense(layers["a"], x))
        x = jnp.tanh(apply_dense(layers["b"], x))
        return apply_heads(layers, x)

    return layers, forward


def cnn(key, shape):
    height, width, channels = shape
    keys = jax.random.split(key, 6)
    sizes = [channels, 32, 32, 32]
    layers = {
        "convs": [
            {"kernel": orthogonal(keys[i], (3, 3, sizes[i], sizes[i + 1]), 2**0.5), "bias": jnp.zeros(32)} for i in range(3)
        ],
        "dense": dense(keys[3], height * width * 32, 64),
        **heads(keys[4:], 64),
    }

    def forward(layers, x, done):
        for layer in layers["convs"]:
            x = jax.lax.conv_general_dilated(x, layer["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.nn.relu(x + layer["bias"])
        x = x.reshape(len(x), -1)
        return apply_heads(layers, jax.nn.relu(apply_dense(layers["dense"], x)))

    return layers, forward


def gru(units):
    """A GRU over [steps, sequences], whose state is zeroed where an episode begins; one product for the inputs of all steps."""

    def build(key, shape):
        keys = jax.random.split(key, 4)
        layers = {
            "input": dense(keys[0], int(np.prod(shape)), 3 * units, 1.0),
            "state": orthogonal(keys[1], (units, 3 * units), 1.0),
            "state_bias": jnp.zeros(units),
            **heads(keys[2:], units),
        }

        def forward(layers, x, done):
            from_input = apply_dense(layers["input"], x)
            starts = jnp.concatenate([jnp.zeros_like(done[:1]), done[:-1]])

            def step(h, now):
                i, start = now
                h = jnp.where(start[:, None], 0.0, h)
                from_state = h @ layers["state"]
                r = jax.nn.sigmoid(i[:, :units] + from_state[:, :units])
                z = jax.nn.sigmoid(i[:, units : 2 * units] + from_state[:, units : 2 * units])
                n = jnp.tanh(i[:, 2 * units :] + r * (from_state[:, 2 * units :] + layers["state_bias"]))
                h = (1.0 - z) * n + z * h
                return h, h

            _, states = jax.lax.scan(step, jnp.zeros((x.shape[1], units)), (from_input, starts))
            return apply_heads(layers, states)

        return layers, forward

    return build


# Name as in `starling bench learner`, network, shape of a row, sequences' [steps, lanes] or the batch, how many times as fast is wanted.
ROWS = [
    ("mlp_750/floats", mlp, (750,), (4096,), 1.3),
    ("mlp_750/kitchen", mlp, (750,), (4096,), 3.0),
    ("cnn_5x5x30/floats", cnn, (5, 5, 30), (1024,), 1.4),
    ("cnn_5x5x30/kitchen", cnn, (5, 5, 30), (1024,), 1.8),
    ("cnn_9x9x26/floats", cnn, (9, 9, 26), (1024,), 2.5),
    ("cnn_9x9x26/kitchen", cnn, (9, 9, 26), (1024,), 3.0),
    ("gru_64/floats", gru(64), (64,), (128, 64), 2.0),
    ("gru_128/floats", gru(128), (128,), (128, 256), 1.5),
]


class Step:
    """A compiled optimiser step with its minibatch."""

    def __init__(self, build, shape, batch, kitchen):
        keys = jax.random.split(jax.random.key(0), 6)
        self.layers, forward = build(keys[0], shape)
        if kitchen:
            # As sparse as a kitchen; JAX multiplies by zeros all the same.
            x = (jax.random.uniform(keys[1], (*batch, *shape)) < 0.05).astype(jnp.uint8)
        else:
            x = jax.random.uniform(keys[1], (*batch, *shape), minval=-1.0, maxval=1.0)
        self.minibatch = {
            "x": x,
            "done": jax.random.uniform(keys[2], batch) < 0.02,
            "action": jax.random.randint(keys[3], batch, 0, MOVES),
            "log_prob": jnp.full(batch, -float(np.log(MOVES))),
            "value": jnp.zeros(batch),
            "advantage": jax.random.normal(keys[4], batch),
            "target": jax.random.normal(keys[5], batch),
        }
        zeros = lambda: jax.tree.map(jnp.zeros_like, self.layers)
        self.state = (self.layers, zeros(), zeros(), 0)

        def loss(layers, batch):
            logits, value = forward(layers, batch["x"].astype(jnp.float32), batch["done"])
            log_probs = jax.nn.log_softmax(logits)
            log_prob = jnp.take_along_axis(log_probs, batch["action"][..., None], -1)[..., 0]
            ratio = jnp.exp(log_prob - batch["log_prob"])
            advantage = batch["advantage"]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            policy = -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage).mean()
            clipped = batch["value"] + jnp.clip(value - batch["value"], -CLIP, CLIP)
            errors = jnp.maximum((value - batch["target"]) ** 2, (clipped - batch["target"]) ** 2)
            entropy = -(jnp.exp(log_probs) * log_probs).sum(-1).mean()
            return policy + VALUE_WEIGHT * 0.5 * errors.mean() - ENTROPY_WEIGHT * entropy

        def step(state, batch):
            layers, first, second, t = state
            gradient = jax.grad(loss)(layers, batch)
            norm = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradient)))
            scale = jnp.minimum(1.0, MAX_NORM / norm)
            gradient = jax.tree.map(lambda g: g * scale, gradient)
            t = t + 1
            first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
            second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
            move = lambda p, m, v: p - 1e-9 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-5)
            return jax.tree.map(move, layers, first, second), first, second, t

        self.call = jax.jit(step, donate_argnums=0)
        self()

    def __call__(self):
        self.state = jax.block_until_ready(self.call(self.state, self.minibatch))

    def round(self, seconds):
        """CPU milliseconds of single steps for about so many seconds."""
        self()
        times, start = [], time.perf_counter()
        while not times or time.perf_counter() - start < seconds:
            before = time.process_time()
            self()
            times.append((time.process_time() - before) * 1e3)
        return times


def starling(binary, name, seconds):
    """The row of one round, or None where this build has none of the name."""
    command = [binary, "bench", "learner", "--json", "--rounds", "1", "--seconds", str(seconds), "--row", name]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    rows = json.loads(done.stdout or "[]")
    if done.returncode != 0 and not any("no row" in json.dumps(row) for row in rows):
        raise SystemExit(f"{' '.join(command)} failed")
    return next((row for row in rows if row.get("name") == name), None) if done.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starling", default="target/release/starling")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--row", default="", help="only rows whose name contains this")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [row for row in ROWS if options.row in row[0]]
    results = []
    for name, build, shape, batch, wanted in rows:
        step = Step(build, shape, batch, "kitchen" in name)
        ours, theirs = [], []
        for _ in range(options.rounds):
            row = starling(options.starling, name, options.seconds)
            if row is None:
                break
            ours.append(row)
            theirs += step.round(options.seconds)
        if not ours:
            continue
        mine = statistics.median(row["ms"] for row in ours)
        other = statistics.median(theirs)
        results.append(
            {
                "name": name,
                "rows": ours[0]["rows"],
                "starling_ms": mine,
                "starling_least_ms": min(row["least_ms"] for row in ours),
                "jax_ms": other,
                "jax_least_ms": min(theirs),
                "ratio": other / mine,
                "wanted": wanted,
                "fraction": statistics.median(row["fraction"] for row in ours),
                "product_gflops": statistics.median(row["product_gflops"] for row in ours),
            }
        )
    if options.json:
        print(json.dumps(results, indent=2))
        return
    print(f"CPU ms per optimiser step, one thread, medians (least) over {options.rounds} rounds in turns; JAX {jax.__version__}\n")
    print("| step | batch | Starling | JAX | times as fast | wanted | of the machine's products |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for r in results:
        print(
            f"| {r['name']} | {r['rows']} | {r['starling_ms']:.2f} ({r['starling_least_ms']:.2f}) | {r['jax_ms']:.2f} ({r['jax_least_ms']:.2f})"
            f" | {r['ratio']:.2f} | {r['wanted']:.1f} | {r['fraction']:.2f} of {r['product_gflops']:.0f} GFLOP/s |"
        )


if __name__ == "__main__":
    main()
