"""The optimiser study: from finished runs of `pipelines/adam_rel` to chosen rates, a table with bootstrap intervals, a CSV and a figure.

    for task in ppo_cart_pole ppo_acrobot ...; do starling run adam_rel/${task}_tune --out runs/${task}_tune; done
    python tests/peers/adam_rel_table.py runs --tuning
    for task in ...; do starling run adam_rel/${task}_test --out runs/${task}_test; done
    python tests/peers/adam_rel_table.py runs --csv docs/results/adam_rel.csv --figure docs/results/adam_rel.svg

A run holds one agent per optimiser. The score of a replica is the mean over environments of the last finished return, carried forward, averaged
over the last tenth of the training. Normalised scores are 0 for random moves and 1 for the mean of Adam's test seeds. Intervals are percentiles
of the bootstrap distribution; over several tasks seeds are drawn within each task (stratified).
"""

import argparse
import csv
import json
import pathlib

import numpy as np
import pyarrow.dataset as dataset

OPTIMISERS = ["adam", "adam_rel", "adam_mr", "adam_equal_betas"]
LABELS = {"adam": "Adam", "adam_rel": "Adam-Rel", "adam_mr": "Adam-MR", "adam_equal_betas": "Adam, equal betas"}
COLOURS = {"adam": "#444444", "adam_rel": "#c2410c", "adam_mr": "#1d4ed8", "adam_equal_betas": "#15803d"}
# Mean return of uniformly random moves, over 1,000 episodes each (`script = "random"`).
RANDOM = {"cart_pole": 22.4, "acrobot": -498.95, "minatar_breakout": 0.42}
RESAMPLES = 10_000
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "learning" / "adam_theory.json"


def table(run, name, columns, where):
    return dataset.dataset(run / name, format="parquet").to_table(columns=columns, filter=where)


def text(column):
    return np.array(column.cast("string").to_pylist())


def scores(run, optimiser):
    """One per replica, in the order of their numbers."""
    where = dataset.field("metric").cast("string") == "episode_return_carried"
    rows = table(run, "metrics", ["tick", "entity", "replica", "value"], where)
    own = text(rows["entity"]) == f"environment.{optimiser}"
    tick, replica, value = (rows[key].to_numpy()[own] for key in ["tick", "replica", "value"])
    last = tick > 0.9 * tick.max()
    return np.array([value[last & (replica == number)].mean() for number in np.unique(replica)])


def rates(run, optimiser):
    """The first learning rate of every replica."""
    where = dataset.field("metric").cast("string") == "learning_rate"
    rows = table(run, "metrics", ["tick", "entity", "replica", "value"], where)
    own = text(rows["entity"]) == f"agent.{optimiser}"
    tick, replica, value = (rows[key].to_numpy()[own] for key in ["tick", "replica", "value"])
    return np.array([value[replica == number][np.argmin(tick[replica == number])] for number in np.unique(replica)])


def resampled(samples, rng):
    """Indices of seeds drawn with replacement, `[RESAMPLES, seeds]`."""
    return rng.integers(0, len(samples), (RESAMPLES, len(samples)))


def interval(samples):
    draws = samples[resampled(samples, np.random.default_rng(0))]
    return samples.mean(), *np.percentile(draws.mean(axis=1), [2.5, 97.5])


def iqm(values):
    """Mean of the middle half, along the last axis."""
    values = np.sort(values, axis=-1)
    cut = values.shape[-1] // 4
    return values[..., cut : values.shape[-1] - cut].mean(axis=-1)


def told(numbers, digits):
    mean, low, high = numbers
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def stratified(by_task, seed=0):
    """Interquartile mean over all tasks and seeds, with its interval and bootstrap draws."""
    rng = np.random.default_rng(seed)
    draws = np.concatenate([samples[resampled(samples, rng)] for samples in by_task], axis=1)
    draws = iqm(draws)
    return (float(iqm(np.concatenate(by_task))), *np.percentile(draws, [2.5, 97.5])), draws


