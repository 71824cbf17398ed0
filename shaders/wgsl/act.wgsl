// A policy acts for all its rows: one group of invocations takes ROWS rows through the network, then draws their moves.
//
// Constants: SEATS, OBSERVATION_WORDS, OWN (seats that the policy fills), INPUTS, MOVES, PARAMETERS (numbers of one member), LOGITS and VALUE
// (places in the shared memory), FLOAT_INPUTS, SIGNED_INPUTS. `own_seats` and `network(thread, base)` are written for each policy.

@group(0) @binding(1) var<storage, read> observations: array<u32>;
@group(0) @binding(2) var<storage, read_write> actions: array<u32>;
// Log-probabilities [steps, lanes, seats], then values [steps + 1, lanes, seats].
@group(0) @binding(3) var<storage, read_write> answers: array<f32>;
// [members, PARAMETERS]
@group(0) @binding(4) var<storage, read> parameters: array<f32>;
@group(0) @binding(5) var<storage, read> keys: array<u32>;

fn rows_in_all() -> u32 {
    return job.lanes * OWN;
}

// The word of row `row` that holds number `at` of its observation. Rows beyond the last see what the last one sees.
fn row_word(row: u32, at: u32) -> u32 {
    let own = min(row, rows_in_all() - 1u);
    let begin = row_of(job.tick % job.slots, own / OWN, own_seats[own % OWN]);
    if FLOAT_INPUTS {
        return observations[begin + at];
    }
    return observations[begin + at / 4u];
}

fn element(word: u32, at: u32) -> f32 {
    if FLOAT_INPUTS {
        return bitcast<f32>(word);
    }
    let byte = (word >> (8u * (at & 3u))) & 255u;
    if SIGNED_INPUTS {
        return f32(bitcast<i32>(byte << 24u) >> 24u);
    }
    return f32(byte);
}

// A move from the logits of one row: its number, and its log-probability in bits.
fn chosen(row: u32, unit: f32) -> vec2<u32> {
    var largest = number_of(memory[LOGITS], row);
    var best = 0u;
    for (var option = 1u; option < MOVES; option++) {
        let logit = number_of(memory[LOGITS + option], row);
        if logit > largest {
            largest = logit;
            best = option;
        }
    }
    var sum = 0.0;
    for (var option = 0u; option < MOVES; option++) {
        sum += exp_(number_of(memory[LOGITS + option], row) - largest);
    }
    let normaliser = largest + ln_(sum);
    if job.greedy != 0u {
        return vec2<u32>(best, bitcast<u32>(largest - normaliser));
    }
    var cumulative = 0.0;
    var log_prob = 0.0;
    for (var option = 0u; option < MOVES; option++) {
        log_prob = number_of(memory[LOGITS + option], row) - normaliser;
        cumulative += exp_(log_prob);
        if unit < cumulative || option + 1u == MOVES {
            return vec2<u32>(option, bitcast<u32>(log_prob));
        }
    }
    return vec2<u32>(0u, bitcast<u32>(log_prob));
}

fn answer(row: u32, place: u32) {
    let lane = row / OWN;
    let seat = own_seats[row % OWN];
    let at = (job.tick * job.lanes + lane) * SEATS + seat;
    answers[job.steps * job.lanes * SEATS + at] = number_of(memory[VALUE], place);
    // After the last step only the value is wanted.
    if job.tick == job.steps {
        return;
    }
    let member = lane / job.lanes_per_member;
    let number = job.first + lane % job.lanes_per_member;
    let key = member * (2u + 2u * SEATS) + 2u + 2u * seat;
    let words = threefry2x32(vec2<u32>(keys[key], keys[key + 1u]), vec2<u32>(number * SEATS + seat, job.time + job.tick));
    let move_ = chosen(place, unit_f32(words.x));
    actions[at] = move_.x;
    answers[at] = bitcast<f32>(move_.y);
}

@compute @workgroup_size(64)
fn act(
    @builtin(workgroup_id) group_: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let first = (group_.x + group_.y * groups.x) * ROWS;
    if first >= rows_in_all() {
        return;
    }
    for (var at = thread; at < INPUTS; at += THREADS) {
        memory[at] = observed(first, at);
    }
    workgroupBarrier();
    // All rows of a group are of one member.
    network(thread, first / OWN / job.lanes_per_member * PARAMETERS);
    if thread < ROWS && first + thread < rows_in_all() {
        answer(first + thread, thread);
    }
}
