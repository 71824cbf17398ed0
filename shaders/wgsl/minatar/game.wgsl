// What MinAtar's games share: the board, the moves, sticky actions and the time limit.
//
// Constants: STICKY (probability that the move made last is made again), LIMIT (steps), MOVES_AT (place in the table of the move of the full
// set behind every action), MOVES. Words 0 and 1 of a state: steps done, the move made last.

const SIDE: u32 = 10u;
const LAST: u32 = 9u;
const HEAD: u32 = 2u;

const LEFT: u32 = 1u;
const UP: u32 = 2u;
const RIGHT: u32 = 3u;
const DOWN: u32 = 4u;
const FIRE: u32 = 5u;

fn game_begin() {
    state[0] = 0u;
    state[1] = 0u;
}

fn rules_restart() {
    game_begin();
}

// The move that the action makes, of the full set; the same one as in the step before where it sticks.
fn made() -> u32 {
    var chosen = 0u;
    if action[0] < MOVES {
        chosen = table(MOVES_AT + action[0]);
    }
    if STICKY == 0.0 {
        return chosen;
    }
    if draw_unit() >= STICKY {
        state[1] = chosen;
    }
    return state[1];
}

// Counts the step and says what came of it.
fn finish(points: u32, lost: bool) {
    if state[0] != 0xFFFFFFFFu {
        state[0] += 1u;
    }
    reward[0] = f32(points);
    terminated = lost;
    truncated = state[0] >= LIMIT;
}

// One cell back or forth from `at`, not beyond `low` and LAST.
fn moved(at: u32, back: bool, forth: bool, low: u32) -> u32 {
    var to = at;
    if back {
        to = max(max(to, 1u) - 1u, low);
    }
    if forth {
        to = min(to + 1u, LAST);
    }
    return to;
}

fn set_cell(x: u32, y: u32, channel: u32) {
    see(y * SIDE + x, channel, 1);
}
