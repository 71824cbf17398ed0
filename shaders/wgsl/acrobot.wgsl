// Acrobot-v1: two links hang from a bar, a motor drives the joint between them, and the free end must swing above a line over the bar.
//
// Constant: MAX_STEPS. Words: both angles (0 hangs straight down) and both speeds as bits of f32, then the steps done.

const FRAC_PI_2: f32 = 1.5707964;
const PI: f32 = 3.1415927;
const TAU: f32 = 6.2831855;
const GRAVITY: f32 = 9.8;
// Masses, moments of inertia and lengths are 1; each centre of mass lies in the middle of its link.
const CENTRE: f32 = 0.5;
// Seconds per step.
const DT: f32 = 0.2;
// 4 pi and 9 pi radians per second.
const MAX_SPEED_1: f32 = 12.566371;
const MAX_SPEED_2: f32 = 28.274334;
// Start values lie in [-START, START).
const START: f32 = 0.1;

// theta_1, theta_2, omega_1, omega_2.
fn motion() -> vec4<f32> {
    return vec4<f32>(float(state[0]), float(state[1]), float(state[2]), float(state[3]));
}

fn cosine(angle: f32) -> f32 {
    return sin_cos(angle).y;
}

// How the motion changes per second under a torque at the second joint.
fn change(at: vec4<f32>, torque: f32) -> vec4<f32> {
    let turn_2 = sin_cos(at.y);
    let sin_2 = turn_2.x;
    let cos_2 = turn_2.y;
    let d1 = CENTRE * CENTRE + (1.0 + CENTRE * CENTRE + 2.0 * CENTRE * cos_2) + 1.0 + 1.0;
    let d2 = CENTRE * CENTRE + CENTRE * cos_2 + 1.0;
    let phi_2 = CENTRE * GRAVITY * cosine(at.x + at.y - FRAC_PI_2);
    let phi_1 = -CENTRE * (at.w * at.w) * sin_2 - 2.0 * CENTRE * at.w * at.z * sin_2
        + (CENTRE + 1.0) * GRAVITY * cosine(at.x - FRAC_PI_2)
        + phi_2;
    let alpha_2 = (torque + d2 / d1 * phi_1 - CENTRE * (at.z * at.z) * sin_2 - phi_2)
        / (CENTRE * CENTRE + 1.0 - d2 * d2 / d1);
    let alpha_1 = -(d2 * alpha_2 + phi_1) / d1;
    return vec4<f32>(at.z, at.w, alpha_1, alpha_2);
}

// One step of the classic Runge-Kutta method.
fn swing(y: vec4<f32>, torque: f32) -> vec4<f32> {
    let k1 = change(y, torque);
    let k2 = change(y + (DT / 2.0) * k1, torque);
    let k3 = change(y + (DT / 2.0) * k2, torque);
    let k4 = change(y + DT * k3, torque);
    return y + (DT / 6.0) * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
}

// The angle in [-pi, pi) by whole turns; one that lies there keeps its bits. The first turn is certain, even where a device's division rounds
// to less than one.
fn wrapped(angle: f32) -> f32 {
    var turns_up = 0.0;
    if angle < -PI {
        turns_up = max(ceil((-PI - angle) / TAU), 1.0);
    }
    var turns_down = 0.0;
    if angle >= PI {
        turns_down = max(floor((angle + PI) / TAU), 1.0);
    }
    return angle - turns_down * TAU + turns_up * TAU;
}

// The free end is above the line.
fn at_goal(at: vec4<f32>) -> bool {
    return -cosine(at.x) - cosine(at.y + at.x) > 1.0;
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
    let swung = swing(motion(), f32(i32(action[0])) - 1.0);
    let now = vec4<f32>(
        wrapped(swung.x),
        wrapped(swung.y),
        limited(swung.z, -MAX_SPEED_1, MAX_SPEED_1),
        limited(swung.w, -MAX_SPEED_2, MAX_SPEED_2),
    );
    for (var word = 0u; word < 4u; word++) {
        state[word] = bits(now[word]);
    }
    state[4] += 1u;
    let goal = at_goal(now);
    // The goal pays -0.0.
    reward[0] = -(1.0 - f32(goal));
    terminated = goal;
    truncated = state[4] >= MAX_STEPS;
}

fn rules_observe(seat: u32) {
    let turn_1 = sin_cos(float(state[0]));
    let turn_2 = sin_cos(float(state[1]));
    see_float(0u, turn_1.y);
    see_float(1u, turn_1.x);
    see_float(2u, turn_2.y);
    see_float(3u, turn_2.x);
    see_float(4u, float(state[2]));
    see_float(5u, float(state[3]));
}
