// OvercookedV2's observation: a grid of channels, the whole kitchen or a window around the cook. The table of channels is in the rules on
// the processor. What never changes is the canvas, or painted cell by cell where no canvas fits all seats.

// The window's corner, one margin to the left of and above the kitchen's.
var<private> window_x: u32;
var<private> window_y: u32;
var<private> seen_by: u32;

const HIDDEN: u32 = 0xFFFFFFFFu;

// The cell of the observation that shows a cell of the kitchen, or HIDDEN.
fn shown(cell: u32) -> u32 {
    if VIEW == 0u {
        return cell;
    }
    let x = cell % WIDTH + VIEW - window_x;
    let y = cell / WIDTH + VIEW - window_y;
    let side = 2u * VIEW + 1u;
    if x < side && y < side {
        return y * side + x;
    }
    return HIDDEN;
}

// (plate, cooked, units of each ingredient) of an item, by the names of the seat.
fn see_block(cell: u32, channel: u32, item: u32) {
    if (item & 1u) != 0u {
        see(cell, channel, 1);
    }
    if (item & 2u) != 0u {
        see(cell, channel + 1u, 1);
    }
    for (var k = 0u; k < INGREDIENTS; k++) {
        var name = k;
        if PERMUTATIONS > 0u {
            name = state[HEAD + 3u * SEATS + seen_by * INGREDIENTS + k];
        }
        let count = (item >> (2u + 2u * name)) & 3u;
        if count != 0u {
            see(cell, channel + 2u + k, i32(count));
        }
    }
}

// What stands on a cell for ever.
fn see_fixture(cell: u32, at: u32) {
    let code = code_of(cell);
    let first = 14u + 2u * INGREDIENTS;
    switch code {
        case WALL: { see(at, first, 1); }
        case GOAL: { see(at, first + 1u, 1); }
        case POT: { see(at, first + 2u, 1); }
        case INDICATOR: { see(at, first + 3u, 1); }
        case BUTTON: { see(at, first + 4u, 1); }
        case PLATE_PILE: { see(at, first + 5u, 1); }
        default: {
            if code >= FIRST_PILE {
                see_pile(at, code - FIRST_PILE);
            }
        }
    }
}

fn see_pile(at: u32, ingredient: u32) {
    let first = 20u + 2u * INGREDIENTS;
    if PERMUTATIONS == 0u {
        see(at, first + ingredient, 1);
        return;
    }
    for (var k = 0u; k < INGREDIENTS; k++) {
        if state[HEAD + 3u * SEATS + seen_by * INGREDIENTS + k] == ingredient {
            see(at, first + k, 1);
        }
    }
}

fn see_fixtures() {
    if VIEW == 0u {
        for (var cell = 0u; cell < CELLS; cell++) {
            see_fixture(cell, cell);
        }
        return;
    }
    let side = 2u * VIEW + 1u;
    for (var at = 0u; at < side * side; at++) {
        let x = window_x + at % side - VIEW;
        let y = window_y + at / side - VIEW;
        if x < WIDTH && y < HEIGHT {
            see_fixture(y * WIDTH + x, at);
        }
    }
}

fn see_grid(seat: u32) {
    seen_by = seat;
    let own = cook_cell(seat);
    window_x = own % WIDTH;
    window_y = own / WIDTH;
    let n = INGREDIENTS;
    if !PAINTED {
        see_fixtures();
    } else if PERMUTATIONS > 0u {
        for (var pile = 0u; pile < PILES_COUNT; pile++) {
            let cell = table(PILES_AT + pile);
            see_pile(cell, code_of(cell) - FIRST_PILE);
        }
    }
    for (var cell = 0u; cell < CELLS; cell++) {
        let item = state[ITEMS + cell];
        if item != 0u {
            let at = shown(cell);
            if at != HIDDEN {
                see_block(at, 20u + 3u * n, item);
            }
        }
    }
    for (var pot = 0u; pot < POTS_COUNT; pot++) {
        let cell = table(POTS_AT + pot);
        let at = shown(cell);
        if at != HIDDEN && state[TIMERS + cell] != 0u {
            see(at, 24u + 5u * n, i32(state[TIMERS + cell]));
        }
    }
    for (var indicator = 0u; indicator < INDICATORS_COUNT; indicator++) {
        let at = shown(table(INDICATORS_AT + indicator));
        if at != HIDDEN {
            see_block(at, 22u + 4u * n, state[1]);
        }
    }
    for (var button = 0u; button < BUTTONS_COUNT; button++) {
        let cell = table(BUTTONS_AT + button);
        let at = shown(cell);
        if at != HIDDEN && state[TIMERS + cell] > 0u {
            see_block(at, 22u + 4u * n, state[1]);
        }
    }
    if INDICATE_DELIVERY && (state[2] & 1u) != 0u {
        for (var goal = 0u; goal < GOALS_COUNT; goal++) {
            let at = shown(table(GOALS_AT + goal));
            if at != HIDDEN {
                see(at, 25u + 5u * n, 1);
            }
        }
    }
    for (var i = 0u; i < SEATS; i++) {
        let at = shown(cook_cell(i));
        if at != HIDDEN {
            let group_ = select(7u + n, 0u, i == seat);
            see(at, group_, 1);
            see(at, group_ + 1u + (cook_direction(i) & 3u), 1);
            if cook_item(i) != 0u {
                see_block(at, group_ + 5u, cook_item(i));
            }
        }
    }
}

fn kitchen_observe(seat: u32) {
    if table(FEATURIZED_AT + seat) != 0u {
        see_features(seat);
    } else {
        see_grid(seat);
    }
}
