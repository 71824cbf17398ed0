// MinAtar's Seaquest: a submarine among fish, enemy submarines and divers, with air for 200 steps.
//
// Word 2: the submarine (x, from bit 4 y, bit 8 faces right, bit 9 at the surface). Words 3 and 4: oxygen, divers aboard. Words 5 to 7: bytes,
// numbered below. Word 8: increases of difficulty. Then the lists, 16 bits a mob: x, from bit 4 y, bit 8 to the right, from bit 9 the move
// timer, from bit 12 the shot timer; what lies beyond a list's length is zero.
//
// Within a step a mob is at most two cells outside the board: its x then wraps to 14 or 15, or is 10 or 11, which no x on the board is.
//
// Constants: GYMNAX (all of a list at once; else the original, one mob after the other), RAMPING.

// Bytes of the state.
const E_SPAWN_TIMER: u32 = 20u;
const D_SPAWN_TIMER: u32 = 21u;
const SHOT_TIMER: u32 = 22u;
const MOVE_PACE: u32 = 23u;
const E_SPAWN_SPEED: u32 = 24u;

struct List {
    // Number of its first mob, counted from the state's first half word.
    first: u32,
    // Mobs that fit.
    room: u32,
    // The byte that holds its length.
    length: u32,
}

const DIVERS: List = List(18u, 8u, 25u);
const F_BULLETS: List = List(26u, 8u, 26u);
const E_BULLETS: List = List(34u, 72u, 27u);
const FISH: List = List(106u, 64u, 28u);
const SUBS: List = List(170u, 64u, 29u);

const NONE: u32 = 0xFFFFFFFFu;
const FACES_RIGHT: u32 = 256u;
const SURFACED: u32 = 512u;
const MAX_OXYGEN: i32 = 200;
const SPAWN_SPEED: u32 = 20u;
const MOVE_SPEED: u32 = 5u;
const SHOT_INTERVAL: u32 = 10u;
const DIVER_PACE: u32 = 5u;
const DIVER_SPAWN: u32 = 30u;
const SHOT_COOL_DOWN: u32 = 5u;
// Divers that fit into the submarine.
const ABOARD: i32 = 6;
// The lowest row that is water.
const SEABED: u32 = 8u;

// What came of the step so far.
var<private> points: u32;
var<private> lost: bool;

fn rules_reset() {
    game_begin();
    for (var word = HEAD; word < STATE_WORDS; word++) {
        state[word] = 0u;
    }
    state[2] = 5u | SURFACED;
    state[3] = u32(MAX_OXYGEN);
    state[5] = SPAWN_SPEED | (DIVER_SPAWN << 8u) | (MOVE_SPEED << 24u);
    state[6] = SPAWN_SPEED;
}

fn rules_step() {
    let code = made();
    points = 0u;
    lost = false;
    if byte_of(E_SPAWN_TIMER) == 0u {
        spawn_enemy();
        put_byte(E_SPAWN_TIMER, byte_of(E_SPAWN_SPEED));
    }
    if byte_of(D_SPAWN_TIMER) == 0u {
        let rightwards = draw_below(2u) == 0u;
        let y = draw_below(SEABED) + 1u;
        push(DIVERS, at_edge(y, rightwards, DIVER_PACE));
        put_byte(D_SPAWN_TIMER, DIVER_SPAWN);
    }
    act(code);
    if GYMNAX {
        move_at_once();
    } else {
        move_one_by_one();
    }
    count_down(E_SPAWN_TIMER);
    count_down(D_SPAWN_TIMER);
    count_down(SHOT_TIMER);
    breathe();
    finish(points, lost);
}

// ---- bytes and lists ----

fn byte_of(number: u32) -> u32 {
    return (state[number >> 2u] >> ((number & 3u) * 8u)) & 255u;
}

fn put_byte(number: u32, value: u32) {
    let at = number >> 2u;
    let shift = (number & 3u) * 8u;
    state[at] = (state[at] & ~(255u << shift)) | (value << shift);
}

fn count_down(number: u32) {
    put_byte(number, max(byte_of(number), 1u) - 1u);
}

fn mob_of(list: List, at: u32) -> u32 {
    let half = list.first + at;
    return (state[half >> 1u] >> ((half & 1u) * 16u)) & 0xFFFFu;
}

fn put_mob(list: List, at: u32, mob: u32) {
    let half = list.first + at;
    let word = half >> 1u;
    let shift = (half & 1u) * 16u;
    state[word] = (state[word] & ~(0xFFFFu << shift)) | (mob << shift);
}

// Adds a mob at the end; none where the list is full.
fn push(list: List, mob: u32) {
    let count = byte_of(list.length);
    if count < list.room {
        put_mob(list, count, mob);
        put_byte(list.length, count + 1u);
    }
}

// Of `count` mobs the first `kept` stay.
fn cut(list: List, kept: u32, count: u32) {
    for (var at = kept; at < count; at++) {
        put_mob(list, at, 0u);
    }
    put_byte(list.length, kept);
}

fn remove(list: List, place: u32) {
    let count = byte_of(list.length);
    for (var at = place + 1u; at < count; at++) {
        put_mob(list, at - 1u, mob_of(list, at));
    }
    cut(list, count - 1u, count);
}

// The bit of a mob among those of a whole list.
fn mark(at: u32) -> vec2<u32> {
    let one = 1u << (at & 31u);
    return select(vec2<u32>(one, 0u), vec2<u32>(0u, one), at >= 32u);
}

