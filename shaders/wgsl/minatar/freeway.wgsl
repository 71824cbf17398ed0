// MinAtar's Freeway: a chicken in column 4 crosses eight lanes of cars, upwards from the last row.
//
// Word 2: the chicken's row, and from bit 4 the steps until it may move. Words 3 to 6: cars of the rows 1 to 8, 16 bits each (x, from bit 4
// the timer, from bit 8 steps per move less one, bit 11 to the right).
//
// Constant: GYMNAX (else the original, which ends).

const CARS: u32 = 8u;
const COLUMN: u32 = 4u;
const PLAYER_SPEED: u32 = 3u;
const SLOWEST: u32 = 5u;
// The step in which the original ends.
const LAST_STEP: u32 = 2501u;

fn rules_reset() {
    game_begin();
    state[2] = LAST | (PLAYER_SPEED << 4u);
    for (var word = 3u; word < STATE_WORDS; word++) {
        state[word] = 0u;
    }
    draw_speeds();
}

fn car_of(number: u32) -> u32 {
    return (state[3u + (number >> 1u)] >> ((number & 1u) * 16u)) & 0xFFFFu;
}

fn put_car(number: u32, car: u32) {
    let at = 3u + (number >> 1u);
    let shift = (number & 1u) * 16u;
    state[at] = (state[at] & ~(0xFFFFu << shift)) | (car << shift);
}

// All speeds anew: first how fast, then to which side.
fn draw_speeds() {
    for (var number = 0u; number < CARS; number++) {
        let speed = draw_below(SLOWEST) + 1u;
        put_car(number, (car_of(number) & 15u) | (speed << 4u) | (speed << 8u));
    }
    for (var number = 0u; number < CARS; number++) {
        put_car(number, car_of(number) | (draw_below(2u) << 11u));
    }
}

// The column beside a car, around the board.
fn beside(car: u32, rightwards: bool) -> u32 {
    let x = car & 15u;
    if rightwards {
        return select(x + 1u, 0u, x >= LAST);
    }
    return select(x - 1u, LAST, x == 0u);
}

fn goes_right(car: u32) -> bool {
    return (car & 0x800u) != 0u;
}

fn drive(number: u32) {
    let car = car_of(number);
    if (car & 0xF0u) == 0u {
        put_car(number, (car & 0xF00u) | ((car >> 4u) & 0x70u) | beside(car, goes_right(car)));
    } else {
        put_car(number, (car & 0xFFFu) - 16u);
    }
}

// Nobody but the car of the chicken's own row meets it.
fn met(pos: u32) -> bool {
    if pos - 1u >= CARS {
        return false;
    }
    return (car_of(pos - 1u) & 15u) == COLUMN;
}

fn rules_step() {
    let code = made();
    var pos = state[2] & 15u;
    var timer = state[2] >> 4u;
    if timer == 0u && (code == UP || code == DOWN) {
        pos = moved(pos, code == UP, code == DOWN, 0u);
        timer = PLAYER_SPEED;
    }
    let across = pos == 0u;
    if across {
        draw_speeds();
        pos = LAST;
    }
    let before = met(pos);
    for (var number = 0u; number < CARS; number++) {
        drive(number);
    }
    if before || met(pos) {
        pos = LAST;
    }
    timer = max(timer, 1u) - 1u;
    state[2] = pos | (timer << 4u);
    finish(u32(across), !GYMNAX && state[0] + 1u >= LAST_STEP);
}

fn rules_observe(seat: u32) {
    set_cell(COLUMN, state[2] & 15u, 0u);
    for (var number = 0u; number < CARS; number++) {
        let car = car_of(number);
        set_cell(car & 15u, number + 1u, 1u);
        set_cell(beside(car, !goes_right(car)), number + 1u, 1u + ((car >> 8u) & 7u));
    }
}
