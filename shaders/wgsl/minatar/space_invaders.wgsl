// MinAtar's Space Invaders: a cannon in the last row against a block of aliens. Nothing in it is drawn.
//
// Words 2 to 5, 6 to 9, 10 to 13: maps of the aliens, of the cannon's bullets and of the aliens' bullets, bit 10 y + x. Word 14: the cannon's
// x, bit 4 the aliens move to the right. Word 15: bytes, steps between two moves of the aliens, to the next, to their next shot, to the
// cannon's next shot. Word 16: waves after which the aliens became faster.
//
// Constant: RAMPING.

const ALIENS: u32 = 2u;
const F_BULLETS: u32 = 6u;
const E_BULLETS: u32 = 10u;

// The highest word of the board.
const BOARD_TOP: u32 = 0xFu;
// Bits of the last row, of column 0, and of a wave: rows 0 to 3, columns 2 to 7.
const BOTTOM: vec4<u32> = vec4<u32>(0u, 0u, 0xFC000000u, 0xFu);
const COLUMN: vec4<u32> = vec4<u32>(0x40100401u, 0x10040100u, 0x04010040u, 0u);
const WAVE: vec4<u32> = vec4<u32>(0x0FC3F0FCu, 0x3Fu, 0u, 0u);
const ROW: u32 = 0x3FFu;

const SHOT_COOL_DOWN: u32 = 5u;
const MOVE_INTERVAL: u32 = 12u;
const FASTEST: u32 = 6u;
const SHOT_INTERVAL: u32 = 10u;

var<private> aliens: vec4<u32>;
var<private> f_bullets: vec4<u32>;
var<private> e_bullets: vec4<u32>;
var<private> pos: u32;
var<private> rightwards: bool;

fn rules_reset() {
    game_begin();
    put_map(ALIENS, WAVE);
    put_map(F_BULLETS, vec4<u32>());
    put_map(E_BULLETS, vec4<u32>());
    state[14] = 5u;
    state[15] = MOVE_INTERVAL | (MOVE_INTERVAL << 8u) | (SHOT_INTERVAL << 16u);
    state[16] = 0u;
}

fn map_of(word: u32) -> vec4<u32> {
    return vec4<u32>(state[word], state[word + 1u], state[word + 2u], state[word + 3u]);
}

fn put_map(word: u32, map: vec4<u32>) {
    state[word] = map.x;
    state[word + 1u] = map.y;
    state[word + 2u] = map.z;
    state[word + 3u] = map.w;
}

// A map shifted by less than 32 bits towards higher ones.
fn up(map: vec4<u32>, by: u32) -> vec4<u32> {
    let carried = (vec4<u32>(0u, map.xyz) >> vec4<u32>(1u)) >> vec4<u32>(31u - by);
    return (map << vec4<u32>(by)) | carried;
}

// And towards lower ones.
fn down(map: vec4<u32>, by: u32) -> vec4<u32> {
    let carried = (vec4<u32>(map.yzw, 0u) << vec4<u32>(1u)) << vec4<u32>(31u - by);
    return (map >> vec4<u32>(by)) | carried;
}

fn on_board(map: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(map.xyz, map.w & BOARD_TOP);
}

fn cell_bit(cell: u32) -> vec4<u32> {
    let here = vec4<u32>(cell >> 5u) == vec4<u32>(0u, 1u, 2u, 3u);
    return select(vec4<u32>(), vec4<u32>(1u << (cell & 31u)), here);
}

fn meets(map: vec4<u32>, other: vec4<u32>) -> bool {
    return any((map & other) != vec4<u32>());
}

fn count(map: vec4<u32>) -> u32 {
    let ones = countOneBits(map);
    return ones.x + ones.y + ones.z + ones.w;
}

// The highest cell of a map that is not empty.
fn highest(map: vec4<u32>) -> u32 {
    if map.w != 0u {
        return 96u + firstLeadingBit(map.w);
    }
    if map.z != 0u {
        return 64u + firstLeadingBit(map.z);
    }
    if map.y != 0u {
        return 32u + firstLeadingBit(map.y);
    }
    return firstLeadingBit(map.x);
}

