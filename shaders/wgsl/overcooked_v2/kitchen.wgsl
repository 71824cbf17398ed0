// OvercookedV2's kitchen: what stands where, what can be carried, and one transition of all cooks.
//
// Words of a state: 0 step, 1 recipe, 2 flags (bit 0: a correct delivery in the last step), then three per cook (cell, direction, item),
// permutations (with other-play only), items by cell from ITEMS on, timers by cell from TIMERS on. Constants ending in _AT are places in the
// table, those ending in _COUNT lengths there.

const FLOOR: u32 = 0u;
const WALL: u32 = 1u;
const GOAL: u32 = 4u;
const POT: u32 = 5u;
const INDICATOR: u32 = 6u;
const BUTTON: u32 = 7u;
const PLATE_PILE: u32 = 9u;
const FIRST_PILE: u32 = 10u;

const PLATE: u32 = 1u;
const COOKED: u32 = 2u;
const DISH: u32 = 3u;
const POT_UNITS: u32 = 3u;
const INTERACT: u32 = 5u;

const COOK_TIME: u32 = 20u;
const BUTTON_TIME: u32 = 10u;
const HEAD: u32 = 3u;

fn cook_cell(i: u32) -> u32 {
    return state[HEAD + 3u * i];
}

fn cook_direction(i: u32) -> u32 {
    return state[HEAD + 3u * i + 1u];
}

fn cook_item(i: u32) -> u32 {
    return state[HEAD + 3u * i + 2u];
}

fn hold(i: u32, item: u32) {
    state[HEAD + 3u * i + 2u] = item;
}

fn code_of(cell: u32) -> u32 {
    return table(CODES_AT + cell);
}

// One raw unit of ingredient k.
fn unit_of(k: u32) -> u32 {
    return 4u << (2u * k);
}

// Units of all ingredients in an item.
fn units(item: u32) -> u32 {
    let counts = item >> 2u;
    return countOneBits(counts & 0x55555555u) + 2u * countOneBits(counts & 0xAAAAAAAAu);
}

fn is_raw(item: u32) -> bool {
    return (item >> 2u) != 0u && (item & PLATE) == 0u;
}

// ---- phase 1: all cooks move at once ----

var<private> old_cells: array<u32, SEATS>;
var<private> new_cells: array<u32, SEATS>;
var<private> sent_back: array<bool, SEATS>;

// Directions (up 0, down 1, right 2, left 3) of the actions right, down, left, up.
fn direction_of(move_: u32) -> u32 {
    return (0x0312u >> (4u * move_)) & 15u;
}

fn advance() {
    var moves = false;
    for (var i = 0u; i < SEATS; i++) {
        old_cells[i] = cook_cell(i);
        new_cells[i] = old_cells[i];
        sent_back[i] = false;
        if action[i] < 4u {
            let direction = direction_of(action[i]);
            state[HEAD + 3u * i + 1u] = direction;
            new_cells[i] = table(STEPS_AT + 4u * old_cells[i] + direction);
            moves = moves || new_cells[i] != old_cells[i];
        }
    }
    if !moves {
        return;
    }
    send_back_collisions();
    undo_swaps();
    for (var i = 0u; i < SEATS; i++) {
        state[HEAD + 3u * i] = new_cells[i];
    }
}

// All cooks of a cell with more than one go back, again and again: who goes back may stand in another's way.
fn send_back_collisions() {
    for (var pass_ = 0u; pass_ <= SEATS; pass_++) {
        var more = false;
        for (var i = 0u; i < SEATS; i++) {
            for (var j = 0u; j < SEATS; j++) {
                if i != j && new_cells[i] == new_cells[j] && !sent_back[i] {
                    sent_back[i] = true;
                    more = true;
                }
            }
        }
        if !more {
            return;
        }
        for (var i = 0u; i < SEATS; i++) {
            if sent_back[i] {
                new_cells[i] = old_cells[i];
            }
        }
    }
}

// Two cooks cannot walk through each other.
fn undo_swaps() {
    for (var i = 0u; i < SEATS; i++) {
        for (var j = i + 1u; j < SEATS; j++) {
            if new_cells[i] != old_cells[i] && new_cells[i] == old_cells[j] && new_cells[j] == old_cells[i] {
                new_cells[i] = old_cells[i];
                new_cells[j] = old_cells[j];
            }
        }
    }
}

// ---- phase 2: one cook after the other uses what it faces ----

var<private> recipe_now: u32;
var<private> plates_before: u32;
var<private> earned: i32;
var<private> delivered: bool;

fn plates_in_hands() -> u32 {
    var count = 0u;
    for (var i = 0u; i < SEATS; i++) {
        count += u32(cook_item(i) == PLATE);
    }
    return count;
}

