// CartPole-v1: balance a pole on a cart by pushing it left or right.
//
// Constant: MAX_STEPS. Words: x, x_dot, theta and theta_dot as bits of f32, then the steps done.

const GRAVITY: f32 = 9.8;
const MASS_POLE: f32 = 0.1;
const TOTAL_MASS: f32 = 1.1;
// Half the pole.
const LENGTH: f32 = 0.5;
const POLEMASS_LENGTH: f32 = 0.05;
const FORCE_MAG: f32 = 10.0;
// Seconds per step.
const TAU: f32 = 0.02;
const X_THRESHOLD: f32 = 2.4;
// 12 degrees.
const THETA_THRESHOLD: f32 = 0.20943952;
const FOUR_THIRDS: f32 = 1.3333334;
// Start values lie in [-START, START).
const START: f32 = 0.05;

// x, x_dot, theta, theta_dot.
fn motion() -> vec4<f32> {
    return vec4<f32>(float(state[0]), float(state[1]), float(state[2]), float(state[3]));
}

// The pole has fallen or the cart left the track; NaN goes on.
fn fallen(at: vec4<f32>) -> bool {
    return (at.x < -X_THRESHOLD) | (at.x > X_THRESHOLD) | (at.z < -THETA_THRESHOLD) | (at.z > THETA_THRESHOLD);
}

// Equations of motion, one explicit Euler step from all old values.
fn push(old: vec4<f32>, move_: f32) -> vec4<f32> {
    let force = FORCE_MAG * move_ - FORCE_MAG * (1.0 - move_);
    let turn = sin_cos(old.z);
    let temp = (force + POLEMASS_LENGTH * (old.w * old.w) * turn.x) / TOTAL_MASS;
    let theta_acc = (GRAVITY * turn.x - turn.y * temp)
        / (LENGTH * (FOUR_THIRDS - MASS_POLE * (turn.y * turn.y) / TOTAL_MASS));
    let x_acc = temp - POLEMASS_LENGTH * theta_acc * turn.y / TOTAL_MASS;
    return vec4<f32>(old.x + TAU * old.y, old.y + TAU * x_acc, old.z + TAU * old.w, old.w + TAU * theta_acc);
}

fn rules_reset() {
    for (var word = 0u; word < 4u; word++) {
        state[word] = bits(draw_uniform(-START, START));
    }
    state[4] = 0u;
}

fn rules_restart() {
    state[4] = 0u;
}

fn rules_step() {
    let old = motion();
    let new_ = push(old, f32(i32(action[0])));
    for (var word = 0u; word < 4u; word++) {
        state[word] = bits(new_[word]);
    }
    state[4] += 1u;
    reward[0] = 1.0 - f32(fallen(old));
    terminated = fallen(new_);
    truncated = state[4] >= MAX_STEPS;
}

fn rules_observe(seat: u32) {
    for (var word = 0u; word < 4u; word++) {
        see_float(word, float(state[word]));
    }
}