fn is_marked(marks: vec2<u32>, at: u32) -> bool {
    return any((marks & mark(at)) != vec2<u32>());
}

// Removes those that are marked.
fn remove_marked(list: List, marks: vec2<u32>) {
    if !any(marks != vec2<u32>()) {
        return;
    }
    let count = byte_of(list.length);
    var kept = 0u;
    for (var at = 0u; at < count; at++) {
        if !is_marked(marks, at) {
            put_mob(list, kept, mob_of(list, at));
            kept += 1u;
        }
    }
    cut(list, kept, count);
}

// The first of the list on a cell.
fn first_at(list: List, cell: u32) -> u32 {
    let count = byte_of(list.length);
    for (var at = 0u; at < count; at++) {
        if cell_of(mob_of(list, at)) == cell {
            return at;
        }
    }
    return NONE;
}

// ---- mobs ----

// Enters in row `y`.
fn at_edge(y: u32, rightwards: bool, move_timer: u32) -> u32 {
    return select(LAST, FACES_RIGHT, rightwards) | (y << 4u) | (move_timer << 9u);
}

// x and y, as of the submarine.
fn cell_of(mob: u32) -> u32 {
    return mob & 255u;
}

fn is_inside(mob: u32) -> bool {
    return (mob & 15u) <= LAST;
}

fn forward(mob: u32) -> u32 {
    let x = mob + select(15u, 1u, (mob & FACES_RIGHT) != 0u);
    return (mob & ~15u) | (x & 15u);
}

// Whether it is its time to move.
fn is_due(mob: u32) -> bool {
    return (mob & 0xE00u) == 0u;
}

// It moves if it is its time.
fn swum(mob: u32, pace: u32) -> u32 {
    if is_due(mob) {
        return forward(mob) | (pace << 9u);
    }
    return mob - 0x200u;
}

// An enemy submarine after its turn to shoot.
fn shot(sub: u32) -> u32 {
    if (sub >> 12u) == 0u {
        push(E_BULLETS, sub & 0x1FFu);
        return sub | (SHOT_INTERVAL << 12u);
    }
    return sub - 0x1000u;
}

// ---- what both variants do ----

// Whether something of the list moves against `mob` in its row.
fn is_against(list: List, mob: u32) -> bool {
    let count = byte_of(list.length);
    for (var at = 0u; at < count; at++) {
        // Rows equal, directions not.
        if ((mob_of(list, at) ^ mob) & 0x1F0u) == FACES_RIGHT {
            return true;
        }
    }
    return false;
}

// A fish or, one time in three, a submarine enters, unless something in its row moves the other way.
fn spawn_enemy() {
    let rightwards = draw_below(2u) == 0u;
    let is_sub = draw_below(3u) == 0u;
    let y = draw_below(SEABED) + 1u;
    let mob = at_edge(y, rightwards, byte_of(MOVE_PACE));
    if is_against(FISH, mob) || is_against(SUBS, mob) {
        return;
    }
    if is_sub {
        push(SUBS, mob | (SHOT_INTERVAL << 12u));
    } else {
        push(FISH, mob);
    }
}

// The player's move.
fn act(code: u32) {
    let ship = state[2];
    if code == FIRE && byte_of(SHOT_TIMER) == 0u {
        push(F_BULLETS, ship & 0x1FFu);
        put_byte(SHOT_TIMER, SHOT_COOL_DOWN);
    }
    let x = moved(ship & 15u, code == LEFT, code == RIGHT, 0u);
    let y = min(moved((ship >> 4u) & 15u, code == UP, code == DOWN, 0u), SEABED);
    let right = ((ship & FACES_RIGHT) != 0u || code == RIGHT) && code != LEFT;
    state[2] = x | (y << 4u) | select(0u, FACES_RIGHT, right) | (ship & SURFACED);
}

// Air, and what happens at the surface.
fn breathe() {
    let oxygen = i32(state[3]);
    // Asked before the air is used: the submarine lives through the step in which the last of it goes.
    lost = lost || oxygen <= 0;
    if (state[2] & 0xF0u) != 0u {
        state[3] -= 1u;
        state[2] &= ~SURFACED;
        return;
    }
    if (state[2] & SURFACED) != 0u {
        return;
    }
    var aboard = i32(state[4]);
    if aboard == 0 {
        lost = true;
        // The game is over, and gymnax goes on as if it were not.
        if !GYMNAX {
            return;
        }
    }
    state[2] |= SURFACED;
    if aboard == ABOARD {
        points += u32(max(oxygen, 0) * 10 / MAX_OXYGEN);
        aboard = 0;
    }
    state[3] = u32(MAX_OXYGEN);
    // Also after a rescue, which leaves -1. The lowest number stays.
    state[4] = u32(aboard) - u32(u32(aboard) != 0x80000000u);
    ramp();
}

fn ramp() {
    let spawn_speed = byte_of(E_SPAWN_SPEED);
    let move_speed = byte_of(MOVE_PACE);
    if !RAMPING || (spawn_speed <= 1u && move_speed <= 2u) {
        return;
    }
    put_byte(MOVE_PACE, move_speed - u32(move_speed > 2u && (state[8] & 1u) == 1u));
    put_byte(E_SPAWN_SPEED, spawn_speed - u32(spawn_speed > 1u));
    state[8] += u32(state[8] != 0xFFFFFFFFu);
}

// ---- gymnax's way: every list as a whole ----

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

// ---- the original's way: each list from its last mob to its first, each mob with everything that it meets ----

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

// ---- what is seen ----

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
