// Randomness as a pure function: Threefry-2x32 with 20 rounds (Salmon et al., SC 2011), as in `starling_components::random`.

fn rotate_left(x: u32, by: u32) -> u32 {
    return (x << by) | (x >> (32u - by));
}

// One group of four rounds with the rotations a, b, c, d, and the part of the key that follows it.
fn threefry_group(x: vec2<u32>, rotations: vec4<u32>, key: vec2<u32>) -> vec2<u32> {
    var x0 = x.x + x.y;
    var x1 = rotate_left(x.y, rotations.x) ^ x0;
    x0 += x1;
    x1 = rotate_left(x1, rotations.y) ^ x0;
    x0 += x1;
    x1 = rotate_left(x1, rotations.z) ^ x0;
    x0 += x1;
    x1 = rotate_left(x1, rotations.w) ^ x0;
    return vec2<u32>(x0 + key.x, x1 + key.y);
}

// 64 bits of key, 64 bits of counter, 64 random bits.
fn threefry2x32(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    let third = key.x ^ key.y ^ 0x1BD11BDAu;
    let even = vec4<u32>(13u, 15u, 26u, 6u);
    let odd = vec4<u32>(17u, 29u, 16u, 24u);
    var x = counter + key;
    x = threefry_group(x, even, vec2<u32>(key.y, third + 1u));
    x = threefry_group(x, odd, vec2<u32>(third, key.x + 2u));
    x = threefry_group(x, even, vec2<u32>(key.x, key.y + 3u));
    x = threefry_group(x, odd, vec2<u32>(key.y, third + 4u));
    x = threefry_group(x, even, vec2<u32>(third, key.x + 5u));
    return x;
}

// A uniform in [0, 1) with 24 bits, exact.
fn unit_f32(word: u32) -> f32 {
    return f32(word >> 8u) * (1.0 / 16777216.0);
}

// The high half of the 64-bit product, by 16-bit halves. `below(word, n)` is a uniform integer in 0..n.
fn below(word: u32, n: u32) -> u32 {
    let a = word >> 16u;
    let b = word & 0xFFFFu;
    let c = n >> 16u;
    let d = n & 0xFFFFu;
    let bd = b * d;
    let ad = a * d + (bd >> 16u);
    let bc = b * c + (ad & 0xFFFFu);
    return a * c + (ad >> 16u) + (bc >> 16u);
}
