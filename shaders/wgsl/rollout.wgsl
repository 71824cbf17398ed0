// Many steps of many lanes in one dispatch: transition, auto-reset, observation. One invocation is one lane, whose state it holds in
// private memory from the first step to the last.

var<private> see_row: u32;
// The invocation's place in its group.
var<private> place_in_group: u32;
// Observations that are small are put together here, [words, lanes of the group], and go to memory once, as whole words.
var<workgroup> staged: array<u32, STAGED_WORDS>;

fn see_add(word: u32, value: u32) {
    if STAGED {
        staged[word * 64u + place_in_group] += value;
    } else {
        observations[word_of(see_row, word)] += value;
    }
}

fn see_put(word: u32, value: u32) {
    if STAGED {
        staged[word * 64u + place_in_group] = value;
    } else {
        observations[word_of(see_row, word)] = value;
    }
}

// Adds `value` to a channel of a cell. A negative one takes back what was added before.
fn see(cell: u32, channel: u32, value: i32) {
    let place = place_of(cell, channel);
    let shift = place & 31u;
    see_add(place >> 5u, u32(value) << shift);
    // Only where channels have fewer bits than bytes can a number lie across two words.
    if value > 1 && shift > 24u {
        let high = u32(value) >> (32u - shift);
        if high != 0u {
            see_add((place >> 5u) + 1u, high);
        }
    }
}

// A signed byte, where all elements of the observation are whole bytes.
fn see_signed(number: u32, value: i32) {
    see_add(number >> 2u, (u32(value) & 255u) << ((number & 3u) * 8u));
}

// A float, in observations of floats.
fn see_float(number: u32, value: f32) {
    see_put(number, bits(value));
}

// What all seats of the lane see, in place `slot`.
fn observe(slot: u32, lane: u32) {
    for (var seat = 0u; seat < SEATS; seat++) {
        see_row = row_of(slot, lane, seat);
        for (var word = 0u; word < OBSERVATION_WORDS; word++) {
            var begun = 0u;
            if word < CANVAS_WORDS {
                begun = table_words[CANVAS + word];
            }
            see_put(word, begun);
        }
        rules_observe(seat);
        for (var word = 0u; STAGED && word < OBSERVATION_WORDS; word++) {
            observations[word_of(see_row, word)] = staged[word * 64u + place_in_group];
        }
    }
}

// The start of an episode, from the rules or from the states that are given.
fn begin(key: vec2<u32>, number: u32, episode: u32) {
    draw_begin(key, number, episode, 0u);
    if job.entries == 0u {
        rules_reset();
        return;
    }
    let entry = draw_below(job.entries);
    for (var word = 0u; word < STATE_WORDS; word++) {
        state[word] = starts[entry * STATE_WORDS + word];
    }
    rules_restart();
}

// A uniformly random action of one seat, as `script.random` draws it.
fn random_action(member: u32, number: u32, seat: u32, time: u32) -> u32 {
    let at = member * (2u + 2u * SEATS) + 2u + 2u * seat;
    let own = threefry2x32(vec2<u32>(keys[at], keys[at + 1u]), vec2<u32>(number * SEATS + seat, time));
    let word = threefry2x32(own, vec2<u32>(0u, 0u)).x;
    if FLOAT_ACTIONS {
        return bits(ACTION_LOW + unit_f32(word) * (ACTION_HIGH - ACTION_LOW));
    }
    return below(word, MOVES);
}

// Adds a finished episode of `steps` steps to the lane's statistics.
fn finish_episode(counts: u32, steps: u32) {
    var total = 0.0;
    for (var seat = 0u; seat < SEATS; seat++) {
        total += float(statistics[counts + seat]);
        statistics[counts + seat] = 0u;
    }
    statistics[counts + SEATS] += 1u;
    statistics[counts + SEATS + 1u] += steps;
    statistics[counts + SEATS + 2u] = bits(float(statistics[counts + SEATS + 2u]) + total / f32(SEATS));
}

