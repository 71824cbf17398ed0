//! Rows as text: aligned columns for people, comma-separated values for programs.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use std::io::{self, Write};

/// Most rows that a person is shown: their widths are known only when all are there, and memory has bounds.
pub(super) const MOST: u64 = 10_000;

/// Rows that wait for the last one, because any may be the widest.
pub(super) struct Text {
    heads: Vec<String>,
    /// Whether a column holds numbers, which stand to the right.
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Text {
    pub(super) fn new(schema: &Schema) -> Self {
        let fields = || schema.fields().iter();
        Self {
            heads: fields().map(|field| field.name().clone()).collect(),
            right: fields().map(|field| field.data_type().is_numeric()).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let options = FormatOptions::default().with_null("-");
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cell =
                |column: &ArrayFormatter<'_>| Ok(column.value(row).try_to_string()?.replace(['\n', '\r', '\t'], " "));
            self.rows
                .push(columns.iter().map(cell).collect::<Result<_, ArrowError>>()?);
        }
        Ok(())
    }

    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| &row[column]);
            let cells = cells.chain(self.heads.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&widths).zip(&self.right);
            let padded = cells.map(|((cell, &width), &right)| match right {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        for cells in [&self.heads, &rule].into_iter().chain(&self.rows) {
            writeln!(out, "{}", line(cells))?;
        }
        Ok(())
    }
}

/// Comma-separated values as RFC 4180 has them. Lists and bytes are written as text.
pub(super) struct Csv;

impl Csv {
    pub(super) fn head(&self, schema: &Schema, out: &mut impl Write) -> io::Result<()> {
        let names: Vec<String> = schema.fields().iter().map(|f| quoted(f.name())).collect();
        writeln!(out, "{}", names.join(","))
    }

    pub(super) fn rows(&self, batch: &RecordBatch, out: &mut impl Write) -> io::Result<()> {
        let wrong = |e: ArrowError| io::Error::other(e.to_string());
        let options = FormatOptions::default();
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        for row in 0..batch.num_rows() {
            for (place, (column, array)) in columns.iter().zip(batch.columns()).enumerate() {
                if place > 0 {
                    out.write_all(b",")?;
                }
                if array.is_valid(row) {
                    let cell = column.value(row).try_to_string().map_err(wrong)?;
                    out.write_all(quoted(&cell).as_bytes())?;
                }
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// In quotes where a reader would misread it bare; nothing at all is null, so an empty text is in quotes too.
fn quoted(cell: &str) -> String {
    if cell.is_empty() || cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Array as _, Float64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field};
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("run", DataType::Utf8, true),
            Field::new("score", DataType::Float64, true),
        ]);
        let names = StringArray::from(vec![Some("a"), None, Some("b, \"c\""), Some("")]);
        let scores = Float64Array::from(vec![Some(1.5), Some(-20.25), None, Some(f64::NAN)]);
        assert_eq!(names.len(), scores.len());
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(names), Arc::new(scores)]).unwrap()
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let batch = batch();
        let mut text = Text::new(&batch.schema());
        text.add(&batch).unwrap();
        let mut out = Vec::new();
        text.print(&mut out).unwrap();
        let expected =
            "run      score\n------  ------\na          1.5\n-       -20.25\nb, \"c\"       -\n           NaN\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn values_that_would_be_misread_are_quoted() {
        let batch = batch();
        let (csv, mut out) = (Csv, Vec::new());
        csv.head(&batch.schema(), &mut out).unwrap();
        csv.rows(&batch, &mut out).unwrap();
        let expected = "run,score\na,1.5\n,-20.25\n\"b, \"\"c\"\"\",\n\"\",NaN\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
