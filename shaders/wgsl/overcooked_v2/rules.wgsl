// OvercookedV2's transition and start states.

fn rules_step() {
    kitchen_step();
}

// One cook after the other, uniformly over what is left of its own enclosed space.
fn scatter_cooks() {
    for (var i = 0u; i < SEATS; i++) {
        let space = table(SPACES_AT + 2u * i);
        let len = table(SPACES_AT + 2u * i + 1u);
        var free = 0u;
        for (var at = 0u; at < len; at++) {
            free += u32(is_free(table(space + at), i));
        }
        var chosen = draw_below(max(free, 1u));
        for (var at = 0u; at < len; at++) {
            let cell = table(space + at);
            if is_free(cell, i) {
                if chosen == 0u {
                    state[HEAD + 3u * i] = cell;
                    break;
                }
                chosen -= 1u;
            }
        }
        state[HEAD + 3u * i + 1u] = draw_below(4u);
    }
}

// No cook before cook i stands there.
fn is_free(cell: u32, i: u32) -> bool {
    for (var other = 0u; other < i; other++) {
        if cook_cell(other) == cell {
            return false;
        }
    }
    return true;
}

fn draw_ingredient() -> u32 {
    return unit_of(draw_below(INGREDIENTS));
}

// Of 20 fates: nothing below 10, a plate below 12, an ingredient below `food`, else a dish.
fn draw_item(food: u32) -> u32 {
    let fate = draw_below(20u);
    if fate < 10u {
        return 0u;
    }
    if fate < 12u {
        return PLATE;
    }
    if fate < food {
        return draw_ingredient();
    }
    return draw_recipe() | DISH;
}

fn fill_pot(cell: u32) {
    let fate = draw_below(20u);
    let filled = 1u + draw_below(3u);
    var some = 0u;
    var all_ = 0u;
    for (var unit = 0u; unit < 3u; unit++) {
        let ingredient = draw_ingredient();
        all_ += ingredient;
        some += select(0u, ingredient, unit < filled);
    }
    let timer = 1u + draw_below(COOK_TIME);
    let soup = select(all_, some, START_COOKING);
    if fate < 8u {
        return;
    }
    if fate < 15u {
        state[ITEMS + cell] = some;
    } else if fate < 18u {
        state[ITEMS + cell] = soup;
        state[TIMERS + cell] = timer;
    } else {
        state[ITEMS + cell] = soup | COOKED;
    }
}

fn rules_reset() {
    for (var word = 0u; word < STATE_WORDS; word++) {
        state[word] = 0u;
    }
    state[1] = draw_recipe();
    for (var i = 0u; i < SEATS; i++) {
        state[HEAD + 3u * i] = table(STARTS_AT + i);
    }
    if RANDOM_RESET || RANDOM_POSITIONS {
        scatter_cooks();
    }
    if RANDOM_RESET {
        for (var i = 0u; i < SEATS; i++) {
            hold(i, draw_item(17u));
        }
        for (var pot = 0u; pot < POTS_COUNT; pot++) {
            fill_pot(table(POTS_AT + pot));
        }
        for (var wall = 0u; wall < WALLS_COUNT; wall++) {
            state[ITEMS + table(WALLS_AT + wall)] = draw_item(18u);
        }
    }
    permute();
}

fn rules_observe(seat: u32) {
    kitchen_observe(seat);
}
