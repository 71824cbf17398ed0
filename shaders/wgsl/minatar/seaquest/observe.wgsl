// What Seaquest shows.

// Cells that are drawn already, as several mobs may share one: 100 bits of the channel of a list, and from word 4 on of trails.
var<private> drawn: array<u32, 8>;

fn see_once(x: u32, y: u32, channel: u32, drawn_at: u32) {
    // A trail behind what has just entered is not on the board.
    if x > LAST {
        return;
    }
    let cell = y * SIDE + x;
    let word = drawn_at + (cell >> 5u);
    let one = 1u << (cell & 31u);
    if (drawn[word] & one) == 0u {
        drawn[word] |= one;
        see(cell, channel, 1);
    }
}

// The column behind, of the submarine too; one less than column 0 is beyond the last one.
fn behind(mob: u32) -> u32 {
    return (mob & 15u) + select(1u, 0xFFFFFFFFu, (mob & FACES_RIGHT) != 0u);
}

fn see_list(list: List, channel: u32, trails: bool) {
    for (var word = 0u; word < 4u; word++) {
        drawn[word] = 0u;
    }
    let count = byte_of(list.length);
    for (var at = 0u; at < count; at++) {
        let mob = mob_of(list, at);
        let y = (mob >> 4u) & 15u;
        see_once(mob & 15u, y, channel, 0u);
        if trails {
            see_once(behind(mob), y, 3u, 4u);
        }
    }
}

fn rules_observe(seat: u32) {
    let ship = state[2];
    let y = (ship >> 4u) & 15u;
    set_cell(ship & 15u, y, 0u);
    if behind(ship) <= LAST {
        set_cell(behind(ship), y, 1u);
    }
    let air = u32(clamp(i32(state[3]), 0, MAX_OXYGEN) * 10 / MAX_OXYGEN);
    for (var gauge = 0u; gauge < air; gauge++) {
        set_cell(gauge, LAST, 7u);
    }
    for (var gauge = LAST - u32(clamp(i32(state[4]), 0, ABOARD)); gauge < LAST; gauge++) {
        set_cell(gauge, LAST, 8u);
    }
    drawn = array<u32, 8>();
    see_list(F_BULLETS, 2u, false);
    see_list(E_BULLETS, 4u, false);
    see_list(FISH, 5u, true);
    see_list(SUBS, 6u, true);
    see_list(DIVERS, 9u, true);
}