fn lane_of(id: vec3<u32>) -> u32 {
    return id.x + id.y * job.stride;
}

@compute @workgroup_size(64)
fn rollout(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) place: u32) {
    place_in_group = place;
    let lane = lane_of(id);
    if lane >= job.lanes {
        return;
    }
    let member = lane / job.lanes_per_member;
    let number = job.first + lane % job.lanes_per_member;
    let own = member * (2u + 2u * SEATS);
    let key = vec2<u32>(keys[own], keys[own + 1u]);
    for (var word = 0u; word < STATE_WORDS; word++) {
        state[word] = states[lane * STATE_WORDS + word];
    }
    var episode = clocks[lane * 2u];
    var step = clocks[lane * 2u + 1u];
    let shaped_at = job.steps * job.lanes * SEATS;
    let flags_at = 2u * shaped_at;
    let counts = lane * (SEATS + 3u);
    for (var t = job.tick; t < job.tick + job.ticks; t++) {
        let row = (t * job.lanes + lane) * SEATS;
        for (var seat = 0u; seat < SEATS; seat++) {
            if job.source == 0u {
                action[seat] = actions[row + seat];
            } else {
                action[seat] = random_action(member, number, seat, job.time + t);
                if (job.wants & 8u) != 0u {
                    actions[row + seat] = action[seat];
                }
            }
            reward[seat] = 0.0;
            shaped[seat] = 0.0;
        }
        terminated = false;
        truncated = false;
        draw_begin(key, number, episode, step + 1u);
        rules_step();
        step += 1u;
        if (job.wants & 4u) != 0u {
            for (var seat = 0u; seat < SEATS; seat++) {
                outcomes[row + seat] = bits(reward[seat]);
                outcomes[shaped_at + row + seat] = bits(shaped[seat]);
            }
            outcomes[flags_at + t * job.lanes + lane] = u32(terminated) | (u32(truncated) << 1u);
        }
        for (var seat = 0u; seat < SEATS; seat++) {
            statistics[counts + seat] = bits(float(statistics[counts + seat]) + reward[seat]);
        }
        let ended = terminated || truncated;
        // First what the last state of an episode looks like, where that is wanted, then what the next step sees.
        for (var look_ = 0u; look_ < 2u; look_++) {
            var slot = job.slots + t;
            if look_ == 1u {
                slot = (t + 1u) % job.slots;
                if ended {
                    finish_episode(counts, step);
                    episode += 1u;
                    step = 0u;
                    begin(key, number, episode);
                }
            }
            let wanted = select((job.wants & 2u) != 0u && ended, (job.wants & 1u) != 0u, look_ == 1u);
            if wanted {
                observe(slot, lane);
            }
        }
    }
    for (var word = 0u; word < STATE_WORDS; word++) {
        states[lane * STATE_WORDS + word] = state[word];
    }
    clocks[lane * 2u] = episode;
    clocks[lane * 2u + 1u] = step;
}

// Observes the states as they are, in the place of the rollout's step; first starts every lane's first episode where the job says so.
@compute @workgroup_size(64)
fn look(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) place: u32) {
    place_in_group = place;
    let lane = lane_of(id);
    if lane >= job.lanes {
        return;
    }
    for (var word = 0u; word < STATE_WORDS; word++) {
        state[word] = states[lane * STATE_WORDS + word];
    }
    if job.source == 2u {
        let own = lane / job.lanes_per_member * (2u + 2u * SEATS);
        begin(vec2<u32>(keys[own], keys[own + 1u]), job.first + lane % job.lanes_per_member, 0u);
        for (var word = 0u; word < STATE_WORDS; word++) {
            states[lane * STATE_WORDS + word] = state[word];
        }
        clocks[lane * 2u] = 0u;
        clocks[lane * 2u + 1u] = 0u;
        for (var word = 0u; word < SEATS + 3u; word++) {
            statistics[lane * (SEATS + 3u) + word] = 0u;
        }
    }
    if (job.wants & 1u) != 0u {
        observe(job.tick % job.slots, lane);
    }
}
