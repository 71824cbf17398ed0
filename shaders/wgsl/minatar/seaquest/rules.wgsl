// Seaquest's start states, its step, and what both variants do: what enters, the player's move, air and the surface.

fn rules_reset() {
    game_begin();
    for (var word = HEAD; word < STATE_WORDS; word++) {
        state[word] = 0u;
    }
    state[2] = 5u | SURFACED;
    state[3] = u32(MAX_OXYGEN);
    state[5] = SPAWN_SPEED | (DIVER_SPAWN << 8u) | (MOVE_SPEED << 24u);
    state[6] = SPAWN_SPEED;
}

fn rules_step() {
    let code = made();
    points = 0u;
    lost = false;
    if byte_of(E_SPAWN_TIMER) == 0u {
        spawn_enemy();
        put_byte(E_SPAWN_TIMER, byte_of(E_SPAWN_SPEED));
    }
    if byte_of(D_SPAWN_TIMER) == 0u {
        let rightwards = draw_below(2u) == 0u;
        let y = draw_below(SEABED) + 1u;
        push(DIVERS, at_edge(y, rightwards, DIVER_PACE));
        put_byte(D_SPAWN_TIMER, DIVER_SPAWN);
    }
    act(code);
    if GYMNAX {
        move_at_once();
    } else {
        move_one_by_one();
    }
    count_down(E_SPAWN_TIMER);
    count_down(D_SPAWN_TIMER);
    count_down(SHOT_TIMER);
    breathe();
    finish(points, lost);
}

// Whether something of the list moves against `mob` in its row.
fn is_against(list: List, mob: u32) -> bool {
    let count = byte_of(list.length);
    for (var at = 0u; at < count; at++) {
        // Rows equal, directions not.
        if ((mob_of(list, at) ^ mob) & 0x1F0u) == FACES_RIGHT {
            return true;
        }
    }
    return false;
}

// A fish or, one time in three, a submarine enters, unless something in its row moves the other way.
fn spawn_enemy() {
    let rightwards = draw_below(2u) == 0u;
    let is_sub = draw_below(3u) == 0u;
    let y = draw_below(SEABED) + 1u;
    let mob = at_edge(y, rightwards, byte_of(MOVE_PACE));
    if is_against(FISH, mob) || is_against(SUBS, mob) {
        return;
    }
    if is_sub {
        push(SUBS, mob | (SHOT_INTERVAL << 12u));
    } else {
        push(FISH, mob);
    }
}

// The player's move.
fn act(code: u32) {
    let ship = state[2];
    if code == FIRE && byte_of(SHOT_TIMER) == 0u {
        push(F_BULLETS, ship & 0x1FFu);
        put_byte(SHOT_TIMER, SHOT_COOL_DOWN);
    }
    let x = moved(ship & 15u, code == LEFT, code == RIGHT, 0u);
    let y = min(moved((ship >> 4u) & 15u, code == UP, code == DOWN, 0u), SEABED);
    let right = ((ship & FACES_RIGHT) != 0u || code == RIGHT) && code != LEFT;
    state[2] = x | (y << 4u) | select(0u, FACES_RIGHT, right) | (ship & SURFACED);
}

// Air, and what happens at the surface.
fn breathe() {
    let oxygen = i32(state[3]);
    // Asked before the air is used: the submarine lives through the step in which the last of it goes.
    lost = lost || oxygen <= 0;
    if (state[2] & 0xF0u) != 0u {
        state[3] -= 1u;
        state[2] &= ~SURFACED;
        return;
    }
    if (state[2] & SURFACED) != 0u {
        return;
    }
    var aboard = i32(state[4]);
    if aboard == 0 {
        lost = true;
        // The game is over, and gymnax goes on as if it were not.
        if !GYMNAX {
            return;
        }
    }
    state[2] |= SURFACED;
    if aboard == ABOARD {
        points += u32(max(oxygen, 0) * 10 / MAX_OXYGEN);
        aboard = 0;
    }
    state[3] = u32(MAX_OXYGEN);
    // Also after a rescue, which leaves -1. The lowest number stays.
    state[4] = u32(aboard) - u32(u32(aboard) != 0x80000000u);
    ramp();
}

fn ramp() {
    let spawn_speed = byte_of(E_SPAWN_SPEED);
    let move_speed = byte_of(MOVE_PACE);
    if !RAMPING || (spawn_speed <= 1u && move_speed <= 2u) {
        return;
    }
    put_byte(MOVE_PACE, move_speed - u32(move_speed > 2u && (state[8] & 1u) == 1u));
    put_byte(E_SPAWN_SPEED, spawn_speed - u32(spawn_speed > 1u));
    state[8] += u32(state[8] != 0xFFFFFFFFu);
}
