//! Equal cells of grids of bytes, found once: leading 1x1 layers see one cell each, so they need computing only for cells that differ.

use super::kernels::cells::hash;

/// The cells of the rows of one batch, by what they hold.
#[derive(Debug, Default)]
pub(super) struct Cells {
    channels: usize,
    /// Which distinct cell every cell is, `[rows, cells]`; distinct cells are numbered in the order in which they first appear.
    pub(super) ids: Vec<u32>,
    /// What they hold, `[distinct, channels]`.
    pub(super) distinct: Vec<u8>,
    hashes: Vec<u64>,
    /// Open addressing: number of a distinct cell plus 1; 0 is free.
    table: Vec<u32>,
}

/// Places of the smallest table: a power of two.
const PLACES: usize = 1024;

impl Cells {
    /// Forgets all rows.
    pub(super) fn begin(&mut self, channels: usize) {
        self.channels = channels;
        self.ids.clear();
        self.distinct.clear();
        self.hashes.clear();
        self.table.resize(self.table.len().max(PLACES), 0);
        self.table.fill(0);
    }

    /// How many cells differ.
    pub(super) fn count(&self) -> usize {
        self.hashes.len()
    }

    /// Takes in one row.
    pub(super) fn push(&mut self, row: &[u8]) {
        for cell in row.chunks_exact(self.channels) {
            let hash = hash(cell);
            let mask = self.table.len() - 1;
            let mut place = hash as usize & mask;
            let id = loop {
                let Some(found) = self.table[place].checked_sub(1) else {
                    break self.add(cell, hash, place);
                };
                let known = &self.distinct[found as usize * self.channels..][..self.channels];
                if self.hashes[found as usize] == hash && known == cell {
                    break found;
                }
                place = (place + 1) & mask;
            };
            self.ids.push(id);
        }
    }

    /// A cell not seen before.
    fn add(&mut self, cell: &[u8], hash: u64, place: usize) -> u32 {
        let id = self.count() as u32;
        self.distinct.extend_from_slice(cell);
        self.hashes.push(hash);
        self.table[place] = id + 1;
        if 2 * self.count() > self.table.len() {
            self.grow();
        }
        id
    }

    fn grow(&mut self) {
        let places = 2 * self.table.len();
        self.table.clear();
        self.table.resize(places, 0);
        for (id, &hash) in self.hashes.iter().enumerate() {
            let mut place = hash as usize & (places - 1);
            while self.table[place] != 0 {
                place = (place + 1) & (places - 1);
            }
            self.table[place] = id as u32 + 1;
        }
    }
}
