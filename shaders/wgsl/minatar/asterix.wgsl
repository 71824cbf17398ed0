// MinAtar's Asterix: eight rows in which gold and enemies cross the board, faster and faster.
//
// Word 2: the player's x and from bit 4 its y. Words 3 and 4: a byte per slot (x; then bits to the right, gold, filled, record). Words 5 to
// 10: steps between entrances and to the next, between movements and to the next, to the next increase of difficulty, increases so far.
//
// Constants: GYMNAX (else the original), RAMPING.

const SLOTS: u32 = 8u;
const RIGHTWARDS: u32 = 16u;
const GOLD: u32 = 32u;
const FILLED: u32 = 64u;
const RECORD: u32 = 128u;
const RAMP_INTERVAL: u32 = 100u;

fn rules_reset() {
    game_begin();
    state[2] = 5u | (5u << 4u);
    state[3] = 0u;
    state[4] = 0u;
    state[5] = 10u;
    state[6] = 10u;
    state[7] = 5u;
    state[8] = 5u;
    state[9] = RAMP_INTERVAL;
    state[10] = 0u;
}

fn thing(slot: u32) -> u32 {
    return (state[3u + (slot >> 2u)] >> ((slot & 3u) * 8u)) & 255u;
}

fn put_thing(slot: u32, byte: u32) {
    let at = 3u + (slot >> 2u);
    let shift = (slot & 3u) * 8u;
    state[at] = (state[at] & ~(255u << shift)) | (byte << shift);
}

// What the player meets in `slot`, which takes gold away: 1 for gold, 2 for an enemy.
fn meet(slot: u32) -> u32 {
    let byte = thing(slot);
    let player = state[2];
    if (byte & FILLED) == 0u || slot + 1u != ((player >> 4u) & 15u) || (byte & 15u) != (player & 15u) {
        return 0u;
    }
    if (byte & GOLD) == 0u {
        return 2u;
    }
    put_thing(slot, 0u);
    return 1u;
}

// One step of what is in `slot`; an unfilled record goes.
fn drift(slot: u32) {
    let byte = thing(slot);
    let x = (byte & 15u) + select(0xFFFFFFFFu, 1u, (byte & RIGHTWARDS) != 0u);
    put_thing(slot, select(0u, (byte & 0xF0u) | (x & 15u), (byte & FILLED) != 0u && x <= LAST));
}

// The slot of the `n`th bit that is set.
fn nth(slots: u32, n: u32) -> u32 {
    var left = slots;
    for (var i = 0u; i < n; i++) {
        left &= left - 1u;
    }
    return min(firstTrailingBit(left), SLOTS - 1u);
}

// Something enters. gymnax never looks at one slot, drawn at random, and overwrites another with an unfilled record where no slot is empty.
fn spawn() {
    let rightwards = draw_below(2u) == 0u;
    let gold = draw_below(3u) == 0u;
    var all = 255u;
    if GYMNAX {
        all &= ~(1u << draw_below(SLOTS));
    }
    var slots = 0u;
    for (var slot = 0u; slot < SLOTS; slot++) {
        slots |= u32((thing(slot) & FILLED) == 0u) << slot;
    }
    slots &= all;
    var filled = FILLED;
    if slots == 0u {
        if !GYMNAX {
            return;
        }
        slots = all;
        filled = 0u;
    }
    let slot = nth(slots, draw_below(countOneBits(slots)));
    put_thing(slot, select(LAST, RIGHTWARDS, rightwards) | select(0u, GOLD, gold) | filled | RECORD);
}

// Every 102 steps things enter more often and, every second time, move more often.
fn ramp() {
    if !RAMPING || (state[5] <= 1u && state[7] <= 1u) {
        if GYMNAX {
            state[9] = RAMP_INTERVAL;
        }
        return;
    }
    if i32(state[9]) >= 0 {
        state[9] -= 1u;
        return;
    }
    let least = select(1u, 0u, GYMNAX);
    state[7] -= u32(state[7] > least && (state[10] & 1u) == 1u);
    state[5] -= u32(state[5] > 1u);
    state[10] += u32(state[10] != 0xFFFFFFFFu);
    state[9] = RAMP_INTERVAL;
}

fn rules_step() {
    let code = made();
    if state[6] == 0u {
        spawn();
        state[6] = state[5];
    }
    let x = moved(state[2] & 15u, code == LEFT, code == RIGHT, 0u);
    let y = min(moved((state[2] >> 4u) & 15u, code == UP, code == DOWN, 1u), SLOTS);
    state[2] = x | (y << 4u);

    // Only the slot of the player's own row can meet it.
    let row = min(y - 1u, SLOTS - 1u);
    let before = meet(row);
    var after = 0u;
    if state[8] == 0u {
        state[8] = state[7];
        for (var slot = 0u; slot < SLOTS; slot++) {
            drift(slot);
        }
        after = meet(row);
    }
    state[6] -= 1u;
    state[8] -= 1u;
    ramp();
    finish((before & 1u) + (after & 1u), ((before | after) & 2u) != 0u);
}

fn rules_observe(seat: u32) {
    set_cell(state[2] & 15u, (state[2] >> 4u) & 15u, 0u);
    for (var slot = 0u; slot < SLOTS; slot++) {
        let byte = thing(slot);
        if (byte & FILLED) == 0u {
            continue;
        }
        let x = byte & 15u;
        set_cell(x, slot + 1u, select(1u, 3u, (byte & GOLD) != 0u));
        // One less than column 0 is beyond the last one.
        let trail = x + select(1u, 0xFFFFFFFFu, (byte & RIGHTWARDS) != 0u);
        if trail <= LAST {
            set_cell(trail, slot + 1u, 2u);
        }
    }
}
