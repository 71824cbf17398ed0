// The featurised observation: distances to what a cook may want. Costs are found once per kitchen on the processor:
// COSTS_AT[(cell * 4 + direction) * TARGETS_COUNT + target], 0xFFFF where a target cannot be reached.

const COOK_LEN: u32 = 46u;
const ONION: u32 = 4u;
const SOUP: u32 = 15u;
const NOWHERE: u32 = 0xFFFFFFFFu;
const UNREACHABLE: u32 = 0xFFFFu;

// What the closest one of is looked for.
const ONIONS: u32 = 0u;
const PLATES: u32 = 1u;
const SOUPS: u32 = 2u;
const GOALS: u32 = 3u;
const EMPTY_COUNTERS: u32 = 4u;

fn is_wanted(want: u32, cell: u32) -> bool {
    let code = code_of(cell);
    let lies = select(state[ITEMS + cell], 0u, code == POT);
    switch want {
        case ONIONS: { return code == FIRST_PILE || lies == ONION; }
        case PLATES: { return code == PLATE_PILE || lies == PLATE; }
        case SOUPS: { return lies == SOUP; }
        case GOALS: { return code == GOAL; }
        default: { return code == WALL && lies == 0u; }
    }
}

fn cost_of(i: u32, errand: u32) -> u32 {
    let turned = (cook_cell(i) * 4u + (cook_direction(i) & 3u)) * TARGETS_COUNT;
    return table(COSTS_AT + turned + errand);
}

// The cheapest wanted target; the first in row-major order among equals.
fn closest(i: u32, want: u32) -> u32 {
    var best = UNREACHABLE;
    var found = NOWHERE;
    for (var errand = 0u; errand < TARGETS_COUNT; errand++) {
        let cost = cost_of(i, errand);
        let cell = table(TARGETS_AT + errand);
        if cost < best && is_wanted(want, cell) {
            best = cost;
            found = cell;
        }
    }
    return found;
}

fn closest_pot(i: u32, except: u32) -> u32 {
    var best = UNREACHABLE;
    var found = NOWHERE;
    for (var errand = 0u; errand < TARGETS_COUNT; errand++) {
        let cell = table(TARGETS_AT + errand);
        if cell != except && code_of(cell) == POT {
            let cost = cost_of(i, errand);
            if cost < best {
                best = cost;
                found = cell;
            }
        }
    }
    return found;
}

// (dx, dy) from one cell to another.
fn see_difference(at: u32, to: u32, from_: u32) {
    see_signed(at, i32(to % WIDTH) - i32(from_ % WIDTH));
    see_signed(at + 1u, i32(to / WIDTH) - i32(from_ / WIDTH));
}

fn see_closest(at: u32, i: u32, want: u32) {
    let cell = closest(i, want);
    if cell != NOWHERE {
        see_difference(at, cell, cook_cell(i));
    }
}

fn see_flag(at: u32, flag: bool) {
    see_signed(at, select(0, 1, flag));
}

fn see_pot(at: u32, pot: u32, from_: u32) {
    let item = state[ITEMS + pot];
    let timer = state[TIMERS + pot];
    see_signed(at, 1);
    see_flag(at + 1u, item == 0u);
    see_flag(at + 2u, units(item) == 3u);
    see_flag(at + 3u, timer > 0u);
    see_flag(at + 4u, (item & COOKED) != 0u);
    see_signed(at + 5u, i32(units(item)));
    see_signed(at + 7u, i32(timer));
    see_difference(at + 8u, pot, from_);
}

fn see_about(i: u32, at: u32) {
    let held = cook_item(i);
    see_signed(at + (cook_direction(i) & 3u), 1);
    see_flag(at + 4u, held == ONION);
    see_flag(at + 5u, held == SOUP);
    see_flag(at + 6u, held == PLATE);
    if held != ONION {
        see_closest(at + 8u, i, ONIONS);
    }
    if held != PLATE {
        see_closest(at + 12u, i, PLATES);
    }
    if held != SOUP {
        see_closest(at + 14u, i, SOUPS);
    }
    see_closest(at + 18u, i, GOALS);
    see_closest(at + 20u, i, EMPTY_COUNTERS);
    var soup = held == SOUP;
    for (var cell = 0u; cell < CELLS; cell++) {
        soup = soup || state[ITEMS + cell] == SOUP;
    }
    if soup {
        see_signed(at + 16u, 3);
    }
    let first = closest_pot(i, NOWHERE);
    if first != NOWHERE {
        see_pot(at + 22u, first, cook_cell(i));
        let second = closest_pot(i, first);
        if second != NOWHERE {
            see_pot(at + 32u, second, cook_cell(i));
        }
    }
    for (var direction = 0u; direction < 4u; direction++) {
        see_flag(at + 42u + direction, table(STEPS_AT + 4u * cook_cell(i) + direction) == cook_cell(i));
    }
}

fn see_features(seat: u32) {
    see_about(seat, 0u);
    var at = COOK_LEN;
    var tail = COOK_LEN * SEATS;
    for (var i = 0u; i < SEATS; i++) {
        if i != seat {
            see_about(i, at);
            see_difference(tail, cook_cell(i), cook_cell(seat));
            at += COOK_LEN;
            tail += 2u;
        }
    }
    see_difference(tail, cook_cell(seat), 0u);
}
