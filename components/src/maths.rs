//! The one maths module: `exp`, `ln`, `tanh`, `sin`, `cos` from IEEE additions, products and divisions only; and angles.
//!
//! The standard library's versions call the platform's libm, whose last bits differ between systems; these do not.
//! All functions are branch-light so that loops over slices vectorise. Errors against the exact value are stated per
//! function and checked by the tests. `sqrt`, `floor`, `abs` and the four operations are exact in IEEE 754 and are used
//! as they are.

pub mod double;

/// `e^x` in `f32`, relative error below 2e-7; 0 below -103.97 and infinity above 88.73. NaN stays NaN.
#[inline]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts (Cody-Waite): the first has few bits, so that n * LN2_HIGH is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.clamp(-104.0, 89.0);
    let n = (clamped * LOG2_E + 0.5).floor();
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let mut p = 1.987_569_2e-4_f32;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5e-1;
    let value = p * r * r + r + 1.0;
    // 2^n in two factors, so that the subnormal and the largest results are reached without overflow on the way.
    let n = n as i32;
    let half = n >> 1;
    let scale = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
    let result = value * scale(half) * scale(n - half);
    if x.is_nan() { x } else { result }
}

/// Natural logarithm in `f32`, relative error below 2e-7 (absolute near 1); -inf at 0, NaN below 0.
#[inline]
pub fn ln(x: f32) -> f32 {
    if x.is_nan() || x <= 0.0 {
        return if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    }
    if x == f32::INFINITY {
        return x;
    }
    // Subnormals are scaled up first.
    let (x, shift) = if x < f32::MIN_POSITIVE {
        (x * 8_388_608.0, -23)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let mut exponent = ((bits >> 23) as i32) - 126 + shift;
    let mut m = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    if m < std::f32::consts::FRAC_1_SQRT_2 {
        exponent -= 1;
        m += m;
    }
    let r = m - 1.0;
    let z = r * r;
    let mut p = 7.037_684e-2_f32;
    p = p * r - 1.151_461e-1;
    p = p * r + 1.167_699_9e-1;
    p = p * r - 1.242_014_1e-1;
    p = p * r + 1.424_932_3e-1;
    p = p * r - 1.666_805_7e-1;
    p = p * r + 2.000_071_5e-1;
    p = p * r - 2.499_999_4e-1;
    p = p * r + 3.333_333e-1;
    let e = exponent as f32;
    let mut y = r * z * p;
    y += e * -2.121_944_4e-4;
    y -= 0.5 * z;
    r + y + e * 0.693_359_4
}

/// Hyperbolic tangent in `f32`, absolute error below 4e-7. A ratio of polynomials on [-7.9, 7.9], 1 outside.
#[inline]
pub fn tanh(x: f32) -> f32 {
    let clamped = x.clamp(-7.905_311, 7.905_311);
    let x2 = clamped * clamped;
    let mut p = -2.760_768_4e-16_f32;
    p = p * x2 + 2.000_188e-13;
    p = p * x2 - 8.604_672e-11;
    p = p * x2 + 5.122_297e-8;
    p = p * x2 + 1.485_722_4e-5;
    p = p * x2 + 6.372_619_3e-4;
    p = p * x2 + 4.893_524_6e-3;
    let mut q = 1.198_258_4e-6_f32;
    q = q * x2 + 1.185_347_1e-4;
    q = q * x2 + 2.268_434_6e-3;
    q = q * x2 + 4.893_525e-3;
    let ratio = clamped * p / q;
    if x.is_nan() { x } else { ratio.clamp(-1.0, 1.0) }
}

/// The logistic function, by [`tanh`], absolute error below 2e-7.
#[inline]
pub fn sigmoid(x: f32) -> f32 {
    0.5 * tanh(0.5 * x) + 0.5
}

/// `ln(1 + e^x)`, stable at both ends, absolute error below 3e-7 relative to max(1, |x|).
#[inline]
pub fn softplus(x: f32) -> f32 {
    x.max(0.0) + ln(1.0 + exp(-x.abs()))
}

/// Sine in `f32` for |x| up to 8192, absolute error below 1.2e-7; larger arguments lose accuracy.
#[inline]
pub fn sin(x: f32) -> f32 {
    sin_cos(x).0
}

/// Cosine in `f32` for |x| up to 8192, absolute error below 1.2e-7; larger arguments lose accuracy.
#[inline]
pub fn cos(x: f32) -> f32 {
    sin_cos(x).1
}

/// Sine and cosine together, without a branch: argument reduced by multiples of pi/2 in three parts.
#[inline]
pub fn sin_cos(x: f32) -> (f32, f32) {
    const PI_2_A: f32 = 1.570_312_5;
    const PI_2_B: f32 = 4.837_513e-4;
    const PI_2_C: f32 = 7.549_79e-8;
    let n = (x * std::f32::consts::FRAC_2_PI + 0.5).floor();
    let r = ((x - n * PI_2_A) - n * PI_2_B) - n * PI_2_C;
    let r2 = r * r;
    let s = ((-1.951_529_6e-4 * r2 + 8.332_161e-3) * r2 - 1.666_665_5e-1) * r2 * r + r;
    let c = ((2.443_315_7e-5 * r2 - 1.388_731_6e-3) * r2 + 4.166_664_6e-2) * r2 * r2 - 0.5 * r2 + 1.0;
    // 1.5 * 2^23 + n has the low bits of n in its lowest mantissa bits: unlike a cast to an integer this vectorises everywhere.
    let quadrant = (n + 12_582_912.0).to_bits();
    let (sin, cos) = if quadrant & 1 != 0 { (c, s) } else { (s, c) };
    let signed = |value: f32, quadrant: u32| f32::from_bits(value.to_bits() ^ ((quadrant & 2) << 30));
    let (sin, cos) = (signed(sin, quadrant), signed(cos, quadrant.wrapping_add(1)));
    (sin, cos)
}

/// The angle in [-pi, pi) by whole turns: the floored remainder of `x + pi` by `2 pi`, less `pi`, with both constants rounded to `f32` and
/// the remainder rounded once, for |x| up to 25 000; beyond, bits are lost.
#[inline]
pub fn wrap_angle(x: f32) -> f32 {
    use std::f32::consts::{PI, TAU};
    // 2 pi in two parts, exactly: each has few bits, so that products with whole turns are exact, and so are the differences.
    const TAU_HIGH: f32 = 6.281_25;
    const TAU_LOW: f32 = TAU - TAU_HIGH;
    let sum = x + PI;
    let turns = (sum * (1.0 / TAU)).trunc();
    let rest = (sum - turns * TAU_HIGH) - turns * TAU_LOW;
    let rest = rest + if rest < 0.0 { TAU } else { 0.0 };
    // The quotient may round to the next whole turn.
    let rest = rest - if rest >= TAU { TAU } else { 0.0 };
    rest - PI
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // the platform's f64 functions are the yardstick here
mod tests {
    use super::*;

    fn sweep(low: f64, high: f64, steps: u32) -> impl Iterator<Item = f32> {
        (0..=steps).map(move |i| (low + (high - low) * f64::from(i) / f64::from(steps)) as f32)
    }

    fn check(
        name: &str,
        xs: impl Iterator<Item = f32>,
        ours: fn(f32) -> f32,
        exact: fn(f64) -> f64,
        absolute: f64,
        relative: f64,
    ) {
        for x in xs {
            let want = exact(f64::from(x));
            let got = f64::from(ours(x));
            let error = (got - want).abs();
            assert!(
                error <= absolute + relative * want.abs(),
                "{name}({x}) = {got}, want {want}, error {error:e}"
            );
        }
    }

    #[test]
    fn functions_stay_within_their_stated_errors() {
        check("exp", sweep(-87.0, 88.5, 200_000), exp, f64::exp, 0.0, 2e-7);
        check("ln", sweep(1e-6, 100.0, 200_000), ln, f64::ln, 1.2e-7, 2e-7);
        check("ln", sweep(1e10, 3e38, 10_000), ln, f64::ln, 0.0, 2e-7);
        check("tanh", sweep(-12.0, 12.0, 200_000), tanh, f64::tanh, 4e-7, 0.0);
        check("sin", sweep(-1000.0, 1000.0, 400_000), sin, f64::sin, 1.2e-7, 0.0);
        check("cos", sweep(-1000.0, 1000.0, 400_000), cos, f64::cos, 1.2e-7, 0.0);
        check("sin", sweep(-8192.0, 8192.0, 400_000), sin, f64::sin, 1.2e-7, 0.0);
        check(
            "softplus",
            sweep(-40.0, 40.0, 10_000),
            softplus,
            |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
            3e-7,
            3e-7,
        );
    }

    #[test]
    fn angles_are_wrapped_by_whole_turns() {
        use std::f32::consts::{PI, TAU};
        // `rem_euclid` of `f32` is the exact remainder, moved up by one rounded sum.
        let plain = |x: f32| (x + PI).rem_euclid(TAU) - PI;
        for x in sweep(-40.0, 40.0, 400_000).chain(sweep(-25e3, 25e3, 400_000)) {
            let (got, want) = (wrap_angle(x), plain(x));
            // At the seam either end may come out.
            assert!(
                got == want || (got + want).abs() <= 1e-6 && got.abs() > PI - 1e-5,
                "wrap_angle({x}) = {got}, want {want}"
            );
        }
        assert_eq!((wrap_angle(PI), wrap_angle(-PI), wrap_angle(0.0)), (-PI, -PI, 0.0));
        assert!(wrap_angle(f32::NAN).is_nan());
    }

    #[test]
    fn edges() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(100.0), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && ln(-1.0).is_nan());
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(0.0), f32::NEG_INFINITY);
        assert!((f64::from(ln(1e-42)) - f64::from(1e-42_f32).ln()).abs() < 1e-4);
        assert_eq!(tanh(50.0), 1.0);
        assert_eq!(tanh(-50.0), -1.0);
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
    }
}
