//! A picture of characters for games in the plane.

use std::fmt::{Display, Formatter, Result, Write};

/// Cells over a rectangle of the plane, empty at first. What lies outside is not drawn.
pub(super) struct Canvas {
    left: f32,
    right: f32,
    bottom: f32,
    top: f32,
    columns: usize,
    rows: usize,
    /// `[rows, columns]`, the top row first.
    cells: Vec<char>,
}

impl Canvas {
    /// `columns` x `rows` cells over `x` and `y`, each from least to largest.
    pub(super) fn new(columns: usize, rows: usize, x: (f32, f32), y: (f32, f32)) -> Self {
        Self {
            left: x.0,
            right: x.1,
            bottom: y.0,
            top: y.1,
            columns,
            rows,
            cells: vec![' '; columns * rows],
        }
    }

    /// Draws `mark` in the cell of a point.
    pub(super) fn point(&mut self, x: f32, y: f32, mark: char) {
        let column = (x - self.left) / (self.right - self.left) * self.columns as f32;
        let row = (self.top - y) / (self.top - self.bottom) * self.rows as f32;
        // Comparisons that NaN fails.
        if column >= 0.0 && column < self.columns as f32 && row >= 0.0 && row < self.rows as f32 {
            self.cells[row as usize * self.columns + column as usize] = mark;
        }
    }

    /// Draws `mark` along a straight line.
    pub(super) fn line(&mut self, from: (f32, f32), to: (f32, f32), mark: char) {
        // Twice as many as cells, so that rounding leaves none out.
        let points = 2 * self.columns.max(self.rows);
        for i in 0..=points {
            let share = i as f32 / points as f32;
            self.point(from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1), mark);
        }
    }
}

impl Display for Canvas {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for row in self.cells.chunks(self.columns) {
            let row: String = row.iter().collect();
            f.write_str(row.trim_end())?;
            f.write_char('\n')?;
        }
        Ok(())
    }
}
