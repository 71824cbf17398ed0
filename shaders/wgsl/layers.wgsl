// The layers of a network over the numbers of one group of rows. Invocation `thread` of the group computes every 64th output; MEMORY numbers
// are shared. Activations: 0 none, 1 relu, 2 tanh.

const THREADS: u32 = 64u;

var<workgroup> memory: array<Rows, MEMORY>;

fn activated(x: Rows, activation: u32) -> Rows {
    switch activation {
        case 1u: { return max(x, Rows()); }
        case 2u: { return hyperbolic(x); }
        default: { return x; }
    }
}

// `activation(x W + b)`; most inputs of a first layer are zero, and are passed over by the whole group.
fn dense(source: u32, place: u32, inputs: u32, outputs: u32, weights: u32, bias: u32, activation: u32, thread: u32) {
    for (var output = thread; output < outputs; output += THREADS) {
        var sum = Rows(parameters[bias + output]);
        for (var input = 0u; input < inputs; input++) {
            let x = memory[source + input];
            if any(x != Rows()) {
                sum += x * parameters[weights + input * outputs + output];
            }
        }
        memory[place + output] = activated(sum, activation);
    }
}

// A convolution with SAME padding and stride 1 over [height, width, channels].
fn conv(source: u32, place: u32, grid: vec2<u32>, channels: u32, features: u32, side: u32, weights: u32, bias: u32, activation: u32, thread: u32) {
    let before = (side - 1u) / 2u;
    for (var output = thread; output < grid.x * grid.y * features; output += THREADS) {
        let feature = output % features;
        let cell = output / features;
        var sum = Rows(parameters[bias + feature]);
        for (var tap = 0u; tap < side * side; tap++) {
            let y = cell / grid.y + tap / side - before;
            let x = cell % grid.y + tap % side - before;
            // What lies before the first row or column has wrapped around.
            if y < grid.x && x < grid.y {
                let numbers = source + (y * grid.y + x) * channels;
                let kernel = weights + tap * channels * features + feature;
                for (var channel = 0u; channel < channels; channel++) {
                    let number = memory[numbers + channel];
                    if any(number != Rows()) {
                        sum += number * parameters[kernel + channel * features];
                    }
                }
            }
        }
        memory[place + output] = activated(sum, activation);
    }
}

// Each stretch of `axis` numbers to mean 0 and variance 1, then scale and bias.
fn layer_norm(source: u32, place: u32, axis: u32, len: u32, eps: f32, scale: u32, bias: u32, thread: u32) {
    for (var stretch = thread; stretch < len / axis; stretch += THREADS) {
        let numbers = source + stretch * axis;
        var mean = Rows();
        for (var at = 0u; at < axis; at++) {
            mean += memory[numbers + at];
        }
        mean /= f32(axis);
        var variance = Rows();
        for (var at = 0u; at < axis; at++) {
            let centred = memory[numbers + at] - mean;
            variance += centred * centred;
        }
        let factor = 1.0 / sqrt(variance / f32(axis) + Rows(eps));
        for (var at = 0u; at < axis; at++) {
            let normal = (memory[numbers + at] - mean) * factor;
            memory[place + stretch * axis + at] = normal * parameters[scale + at] + Rows(parameters[bias + at]);
        }
    }
}

fn activate(source: u32, place: u32, len: u32, activation: u32, thread: u32) {
    for (var at = thread; at < len; at += THREADS) {
        memory[place + at] = activated(memory[source + at], activation);
    }
}
