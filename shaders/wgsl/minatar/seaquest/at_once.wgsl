// gymnax's way: every list as a whole, one thing after the other.

fn move_at_once() {
    let player = cell_of(state[2]);
    let pace = byte_of(MOVE_PACE);

    fly(F_BULLETS, NONE);
    collide(FISH);
    collide(SUBS);

    pick_up(player);
    swim(DIVERS, DIVER_PACE, NONE);
    pick_up(player);

    swim(SUBS, pace, player);
    collide(SUBS);
    let subs = byte_of(SUBS.length);
    for (var at = 0u; at < subs; at++) {
        put_mob(SUBS, at, shot(mob_of(SUBS, at)));
    }
    fly(E_BULLETS, player);

    swim(FISH, pace, player);
    collide(FISH);
}

// Bullets move on. Whoever is in the cell `prey` before or after is lost.
fn fly(list: List, prey: u32) {
    let count = byte_of(list.length);
    var kept = 0u;
    for (var at = 0u; at < count; at++) {
        let before = mob_of(list, at);
        let after = forward(before);
        lost = lost || cell_of(before) == prey || cell_of(after) == prey;
        if is_inside(after) {
            put_mob(list, kept, after);
            kept += 1u;
        }
    }
    cut(list, kept, count);
}

// Those whose time it is move on. Whoever is in the cell `prey` before or after is lost.
fn swim(list: List, pace: u32, prey: u32) {
    let count = byte_of(list.length);
    var kept = 0u;
    for (var at = 0u; at < count; at++) {
        let before = mob_of(list, at);
        let after = swum(before, pace);
        lost = lost || cell_of(before) == prey || cell_of(after) == prey;
        if is_inside(after) {
            put_mob(list, kept, after);
            kept += 1u;
        }
    }
    cut(list, kept, count);
}

// Divers on the player's cell come aboard, in the order of the list, as many as there is room for.
fn pick_up(player: u32) {
    var aboard = vec2<u32>();
    let count = byte_of(DIVERS.length);
    for (var at = 0u; at < count; at++) {
        if cell_of(mob_of(DIVERS, at)) == player && i32(state[4]) < ABOARD {
            aboard |= mark(at);
            state[4] += 1u;
        }
    }
    remove_marked(DIVERS, aboard);
}

// Bullets aim at the first target of their cell; of several that aim at one, the last of the list hits and the others fly on.
fn collide(targets: List) {
    var spent = vec2<u32>();
    var hit = vec2<u32>();
    for (var left = byte_of(F_BULLETS.length); left > 0u; left--) {
        let aim = first_at(targets, cell_of(mob_of(F_BULLETS, left - 1u)));
        if aim != NONE && !is_marked(hit, aim) {
            hit |= mark(aim);
            spent |= mark(left - 1u);
        }
    }
    remove_marked(F_BULLETS, spent);
    remove_marked(targets, hit);
    points += countOneBits(hit.x) + countOneBits(hit.y);
}