def tuning(runs):
    print("| task | optimiser | rate: mean score of the tuning seeds | chosen |")
    print("| --- | --- | --- | ---: |")
    for run in sorted(runs.glob("*_tune")):
        for optimiser in OPTIMISERS:
            found, rate = scores(run, optimiser), rates(run, optimiser)
            # An annealed rate is a little below its start once the first row is recorded.
            groups = found.reshape(-1, 2).mean(axis=1)
            starts = rate.reshape(-1, 2)[:, 0]
            best = int(np.argmax(groups))
            cells = ", ".join(f"{rate:.2g}: {score:.1f}" for rate, score in zip(starts, groups))
            task = run.name.removesuffix("_tune")
            print(f"| {task} | {LABELS[optimiser]} | {cells} | {starts[best]:.3g} |")


def tested(runs):
    found = {}
    for run in sorted(runs.glob("*_test")):
        task = run.name.removesuffix("_test")
        found[task] = {optimiser: scores(run, optimiser) for optimiser in OPTIMISERS}
    return found


def report(runs):
    found = tested(runs)
    print("| task | " + " | ".join(LABELS[o] for o in OPTIMISERS) + " |")
    print("| --- |" + " ---: |" * len(OPTIMISERS))
    normal = {optimiser: {} for optimiser in OPTIMISERS}
    for task, by_optimiser in found.items():
        algorithm, game = task.split("_", 1)
        floor, unit = RANDOM[game], by_optimiser["adam"].mean() - RANDOM[game]
        cells = []
        for optimiser, values in by_optimiser.items():
            cells.append(told(interval(values), 1))
            normal[optimiser].setdefault(algorithm, []).append((values - floor) / unit)
        print(f"| {algorithm.upper()}, {game} | " + " | ".join(cells) + " |")
    print()
    print("| normalised, IQM | " + " | ".join(LABELS[o] for o in OPTIMISERS) + " |")
    print("| --- |" + " ---: |" * len(OPTIMISERS))
    for algorithm in ["ppo", "dqn", "both"]:
        pick = lambda o: [s for a, all_ in normal[o].items() for s in all_ if algorithm in (a, "both")]
        if not pick("adam"):
            continue
        cells = [told(stratified(pick(o))[0], 3) for o in OPTIMISERS]
        print(f"| {algorithm.upper() if algorithm != 'both' else 'both'} | " + " | ".join(cells) + " |")
    print()
    for algorithm in ["ppo", "dqn", "both"]:
        pick = lambda o: [s for a, all_ in normal[o].items() for s in all_ if algorithm in (a, "both")]
        if not pick("adam"):
            continue
        _, ours = stratified(pick("adam_rel"), 1)
        for other in OPTIMISERS:
            if other != "adam_rel":
                _, theirs = stratified(pick(other), 2)
                low, high = np.percentile(ours - theirs, [2.5, 97.5])
                print(f"* {algorithm}: IQM of Adam-Rel minus {LABELS[other]}: [{low:+.3f}, {high:+.3f}]")
    return found


def write_csv(found, path):
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["task", "optimiser", "replica", "score"])
        for task, by_optimiser in found.items():
            for optimiser, values in by_optimiser.items():
                rows.writerows([task, optimiser, index, f"{value:.3f}"] for index, value in enumerate(values))


def by_local_step(run, optimiser):
    """Local steps; the mean size of an update per parameter in learning rates, and the gradient's norm, by local step."""
    rows = table(run, "diagnostics", ["tick", "entity", "replica", "local_step", "quantity", "value"], None)
    entity, quantity = text(rows["entity"]), text(rows["quantity"])
    own = entity == f"agent.{optimiser}"
    of = lambda name: own & (quantity == name)
    step = rows["local_step"].to_numpy()
    value = rows["value"].to_numpy()
    key = lambda mask: list(zip(*(rows[k].to_numpy()[mask] for k in ["tick", "replica", "local_step"])))
    assert key(of("update_norm")) == key(of("learning_rate")) == key(of("grad_norm"))
    steps, size = step[of("update_norm")], value[of("update_norm")] / value[of("learning_rate")]
    norm = value[of("grad_norm")]
    local = np.unique(steps)
    return local, np.array([size[steps == s].mean() for s in local]), np.array([norm[steps == s].mean() for s in local])


