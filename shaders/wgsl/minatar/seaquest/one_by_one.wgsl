// The original's way: each list from its last mob to its first, each mob with everything that it meets.

fn move_one_by_one() {
    friendly_bullets();
    divers();
    enemy_subs();
    enemy_bullets();
    fish();
}

// Removes the first mob equal to the one at `at`; where that one is now. It then comes next once more.
fn remove_equal(list: List, at: u32) -> u32 {
    let mob = mob_of(list, at);
    var first = 0u;
    while first < at && mob_of(list, first) != mob {
        first += 1u;
    }
    remove(list, first);
    return select(NONE, at - 1u, first < at);
}

fn friendly_bullets() {
    for (var left = byte_of(F_BULLETS.length); left > 0u; left--) {
        let at = left - 1u;
        let bullet = forward(mob_of(F_BULLETS, at));
        put_mob(F_BULLETS, at, bullet);
        var spent = !is_inside(bullet);
        if !spent {
            spent = hits(FISH, bullet);
        }
        if !spent {
            spent = hits(SUBS, bullet);
        }
        if spent {
            remove_equal(F_BULLETS, at);
        }
    }
}

// Whether a bullet hits one of the targets, which it removes.
fn hits(targets: List, bullet: u32) -> bool {
    let aim = first_at(targets, cell_of(bullet));
    if aim == NONE {
        return false;
    }
    remove(targets, aim);
    points += 1u;
    return true;
}

// Whether a diver comes aboard, if it is on the player's cell and there is room.
fn boards(diver: u32) -> bool {
    return cell_of(diver) == cell_of(state[2]) && i32(state[4]) < ABOARD;
}

fn divers() {
    for (var left = byte_of(DIVERS.length); left > 0u; left--) {
        let at = left - 1u;
        var diver = mob_of(DIVERS, at);
        var picked_up = boards(diver);
        if !picked_up {
            let due = is_due(diver);
            diver = swum(diver, DIVER_PACE);
            picked_up = due && boards(diver);
            put_mob(DIVERS, at, diver);
        }
        state[4] += u32(picked_up);
        if picked_up || !is_inside(diver) {
            remove_equal(DIVERS, at);
        }
    }
}

// Whether a swimmer that was at `before`, or its equal, is to be removed: it has left the board, or a bullet on its new cell hits it.
fn goes(before: u32, after: u32) -> bool {
    let player = cell_of(state[2]);
    lost = lost || cell_of(before) == player;
    if !is_due(before) {
        return false;
    }
    if !is_inside(after) {
        return true;
    }
    if cell_of(after) == player {
        lost = true;
        return false;
    }
    return hits(F_BULLETS, after);
}

fn enemy_subs() {
    for (var left = byte_of(SUBS.length); left > 0u; left--) {
        let at = left - 1u;
        let before = mob_of(SUBS, at);
        let sub = swum(before, byte_of(MOVE_PACE));
        put_mob(SUBS, at, sub);
        var place = at;
        if goes(before, sub) {
            place = remove_equal(SUBS, at);
        }
        // One that is gone shoots all the same, with its last breath.
        let after = shot(sub);
        if place != NONE {
            put_mob(SUBS, place, after);
        }
    }
}

fn enemy_bullets() {
    let player = cell_of(state[2]);
    for (var left = byte_of(E_BULLETS.length); left > 0u; left--) {
        let at = left - 1u;
        let before = mob_of(E_BULLETS, at);
        let bullet = forward(before);
        lost = lost || cell_of(before) == player || cell_of(bullet) == player;
        put_mob(E_BULLETS, at, bullet);
        if !is_inside(bullet) {
            remove_equal(E_BULLETS, at);
        }
    }
}

fn fish() {
    for (var left = byte_of(FISH.length); left > 0u; left--) {
        let at = left - 1u;
        let before = mob_of(FISH, at);
        let after = swum(before, byte_of(MOVE_PACE));
        put_mob(FISH, at, after);
        if goes(before, after) {
            remove_equal(FISH, at);
        }
    }
}
