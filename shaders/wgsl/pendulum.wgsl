// Pendulum-v1: swing a pendulum up and hold it there, for little speed and little torque. It never terminates.
//
// Constant: MAX_STEPS. Words: angle (0 is up, not wrapped), speed and last torque as bits of f32, then the steps done.

const PI: f32 = 3.1415927;
// Radians per second.
const MAX_SPEED: f32 = 8.0;
const MAX_TORQUE: f32 = 2.0;
// Seconds per step.
const DT: f32 = 0.05;
// 3 g / (2 l).
const BY_GRAVITY: f32 = 15.0;
// 3 / (m l^2).
const BY_TORQUE: f32 = 3.0;

fn rules_reset() {
    state[0] = bits(draw_uniform(-PI, PI));
    state[1] = bits(draw_uniform(-1.0, 1.0));
    state[2] = 0u;
    state[3] = 0u;
}

fn rules_restart() {
    state[2] = 0u;
    state[3] = 0u;
}

fn rules_step() {
    let theta = float(state[0]);
    let old_speed = float(state[1]);
    let torque = limited(float(action[0]), -MAX_TORQUE, MAX_TORQUE);
    let angle = wrap_angle(theta);
    let cost = angle * angle + 0.1 * (old_speed * old_speed) + 0.001 * (torque * torque);
    let pushed = old_speed + (BY_GRAVITY * sin_cos(theta).x + BY_TORQUE * torque) * DT;
    let speed = limited(pushed, -MAX_SPEED, MAX_SPEED);
    state[0] = bits(theta + speed * DT);
    state[1] = bits(speed);
    state[2] = bits(torque);
    state[3] += 1u;
    reward[0] = -cost;
    truncated = state[3] >= MAX_STEPS;
}

fn rules_observe(seat: u32) {
    let turn = sin_cos(float(state[0]));
    see_float(0u, turn.y);
    see_float(1u, turn.x);
    see_float(2u, float(state[1]));
}
