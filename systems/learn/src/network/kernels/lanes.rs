//! Vectors of `f32` as the kernels use them: AVX-512, AVX2 with FMA, and plain arrays. A product and a sum are fused in all three, so that
//! they give the same bits; the plain one also runs under Miri.

/// One vector. All functions are inlined into a caller that has the instructions enabled.
///
/// # Safety
/// Every function requires that the processor has the instructions of the type, and pointers to as many numbers as it reads or writes.
pub(super) trait Lanes: Copy {
    /// Numbers in a vector.
    const LEN: usize;
    /// Most vectors beside one another in a tile of sums.
    const WIDE: usize;
    /// Chooses the first numbers of a vector.
    type Mask: Copy;
    /// Vectors of half the length, or the same ones: a processor may work on two of them at a time.
    type Half: Lanes;
    unsafe fn mask(len: usize) -> Self::Mask;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The numbers outside the mask are neither read nor written; they count as 0.
    unsafe fn load_masked(from: *const f32, mask: Self::Mask) -> Self;
    unsafe fn store_masked(self, to: *mut f32, mask: Self::Mask);
    /// `self + a * b`, rounded once.
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    unsafe fn plus(self, other: Self) -> Self;
    /// 0 where negative.
    unsafe fn relu(self) -> Self;
    /// Turns a block of `LEN` x `LEN` numbers over: number j of line i, `from[i * from_line + j]`, goes to `to[j * to_line + i]`.
    #[inline(always)]
    unsafe fn turn(from: *const f32, from_line: usize, to: *mut f32, to_line: usize) {
        for i in 0..Self::LEN {
            for j in 0..Self::LEN {
                // SAFETY: the caller's pointers cover both blocks.
                unsafe { *to.add(j * to_line + i) = *from.add(i * from_line + j) };
            }
        }
    }
    /// Writes index and number of every byte that is not zero; gives how many. `indices` and `numbers` have a place for every byte and 16
    /// more.
    unsafe fn non_zero(bytes: &[u8], signed: bool, indices: *mut u32, numbers: *mut f32) -> usize {
        // SAFETY: as promised by the caller.
        unsafe { super::gather::by_words(bytes, signed, indices, numbers) }
    }
}

/// Eight numbers without any particular instructions.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 8]);

