//! The same functions in `f64`, for yardsticks and for the few places that need more digits than a network does.
//!
//! Relative errors below 4e-16 (`exp`, `ln` away from 1); tests check 1e-14.

/// `e^x`; 0 below -745 and infinity above 709.8. NaN stays NaN.
pub fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    if x.is_nan() {
        return x;
    }
    if x > 709.8 {
        return f64::INFINITY;
    }
    if x < -745.2 {
        return 0.0;
    }
    let n = (x * std::f64::consts::LOG2_E + 0.5).floor();
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // Taylor's series in Horner form; |r| < 0.35, so that 14 terms leave less than 1e-17.
    let value = (1..=14).rev().fold(1.0, |sum, k| 1.0 + sum * r / f64::from(k));
    let n = n as i64;
    let half = n >> 1;
    let scale = |n: i64| f64::from_bits(((n + 1023) << 52) as u64);
    value * scale(half) * scale(n - half)
}

/// Natural logarithm; -inf at 0, NaN below 0.
pub fn ln(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return x;
    }
    let (x, shift) = if x < f64::MIN_POSITIVE {
        (x * 4_503_599_627_370_496.0, -52)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i64) - 1022 + shift;
    let mut m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3fe0_0000_0000_0000);
    if m < std::f64::consts::FRAC_1_SQRT_2 {
        exponent -= 1;
        m += m;
    }
    // ln m = 2 artanh s; |s| < 0.172, so that 12 odd terms leave less than 1e-19.
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = (0..12).rev().fold(0.0, |sum, k| sum * s2 + 1.0 / f64::from(2 * k + 1));
    2.0 * s * series + exponent as f64 * std::f64::consts::LN_2
}

/// Hyperbolic tangent, absolute error below 1e-15.
pub fn tanh(x: f64) -> f64 {
    let t = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if x < 0.0 { -t } else { t }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // the platform's functions are the yardstick here
mod tests {
    use super::*;

    #[test]
    fn functions_stay_within_their_stated_errors() {
        for i in -7000..=7000 {
            let x = f64::from(i) * 0.1;
            assert!((exp(x) - x.exp()).abs() <= 1e-14 * x.exp(), "exp({x})");
            let y = x.abs() + 1e-3;
            assert!((ln(y) - y.ln()).abs() <= 1e-14 * (1.0 + y.ln().abs()), "ln({y})");
            assert!((tanh(x * 0.01) - (x * 0.01).tanh()).abs() < 1e-15, "tanh({x})");
        }
        assert_eq!(exp(-1e4), 0.0);
        assert_eq!(exp(1e4), f64::INFINITY);
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert!(ln(-1.0).is_nan() && exp(f64::NAN).is_nan());
    }
}
