// The functions of `starling_components::maths`: the same polynomials in the same order. A device may fuse a product and a sum, so that the
// last bits of floats differ from the processor's; integers do not. NaN is told by its bits, since a device's `clamp` may turn it into a
// number.

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7FFFFFFFu) > 0x7F800000u;
}

// `clamp` of a number; NaN stays NaN.
fn limited(x: f32, low: f32, high: f32) -> f32 {
    return select(clamp(x, low, high), x, is_nan(x));
}

fn exp_(x: f32) -> f32 {
    let clamped = clamp(x, -104.0, 89.0);
    let n = floor(clamped * 1.44269504 + 0.5);
    let r = (clamped - n * 0.6933594) - n * -2.1219444e-4;
    var p = 1.9875692e-4;
    p = p * r + 1.3982e-3;
    p = p * r + 8.333452e-3;
    p = p * r + 4.1665796e-2;
    p = p * r + 1.6666665e-1;
    p = p * r + 5e-1;
    let value = p * r * r + r + 1.0;
    let whole = i32(n);
    let half = whole >> 1u;
    return select(value * power_of_two(half) * power_of_two(whole - half), x, is_nan(x));
}

fn power_of_two(n: i32) -> f32 {
    return bitcast<f32>(u32(n + 127) << 23u);
}

// Minus infinity at 0, NaN below. Subnormals are scaled up first; a device may take them for 0.
fn ln_(x: f32) -> f32 {
    let subnormal = bitcast<u32>(x) < 0x00800000u;
    let bits = bitcast<u32>(select(x, x * 8388608.0, subnormal));
    // All but positive numbers: the unsigned difference takes 0 to the top.
    if bits - 1u >= 0x7F7FFFFFu {
        return ln_edge(bits);
    }
    var exponent = i32(bits >> 23u) - select(126, 149, subnormal);
    var m = bitcast<f32>((bits & 0x007FFFFFu) | 0x3F000000u);
    if m < 0.70710677 {
        exponent -= 1;
        m += m;
    }
    let r = m - 1.0;
    let z = r * r;
    var p = 7.037684e-2;
    p = p * r - 1.151461e-1;
    p = p * r + 1.1676999e-1;
    p = p * r - 1.2420141e-1;
    p = p * r + 1.4249323e-1;
    p = p * r - 1.6668057e-1;
    p = p * r + 2.0000715e-1;
    p = p * r - 2.4999994e-1;
    p = p * r + 3.333333e-1;
    let e = f32(exponent);
    var y = r * z * p;
    y += e * -2.1219444e-4;
    y -= 0.5 * z;
    return r + y + e * 0.6933594;
}

// The logarithm of what is no positive number.
fn ln_edge(bits: u32) -> f32 {
    let infinite = select(0xFF800000u, bits, bits == 0x7F800000u);
    return bitcast<f32>(select(0x7FC00000u, infinite, (bits << 1u) == 0u || bits == 0x7F800000u));
}

fn tanh_(x: f32) -> f32 {
    let clamped = clamp(x, -7.905311, 7.905311);
    let x2 = clamped * clamped;
    var p = -2.7607684e-16;
    p = p * x2 + 2.000188e-13;
    p = p * x2 - 8.604672e-11;
    p = p * x2 + 5.122297e-8;
    p = p * x2 + 1.4857224e-5;
    p = p * x2 + 6.3726193e-4;
    p = p * x2 + 4.8935246e-3;
    var q = 1.1982584e-6;
    q = q * x2 + 1.1853471e-4;
    q = q * x2 + 2.2684346e-3;
    q = q * x2 + 4.893525e-3;
    return select(clamp(clamped * p / q, -1.0, 1.0), x, is_nan(x));
}

// Sine and cosine of |x| up to 8192.
fn sin_cos(x: f32) -> vec2<f32> {
    let n = floor(x * 0.63661975 + 0.5);
    let r = ((x - n * 1.5703125) - n * 4.837513e-4) - n * 7.54979e-8;
    let r2 = r * r;
    let s = ((-1.9515296e-4 * r2 + 8.332161e-3) * r2 - 1.6666655e-1) * r2 * r + r;
    let c = ((2.4433157e-5 * r2 - 1.3887316e-3) * r2 + 4.1666646e-2) * r2 * r2 - 0.5 * r2 + 1.0;
    let quadrant = bitcast<u32>(n + 12582912.0);
    let odd = (quadrant & 1u) != 0u;
    let sine = select(s, c, odd);
    let cosine = select(c, s, odd);
    return vec2<f32>(
        bitcast<f32>(bitcast<u32>(sine) ^ ((quadrant & 2u) << 30u)),
        bitcast<f32>(bitcast<u32>(cosine) ^ (((quadrant + 1u) & 2u) << 30u)),
    );
}

// The angle in [-pi, pi) by whole turns: the floored remainder of `x + pi` by `2 pi`, less `pi`. The inverse and the low part of `2 pi` are
// written out, since a device's own division may round otherwise.
fn wrap_angle(x: f32) -> f32 {
    let pi = 3.1415927;
    let tau = 6.2831855;
    let sum = x + pi;
    let turns = trunc(sum * 0.15915494);
    var rest = (sum - turns * 6.28125) - turns * 1.935482e-3;
    rest = rest + select(0.0, tau, rest < 0.0);
    // The quotient may round to the next whole turn.
    rest = rest - select(0.0, tau, rest >= tau);
    return rest - pi;
}