def parameters(run, optimiser):
    """How many one replica has: from the shapes in the newest checkpoint."""
    newest = sorted((run / "checkpoints").glob("*.safetensors"))[-1]
    with newest.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    prefix = f"agent.{optimiser}/parameters/"
    return sum(int(np.prod(tensor["shape"][1:])) for name, tensor in header.items() if name.startswith(prefix))


def figure(runs, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "adam_rel", "font.size": 8, "svg.fonttype": "none"})
    import matplotlib.pyplot as plt

    theory = json.loads(GOLDEN.read_text())["cases"]
    tasks = [run for run in sorted(runs.glob("*_test"), reverse=True) if (run / "diagnostics").exists()]
    print("\n| task | optimiser | update size at local step 1 | mean | last | gradient norm at 1 / mean |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    fig, axes = plt.subplots(3, len(tasks), figsize=(3.0 * len(tasks), 7.2), squeeze=False)
    for column, run in enumerate(tasks):
        size_axis, norm_axis, theory_axis = axes[:, column]
        size_axis.set_title(run.name.removesuffix("_test"))
        longest = 1
        for optimiser in OPTIMISERS:
            local, size, norm = by_local_step(run, optimiser)
            size = size / np.sqrt(parameters(run, optimiser))
            numbers = f"{size[0]:.3f} | {size.mean():.3f} | {size[-1]:.3f} | {norm[0] / norm.mean():.2f}"
            print(f"| {run.name.removesuffix('_test')} | {LABELS[optimiser]} | {numbers} |")
            keep = local <= 64
            longest = max(longest, int(local[keep].max()))
            style = {"color": COLOURS[optimiser], "label": LABELS[optimiser], "linewidth": 1.2}
            size_axis.plot(local[keep], size[keep], **style)
            norm_axis.plot(local[keep], norm[keep] / norm[keep].mean(), **style)
        for case in theory:
            if case["k"] in (1, 2, 10):
                t, adam, rel = np.array(case["rows"])[:longest].T
                width = {1: 0.7, 2: 1.2, 10: 1.8}[case["k"]]
                theory_axis.plot(t, adam, color=COLOURS["adam"], linewidth=width)
                theory_axis.plot(t, rel, color=COLOURS["adam_rel"], linewidth=width)
                theory_axis.annotate(f"k = {case['k']}", (t[-1], adam[-1]), fontsize=6, ha="right", va="bottom")
                theory_axis.annotate(f"k = {case['k']}", (t[-1], rel[-1]), fontsize=6, ha="right", va="bottom")
        size_axis.set_ylim(bottom=0)
        norm_axis.set_ylim(bottom=0)
        theory_axis.set_ylim(bottom=0)
        theory_axis.set_xlabel("optimiser steps since the objective changed")
    axes[0, 0].set_ylabel("update norm / (rate x root n)")
    axes[1, 0].set_ylabel("gradient norm / its mean")
    axes[2, 0].set_ylabel("theory: update / rate, gradient x k at 1")
    axes[0, 0].legend(fontsize=6)
    fig.tight_layout()
    fig.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=pathlib.Path, help="a folder with the runs")
    parser.add_argument("--tuning", action="store_true", help="tell the tuning runs instead of the test runs")
    parser.add_argument("--csv", type=pathlib.Path, help="where every test seed's score goes")
    parser.add_argument("--figure", type=pathlib.Path, help="where the figure goes (needs matplotlib)")
    options = parser.parse_args()
    if options.tuning:
        tuning(options.runs)
        return
    found = report(options.runs)
    if options.csv:
        write_csv(found, options.csv)
    if options.figure:
        figure(options.runs, options.figure)


if __name__ == "__main__":
    main()
