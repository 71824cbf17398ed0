// MinAtar's Breakout: a ball, a paddle in the last row, and a wall of three rows of bricks.
//
// Words 2 and 3: places in fours of bits (ball x, y, last x, y, paddle) with the flags right, down, strike from bit 20; bricks.

const WALL: u32 = 0x3FFFFFFFu;

fn rules_reset() {
    game_begin();
    let right = draw_below(2u);
    let ball_x = select(0u, LAST, right == 1u);
    state[2] = ball_x | (3u << 4u) | (ball_x << 8u) | (3u << 12u) | (4u << 16u) | ((1u - right) << 20u) | (1u << 21u);
    state[3] = WALL;
}

fn rules_step() {
    let code = made();
    let places = state[2];
    let old_x = places & 15u;
    let old_y = (places >> 4u) & 15u;
    var pos = (places >> 16u) & 15u;
    let rightwards = (places >> 20u) & 1u;
    let downwards = (places >> 21u) & 1u;
    let strike = (places >> 22u) & 1u;
    let left = u32(code == LEFT);
    pos = min(max(pos, left) - left + u32(code == RIGHT), LAST);

    // One more than the place, so that no number is negative.
    let ahead_x = old_x + 2u * rightwards;
    let ahead_y = old_y + 2u * downwards;
    let side = u32(ahead_x < 1u || ahead_x > LAST + 1u);
    let x = clamp(ahead_x, 1u, LAST + 1u) - 1u;
    let top = u32(ahead_y < 1u);
    let y = max(ahead_y, 1u) - 1u;

    let in_wall = u32(y - 1u < 3u);
    let bit = in_wall << ((y * 10u + x - 10u) & 31u);
    let brick = u32((state[3] & bit) != 0u);
    let hit = brick & (strike ^ 1u);
    let bricks = state[3] & ~(bit * hit);

    let bottom = u32(y == LAST);
    let refilled = select(bricks, WALL, bottom == 1u && bricks == 0u);
    let straight = bottom & u32(old_x == pos);
    let corner = bottom & (straight ^ 1u) & u32(x == pos);
    let back = hit | straight | corner;

    state[2] = x | (select(y, old_y, back == 1u) << 4u) | (old_x << 8u) | (old_y << 12u) | (pos << 16u)
        | ((rightwards ^ side ^ corner) << 20u) | ((downwards ^ (top | back)) << 21u) | (brick << 22u);
    state[3] = refilled;
    finish(hit, (bottom & ((straight | corner) ^ 1u)) == 1u);
}

fn rules_observe(seat: u32) {
    let places = state[2];
    for (var brick = 0u; brick < 30u; brick++) {
        if ((state[3] >> brick) & 1u) == 1u {
            see(SIDE + brick, 3u, 1);
        }
    }
    set_cell((places >> 16u) & 15u, LAST, 0u);
    set_cell(places & 15u, (places >> 4u) & 15u, 1u);
    set_cell((places >> 8u) & 15u, (places >> 12u) & 15u, 2u);
}