// No plate lies about, and fewer cooks hold one than pots have something in them.
fn plate_is_needed() -> bool {
    if PLATES_PAY == 2u {
        return false;
    }
    var in_hands = plates_before;
    if PLATES_PAY == 1u {
        in_hands = plates_in_hands();
    }
    var used = 0u;
    for (var pot = 0u; pot < POTS_COUNT; pot++) {
        used += u32(state[ITEMS + table(POTS_AT + pot)] != 0u);
    }
    if in_hands >= used {
        return false;
    }
    for (var cell = 0u; cell < CELLS; cell++) {
        if state[ITEMS + cell] == PLATE {
            return false;
        }
    }
    return true;
}

// Returns the shaped reward.
fn use_pot(i: u32, cell: u32) -> f32 {
    let hand = cook_item(i);
    let pot = state[ITEMS + cell];
    if state[TIMERS + cell] > 0u {
        return 0.0;
    }
    if (pot & COOKED) != 0u {
        if hand != PLATE {
            return 0.0;
        }
        hold(i, pot | PLATE);
        state[ITEMS + cell] = 0u;
        return select(0.0, 5.0, (pot | PLATE) == (recipe_now | DISH));
    }
    var pays = 0.0;
    if is_raw(hand) && units(pot) < POT_UNITS {
        let field = firstTrailingBit(hand);
        if ((pot >> field) & 3u) < ((recipe_now >> field) & 3u) {
            pays = 3.0;
        }
        state[ITEMS + cell] = pot + hand;
        hold(i, 0u);
    } else if START_COOKING && pot != 0u && hand == 0u {
        state[TIMERS + cell] = COOK_TIME;
        return select(0.0, 5.0, pot == recipe_now);
    }
    // Not only after a placement: a pot that was full from the start begins to cook when anyone touches it.
    if !START_COOKING && units(state[ITEMS + cell]) == POT_UNITS {
        state[TIMERS + cell] = COOK_TIME;
    }
    return pays;
}

fn interact(i: u32) {
    let cell = table(FACED_AT + 4u * cook_cell(i) + (cook_direction(i) & 3u));
    let code = code_of(cell);
    let hand = cook_item(i);
    if code == WALL {
        let item = state[ITEMS + cell];
        if (item == 0u) != (hand == 0u) {
            state[ITEMS + cell] = hand;
            hold(i, item);
        }
    } else if code == POT {
        shaped[i] = use_pot(i, cell);
    } else if code == GOAL {
        if (hand & COOKED) != 0u {
            hold(i, 0u);
            if hand == (recipe_now | DISH) {
                delivered = true;
                earned += 20;
            } else if NEGATIVE_REWARDS {
                earned -= 20;
            }
        }
    } else if hand == 0u {
        if code == PLATE_PILE {
            shaped[i] = select(0.0, 3.0, plate_is_needed());
            hold(i, PLATE);
        } else if code == BUTTON {
            state[TIMERS + cell] = BUTTON_TIME;
            earned -= 5;
        } else if code >= FIRST_PILE {
            hold(i, unit_of(code - FIRST_PILE));
        }
    }
}

// ---- phase 3: soups cook and buttons fade ----

fn pass_time() {
    for (var pot = 0u; pot < POTS_COUNT; pot++) {
        let cell = table(POTS_AT + pot);
        let timer = state[TIMERS + cell];
        if timer > 0u {
            state[TIMERS + cell] = timer - 1u;
            if timer == 1u {
                state[ITEMS + cell] |= COOKED;
            }
        }
    }
    for (var button = 0u; button < BUTTONS_COUNT; button++) {
        let cell = table(BUTTONS_AT + button);
        state[TIMERS + cell] = max(state[TIMERS + cell], 1u) - 1u;
    }
}

fn draw_recipe() -> u32 {
    return table(RECIPES_AT + draw_below(RECIPES_COUNT));
}

// A transition with the actions right, down, left, up, stay, interact.
fn kitchen_step() {
    advance();
    recipe_now = state[1];
    plates_before = plates_in_hands();
    earned = 0;
    delivered = false;
    for (var i = 0u; i < SEATS; i++) {
        if action[i] == INTERACT {
            interact(i);
        }
    }
    pass_time();
    state[2] = u32(delivered);
    if delivered && SAMPLE_RECIPE {
        state[1] = draw_recipe();
    }
    state[0] += 1u;
    for (var i = 0u; i < SEATS; i++) {
        reward[i] = f32(earned);
    }
    truncated = state[0] >= MAX_STEPS;
}

fn permute() {
    for (var i = 0u; i < SEATS && PERMUTATIONS > 0u; i++) {
        let own = HEAD + 3u * SEATS + i * INGREDIENTS;
        for (var k = 0u; k < INGREDIENTS; k++) {
            state[own + k] = k;
        }
        for (var left = LISTED_COUNT; left > 1u; left--) {
            let a = own + table(LISTED_AT + left - 1u);
            let b = own + table(LISTED_AT + draw_below(left));
            let item = state[a];
            state[a] = state[b];
            state[b] = item;
        }
    }
}

fn rules_restart() {
    state[0] = 0u;
    state[2] = 0u;
    permute();
}
