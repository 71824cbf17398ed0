//! Rows of bytes as lists of what is not zero.

use super::lanes::{Lanes, Vectorised, vectorised};

/// Appends index and number of every byte that is not zero; `signed`: bytes are signed.
pub fn non_zero(bytes: &[u8], signed: bool, indices: &mut Vec<u32>, numbers: &mut Vec<f32>) {
    // The vector paths write whole vectors and then keep what counts.
    indices.reserve(bytes.len() + 16);
    numbers.reserve(bytes.len() + 16);
    vectorised(NonZero {
        bytes,
        signed,
        indices,
        numbers,
    });
}

struct NonZero<'a> {
    bytes: &'a [u8],
    signed: bool,
    indices: &'a mut Vec<u32>,
    numbers: &'a mut Vec<f32>,
}

impl Vectorised for NonZero<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let len = self.indices.len().min(self.numbers.len());
        // SAFETY: `non_zero` reserved a place for every byte and 16 more behind them; as many are initialised as are counted.
        unsafe {
            let (indices, numbers) = (self.indices.as_mut_ptr().add(len), self.numbers.as_mut_ptr().add(len));
            let count = V::non_zero(self.bytes, self.signed, indices, numbers);
            self.indices.set_len(len + count);
            self.numbers.set_len(len + count);
        }
    }
}

/// One eight bytes after another: most are all zero.
///
/// # Safety
/// `indices` and `numbers` have a place for every byte.
#[inline(always)]
pub(super) unsafe fn by_words(bytes: &[u8], signed: bool, indices: *mut u32, numbers: *mut f32) -> usize {
    let mut count = 0;
    let mut push = |index: usize, value: u8| {
        // SAFETY: no more are written than there are bytes.
        unsafe {
            *indices.add(count) = index as u32;
            *numbers.add(count) = if signed {
                f32::from(value.cast_signed())
            } else {
                f32::from(value)
            };
        }
        count += usize::from(value != 0);
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        if u64::from_ne_bytes(*word) != 0 {
            for (i, &value) in word.iter().enumerate() {
                push(at * 8 + i, value);
            }
        }
    }
    for (i, &value) in rest.iter().enumerate() {
        push(words.len() * 8 + i, value);
    }
    count
}