// The aliens take a step to the side, or down where one has come to the side; whether one of them was in the last row then.
fn march() -> bool {
    let before = aliens;
    if !meets(before, up(COLUMN, select(0u, LAST, rightwards))) {
        if rightwards {
            aliens = up(before, 1u);
        } else {
            aliens = down(before, 1u);
        }
        return false;
    }
    rightwards = !rightwards;
    // The last row comes back as row 0.
    let around = (before.z >> 26u) | (before.w << 6u);
    aliens = on_board(up(before, SIDE) | vec4<u32>(around, 0u, 0u, 0u));
    return meets(before, BOTTOM);
}

// The lowest alien of the column nearest to the cannon, of two at the same distance the left one: one bit, or none.
fn shooter() -> vec4<u32> {
    var columns = 0u;
    var rest = aliens;
    for (var y = 0u; y < SIDE; y++) {
        columns |= rest.x & ROW;
        rest = down(rest, SIDE);
    }
    if columns == 0u {
        return vec4<u32>();
    }
    let here = columns & ((2u << pos) - 1u);
    let there = columns >> pos;
    let left = select(pos - firstLeadingBit(here), 0xFFFFFFFFu, here == 0u);
    let right = select(firstTrailingBit(there), 0xFFFFFFFFu, there == 0u);
    let x = select(pos + right, pos - left, left <= right);
    return cell_bit(highest(aliens & up(COLUMN, x)));
}

fn rules_step() {
    let code = made();
    aliens = map_of(ALIENS);
    f_bullets = map_of(F_BULLETS);
    e_bullets = map_of(E_BULLETS);
    pos = state[14] & 15u;
    rightwards = (state[14] & 16u) != 0u;
    var interval = state[15] & 255u;
    var move_timer = (state[15] >> 8u) & 255u;
    var alien_shot_timer = (state[15] >> 16u) & 255u;
    var shot_timer = state[15] >> 24u;

    if code == FIRE && shot_timer == 0u {
        f_bullets |= cell_bit(LAST * SIDE + pos);
        shot_timer = SHOT_COOL_DOWN;
    }
    pos = moved(pos, code == LEFT, code == RIGHT, 0u);
    let cannon = cell_bit(LAST * SIDE + pos);

    f_bullets = down(f_bullets, SIDE);
    e_bullets = on_board(up(e_bullets, SIDE));
    var lost = meets(e_bullets | aliens, cannon);
    if move_timer == 0u {
        move_timer = min(count(aliens), interval);
        let landed = march();
        lost = lost || landed || meets(aliens, cannon);
    }
    if alien_shot_timer == 0u {
        alien_shot_timer = SHOT_INTERVAL;
        e_bullets |= shooter();
    }
    let kills = aliens & f_bullets;
    aliens ^= kills;
    f_bullets ^= kills;

    if !any(aliens != vec4<u32>()) {
        if RAMPING && interval > FASTEST {
            interval -= 1u;
            state[16] += u32(state[16] != 0xFFFFFFFFu);
        }
        aliens = WAVE;
    }
    put_map(ALIENS, aliens);
    put_map(F_BULLETS, f_bullets);
    put_map(E_BULLETS, e_bullets);
    state[14] = pos | (u32(rightwards) << 4u);
    state[15] = interval | (less_one(move_timer) << 8u) | (less_one(alien_shot_timer) << 16u) | (less_one(shot_timer) << 24u);
    finish(count(kills), lost);
}

fn less_one(timer: u32) -> u32 {
    return max(timer, 1u) - 1u;
}

fn rules_observe(seat: u32) {
    set_cell(state[14] & 15u, LAST, 0u);
    let direction = select(2u, 3u, (state[14] & 16u) != 0u);
    for (var word = 0u; word < 4u; word++) {
        see_word(word, state[ALIENS + word], 1u);
        see_word(word, state[ALIENS + word], direction);
        see_word(word, state[F_BULLETS + word], 4u);
        see_word(word, state[E_BULLETS + word], 5u);
    }
}

// One word of a map.
fn see_word(word: u32, map: u32, channel: u32) {
    var left = map;
    while left != 0u {
        see(word * 32u + firstTrailingBit(left), channel, 1);
        left &= left - 1u;
    }
}