impl Lanes for Plain {
    const LEN: usize = 8;
    const WIDE: usize = 2;
    type Mask = usize;
    type Half = Self;
    #[inline(always)]
    unsafe fn mask(len: usize) -> usize {
        len
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's pointer covers a vector.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's pointer covers a vector.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: usize) -> Self {
        let mut lanes = [0.0; 8];
        for (i, lane) in lanes.iter_mut().enumerate().take(mask) {
            // SAFETY: the caller's pointer covers what the mask chooses.
            *lane = unsafe { *from.add(i) };
        }
        Self(lanes)
    }
    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f32, mask: usize) {
        for (i, lane) in self.0.into_iter().enumerate().take(mask) {
            // SAFETY: the caller's pointer covers what the mask chooses.
            unsafe { *to.add(i) = lane };
        }
    }
    #[inline(always)]
    #[allow(clippy::disallowed_methods)] // fused on purpose: the meaning of the kernels' sums
    unsafe fn fma(mut self, a: Self, b: Self) -> Self {
        for i in 0..8 {
            self.0[i] = a.0[i].mul_add(b.0[i], self.0[i]);
        }
        self
    }
    #[inline(always)]
    unsafe fn plus(mut self, other: Self) -> Self {
        for i in 0..8 {
            self.0[i] += other.0[i];
        }
        self
    }
    #[inline(always)]
    unsafe fn relu(mut self) -> Self {
        for lane in &mut self.0 {
            *lane = if *lane > 0.0 { *lane } else { 0.0 };
        }
        self
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// Sixteen numbers.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    // SAFETY of all blocks: the trait's callers have AVX-512F and pointers to what is read or written.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Lanes for Avx512 {
        const LEN: usize = 16;
        const WIDE: usize = 4;
        type Mask = __mmask16;
        type Half = Avx2;
        #[inline(always)]
        unsafe fn mask(len: usize) -> __mmask16 {
            ((1_u32 << len) - 1) as __mmask16
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(x) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn load_masked(from: *const f32, mask: __mmask16) -> Self {
            Self(unsafe { _mm512_maskz_loadu_ps(mask, from) })
        }
        #[inline(always)]
        unsafe fn store_masked(self, to: *mut f32, mask: __mmask16) {
            unsafe { _mm512_mask_storeu_ps(to, mask, self.0) }
        }
        #[inline(always)]
        unsafe fn fma(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        unsafe fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // The second operand is what comes out where one is NaN.
            Self(unsafe { _mm512_max_ps(self.0, _mm512_setzero_ps()) })
        }
        #[inline(always)]
        unsafe fn turn(from: *const f32, from_line: usize, to: *mut f32, to_line: usize) {
            unsafe {
                // No closures in here: the intrinsics would be calls in them. After the first loop `quads[q][c]` holds, in its quarter l,
                // number 4 l + c of the lines 4 q to 4 q + 3.
                let mut quads = [[_mm512_setzero_ps(); 4]; 4];
                for (q, quad) in quads.iter_mut().enumerate() {
                    let mut lines = [_mm512_setzero_ps(); 4];
                    for (i, line) in lines.iter_mut().enumerate() {
                        *line = _mm512_loadu_ps(from.add((4 * q + i) * from_line));
                    }
                    let low = _mm512_castps_pd(_mm512_unpacklo_ps(lines[0], lines[1]));
                    let high = _mm512_castps_pd(_mm512_unpackhi_ps(lines[0], lines[1]));
                    let next_low = _mm512_castps_pd(_mm512_unpacklo_ps(lines[2], lines[3]));
                    let next_high = _mm512_castps_pd(_mm512_unpackhi_ps(lines[2], lines[3]));
                    quad[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, next_low));
                    quad[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, next_low));
                    quad[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high, next_high));
                    quad[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high, next_high));
                }
                #[allow(clippy::needless_range_loop)] // a number of every quad, not a quad
                for c in 0..4 {
                    // Quarters 0 and 2, and 1 and 3, of two quads.
                    let even = _mm512_shuffle_f32x4(quads[0][c], quads[1][c], 0x88);
                    let odd = _mm512_shuffle_f32x4(quads[0][c], quads[1][c], 0xdd);
                    let next_even = _mm512_shuffle_f32x4(quads[2][c], quads[3][c], 0x88);
                    let next_odd = _mm512_shuffle_f32x4(quads[2][c], quads[3][c], 0xdd);
                    let to = to.add(c * to_line);
                    _mm512_storeu_ps(to, _mm512_shuffle_f32x4(even, next_even, 0x88));
                    _mm512_storeu_ps(to.add(4 * to_line), _mm512_shuffle_f32x4(odd, next_odd, 0x88));
                    _mm512_storeu_ps(to.add(8 * to_line), _mm512_shuffle_f32x4(even, next_even, 0xdd));
                    _mm512_storeu_ps(to.add(12 * to_line), _mm512_shuffle_f32x4(odd, next_odd, 0xdd));
                }
            }
        }
        #[inline(always)]
        unsafe fn non_zero(bytes: &[u8], signed: bool, indices: *mut u32, numbers: *mut f32) -> usize {
            let (chunks, rest) = bytes.as_chunks::<16>();
            let mut count = 0;
            unsafe {
                let mut places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
                for chunk in chunks {
                    let bytes = _mm_loadu_si128(chunk.as_ptr().cast());
                    let wide = if signed {
                        _mm512_cvtepi8_epi32(bytes)
                    } else {
                        _mm512_cvtepu8_epi32(bytes)
                    };
                    let kept = _mm512_test_epi32_mask(wide, wide);
                    // Whole vectors: what lies behind the last that counts is overwritten or never counted.
                    _mm512_storeu_epi32(indices.add(count).cast(), _mm512_maskz_compress_epi32(kept, places));
                    let values = _mm512_cvtepi32_ps(wide);
                    _mm512_storeu_ps(numbers.add(count), _mm512_maskz_compress_ps(kept, values));
                    count += kept.count_ones() as usize;
                    places = _mm512_add_epi32(places, _mm512_set1_epi32(16));
                }
                let behind = super::super::gather::by_words(rest, signed, indices.add(count), numbers.add(count));
                for at in count..count + behind {
                    *indices.add(at) += (bytes.len() - rest.len()) as u32;
                }
                count + behind
            }
        }
    }

    /// Eight numbers.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256);

    // SAFETY of all blocks: the trait's callers have AVX2 and FMA, and pointers to what is read or written.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Lanes for Avx2 {
        const LEN: usize = 8;
        const WIDE: usize = 2;
        type Mask = __m256i;
        type Half = Self;
        #[inline(always)]
        unsafe fn mask(len: usize) -> __m256i {
            unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(len as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            Self(unsafe { _mm256_set1_ps(x) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm256_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn load_masked(from: *const f32, mask: __m256i) -> Self {
            Self(unsafe { _mm256_maskload_ps(from, mask) })
        }
        #[inline(always)]
        unsafe fn store_masked(self, to: *mut f32, mask: __m256i) {
            unsafe { _mm256_maskstore_ps(to, mask, self.0) }
        }
        #[inline(always)]
        unsafe fn fma(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        unsafe fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            Self(unsafe { _mm256_max_ps(self.0, _mm256_setzero_ps()) })
        }
    }
}

/// Work that is the same for every kind of vector.
pub(super) trait Vectorised {
    type Output;
    /// # Safety
    /// The processor has the instructions of `V`.
    unsafe fn run<V: Lanes>(self) -> Self::Output;
}

/// Runs `work` with the widest vectors of this processor.
#[inline]
pub(super) fn vectorised<W: Vectorised>(work: W) -> W::Output {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,bmi1,bmi2,popcnt")]
        unsafe fn avx512<W: Vectorised>(work: W) -> W::Output {
            // SAFETY: this function's own features.
            unsafe { work.run::<Avx512>() }
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<W: Vectorised>(work: W) -> W::Output {
            // SAFETY: this function's own features.
            unsafe { work.run::<Avx2>() }
        }
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has what the function asks for.
            return unsafe { avx512(work) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has what the function asks for.
            return unsafe { avx2(work) };
        }
    }
    // SAFETY: plain arrays need no instructions.
    unsafe { work.run::<Plain>() }
}
