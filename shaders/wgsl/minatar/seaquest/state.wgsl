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
