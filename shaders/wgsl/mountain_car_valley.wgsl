// What the two games of MountainCar share: the valley, the car in it, how it starts and what it sees.
//
// Words: position and velocity as bits of f32, then the steps done.

const MIN_POSITION: f32 = -1.2;
const MAX_POSITION: f32 = 0.6;
const MAX_SPEED: f32 = 0.07;
const GRAVITY: f32 = 0.0025;

// Position and velocity after the motor has changed the velocity by `push`.
fn rolled(push: f32) -> vec2<f32> {
    let position = float(state[0]);
    let velocity = limited(float(state[1]) + push - sin_cos(3.0 * position).y * GRAVITY, -MAX_SPEED, MAX_SPEED);
    return vec2<f32>(limited(position + velocity, MIN_POSITION, MAX_POSITION), velocity);
}

// The factor of the velocity of a car that is stopped or not: a product, whose zero keeps its sign.
fn halted(stopped: bool) -> f32 {
    return 1.0 - f32(stopped);
}

// Keeps where the car is and counts the step.
fn finish(position: f32, velocity: f32) {
    state[0] = bits(position);
    state[1] = bits(velocity);
    state[2] += 1u;
    truncated = state[2] >= MAX_STEPS;
}

fn rules_reset() {
    state[0] = bits(draw_uniform(-0.6, -0.4));
    state[1] = 0u;
    state[2] = 0u;
}

fn rules_restart() {
    state[2] = 0u;
}

fn rules_observe(seat: u32) {
    see_float(0u, float(state[0]));
    see_float(1u, float(state[1]));
}
