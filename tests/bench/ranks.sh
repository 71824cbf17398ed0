#!/usr/bin/env bash
# How one run scales over processes, and what they say to each other: the tables of docs/results/ranks.md.
#
#   cargo build --release --workspace --features starling/mpi
#   tests/bench/ranks.sh [RANKS...]            (1 2 4 if not given)
#
# Every process has one thread. Each pipeline is run three times with each number of ranks, in turns, and the fastest tick of all is
# told; runs of different numbers are compared bit for bit.
set -euo pipefail
cd "$(dirname "$0")/../.."
starling="${STARLING:-$PWD/target/release/starling}"
ranks=("$@")
[ ${#ranks[@]} -gt 0 ] || ranks=(1 2 4)
rounds="${ROUNDS:-3}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
export NO_COLOR=1

cat >"$scratch/ppo.toml" <<'TOML'
name  = "bench/ranks_ppo"
until = { ticks = 25 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room" }
lanes = 64
seats = ["chef", "chef"]

[agent.chef]
policy         = { activation = "tanh", heads = { actor = [{ dense = 64 }, { dense = 64 }], critic = [{ dense = 64 }, { dense = 64 }] } }
learner.ppo    = { steps = 128, epochs = 4, minibatches = 4, shards = 4 }
optimizer.adam = { rate = 1e-3, max_grad_norm = 0.5 }

[record]
commit = { every = 1000 }
TOML
cat >"$scratch/evolution.toml" <<'TOML'
name  = "bench/ranks_evolution"
until = { ticks = 25 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room" }
lanes = 1
seats = ["chef", "chef"]

[agent.chef]
policy = { activation = "tanh", heads = { actor = [{ dense = 64 }, { dense = 64 }] } }

[evolve.chefs]
vary             = "agent.chef.parameters"
environment      = "kitchen"
episodes         = 2
strategy.open_es = { population = 64 }
optimizer.adam   = { rate = 1e-2 }

[record]
commit = { every = 1000 }
TOML

for pipeline in ppo evolution; do
    for round in $(seq "$rounds"); do
        for n in "${ranks[@]}"; do
            out="$scratch/$pipeline-$n-$round"
            mpirun --allow-run-as-root --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -n "$n" \
                "$starling" run --quiet --threads 1 --out "$out" "$scratch/$pipeline.toml" >/dev/null
            [ "$n" = "${ranks[0]}" ] || "$starling" diff --quiet "$scratch/$pipeline-${ranks[0]}-$round" "$out" >/dev/null
        done
    done
done
"${STARLING_PYTHON:-python3}" tests/bench/ranks_table.py "$scratch" "$rounds" "${ranks[@]}"
