// Overcooked V1: the kitchen of OvercookedV2 with V1's order of actions and V1's starts.

const RAW_SOUP: u32 = 12u;
const V1_SOUP: u32 = 15u;
const V1_ONION: u32 = 4u;

fn rules_step() {
    for (var i = 0u; i < SEATS; i++) {
        // Up, down, right, left, stay, interact.
        action[i] = select(4u, (0x542013u >> (4u * action[i])) & 15u, action[i] < 6u);
    }
    kitchen_step();
}

fn rules_reset() {
    for (var word = 0u; word < STATE_WORDS; word++) {
        state[word] = 0u;
    }
    state[1] = RAW_SOUP;
    for (var i = 0u; i < SEATS; i++) {
        state[HEAD + 3u * i] = table(STARTS_AT + i);
    }
    if RANDOM_RESET {
        // Two different floor cells; the second skips the first.
        let first = draw_below(FLOOR_COUNT);
        var second = draw_below(FLOOR_COUNT - 1u);
        second += u32(second >= first);
        state[HEAD] = table(FLOOR_AT + first);
        state[HEAD + 3u] = table(FLOOR_AT + second);
    }
    for (var i = 0u; i < SEATS; i++) {
        state[HEAD + 3u * i + 1u] = draw_below(4u);
    }
    if RANDOM_RESET {
        for (var i = 0u; i < SEATS; i++) {
            let kind = draw_below(4u);
            hold(i, (0xF140u >> (4u * kind)) & 15u);
        }
        for (var pot = 0u; pot < POTS_COUNT; pot++) {
            fill_to(table(POTS_AT + pot), draw_below(24u));
        }
    }
}

// Item and timer of a pot of this V1 status.
fn fill_to(cell: u32, status: u32) {
    if status == 0u {
        state[ITEMS + cell] = RAW_SOUP | COOKED;
    } else if status <= 20u {
        state[ITEMS + cell] = RAW_SOUP;
        state[TIMERS + cell] = status;
    } else {
        state[ITEMS + cell] = (23u - status) * V1_ONION;
    }
}
