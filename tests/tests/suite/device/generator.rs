//! The generator on the device: a million blocks equal, the published vectors, and what is made of words.

use super::gpu;
use starling_components::random::{Key, below, threefry2x32, unit_f32};
use starling_shaders::sources;
use starling_tests::golden;

/// Each invocation reads a key and a counter, and writes the block, its first word below the second, and the first as a float in bits.
const KERNEL: &str = "
@group(0) @binding(1) var<storage, read_write> written: array<u32>;
@group(0) @binding(2) var<storage, read> given: array<u32>;

@compute @workgroup_size(64)
fn blocks(@builtin(global_invocation_id) id: vec3<u32>) {
    let at = id.x * 4u;
    let block = threefry2x32(vec2<u32>(given[at], given[at + 1u]), vec2<u32>(given[at + 2u], given[at + 3u]));
    written[at] = block.x;
    written[at + 1u] = block.y;
    written[at + 2u] = below(block.x, block.y);
    written[at + 3u] = bitcast<u32>(unit_f32(block.x));
}
";

/// Key, counter and block of the authors' Random123 distribution (`kat_vectors`, threefry2x32 with 20 rounds).
const PUBLISHED: [[u32; 6]; 3] = [
    [0, 0, 0, 0, 0x6b20_0159, 0x99ba_4efe],
    [u32::MAX, u32::MAX, u32::MAX, u32::MAX, 0x1cb9_96fc, 0xbb00_2be7],
    [
        0x1319_8a2e,
        0x0370_7344,
        0x243f_6a88,
        0x85a3_08d3,
        0xc492_3a9c,
        0x483d_f7a0,
    ],
];

#[test]
fn device_generator_gives_the_same_words() {
    let Some(gpu) = gpu() else { return };
    // 500,000 blocks of two words, in groups of 64 invocations.
    let blocks = 500_032;
    let mut given: Vec<u32> = PUBLISHED.iter().flat_map(|vector| &vector[..4]).copied().collect();
    let source = Key::of_seed(99);
    given.extend((PUBLISHED.len()..blocks).flat_map(|number| {
        let key = source.block(number as u32, 0);
        let counter = source.block(number as u32, 1);
        [key[0], key[1], counter[0], counter[1]]
    }));
    let text = format!("{}\n{KERNEL}", sources::RANDOM);
    let groups = (blocks / 64) as u32;
    let written = gpu
        .run(&text, "blocks", groups, &given, 4 * blocks)
        .expect("the kernel runs");
    for (number, (given, got)) in given.chunks_exact(4).zip(written.chunks_exact(4)).enumerate() {
        let block = threefry2x32([given[0], given[1]], [given[2], given[3]]);
        let want = [
            block[0],
            block[1],
            below(block[0], block[1]),
            unit_f32(block[0]).to_bits(),
        ];
        assert_eq!(got, want, "block {number}");
    }
    for (vector, got) in PUBLISHED.iter().zip(written.chunks_exact(4)) {
        assert_eq!(got[..2], vector[4..], "a published vector");
    }
    golden::say(&format!(
        "the generator: {} words and the published vectors equal",
        2 * blocks
    ));
}
