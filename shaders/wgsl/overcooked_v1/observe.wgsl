// V1's observation: the whole kitchen in 26 channels, told in the rules on the processor. The canvas has every counter empty.

const URGENT_STEPS: u32 = 40u;
const LONGEST_SHOWN: u32 = 19u;

// An item on a counter or in hands.
fn see_item(cell: u32, item: u32) {
    if item == V1_ONION {
        see(cell, 23u, 1);
    } else if item == PLATE {
        see(cell, 22u, 1);
    } else if item == V1_SOUP {
        see(cell, 18u, 3);
        see(cell, 21u, 1);
    }
}

fn see_v1_pot(cell: u32) {
    let item = state[ITEMS + cell];
    let timer = state[TIMERS + cell];
    let cooking = timer >= 1u && timer <= LONGEST_SHOWN;
    let ready = item == (RAW_SOUP | COOKED);
    if cooking || ready {
        see(cell, 18u, 3);
        see(cell, 20u, i32(timer));
        if ready {
            see(cell, 21u, 1);
        }
    } else {
        see(cell, 16u, i32(units(item)));
    }
}

fn rules_observe(seat: u32) {
    for (var wall = 0u; wall < WALLS_COUNT; wall++) {
        let cell = table(WALLS_AT + wall);
        let item = state[ITEMS + cell];
        if item != 0u {
            see(cell, 11u, -1);
            see_item(cell, item);
        }
    }
    for (var pot = 0u; pot < POTS_COUNT; pot++) {
        see_v1_pot(table(POTS_AT + pot));
    }
    for (var i = 0u; i < SEATS; i++) {
        let cell = cook_cell(i);
        let other = u32(i != seat);
        see_item(cell, cook_item(i));
        see(cell, other, 1);
        see(cell, 2u + 4u * other + (cook_direction(i) & 3u), 1);
    }
    if max(MAX_STEPS, state[0]) - state[0] < URGENT_STEPS {
        for (var cell = 0u; cell < CELLS; cell++) {
            see(cell, 25u, 1);
        }
    }
}
