//! Recorded rows on their way between ranks, and how those of several are put into the order that one process would have written.

use super::{Reader, Writer};
use crate::fault::Fault;
use crate::table::{Block, ColumnData, TableSpec};
use crate::tables;

/// Blocks as a message.
pub fn encode_blocks(blocks: &[Block]) -> Vec<u8> {
    let mut message = Writer::default();
    message.number(blocks.len() as u64);
    for block in blocks {
        message.text(block.table.name).number(block.columns.len() as u64);
        block.columns.iter().for_each(|column| write(&mut message, column));
    }
    message.finish()
}

/// What [`encode_blocks`] was given; tables of this crate only.
///
/// # Errors
/// A damaged message, or a table that is not known.
pub fn decode_blocks(message: &[u8]) -> Result<Vec<Block>, Fault> {
    let mut reader = Reader::new(message);
    let count = reader.number()?;
    (0..count)
        .map(|_| {
            let name = reader.text()?;
            let known = tables::ALL.iter().copied().find(|table| table.name == name);
            let table: &'static TableSpec =
                known.ok_or_else(|| Fault::run(format!("rows of an unknown table `{name}` came from another rank")))?;
            let columns = reader.number()?;
            let columns = (0..columns).map(|_| read(&mut reader)).collect::<Result<_, _>>()?;
            Ok(Block { table, columns })
        })
        .collect()
}

fn write(message: &mut Writer, column: &ColumnData) {
    match column {
        ColumnData::Bool(v) => {
            let bytes: Vec<u8> = v.iter().map(|&b| u8::from(b)).collect();
            message.number(0).bytes(&bytes);
        }
        ColumnData::U8(v) => drop(message.number(1).bytes(v)),
        ColumnData::U32(v) => drop(message.number(2).list(v)),
        ColumnData::U64(v) => drop(message.number(3).list(v)),
        ColumnData::F32(v) => drop(message.number(4).list(v)),
        ColumnData::F64(v) => drop(message.number(5).list(v)),
        ColumnData::Name(v) => {
            message.number(6);
            texts(message, v);
        }
        ColumnData::OneName { name, rows } => drop(message.number(7).text(name).number(*rows as u64)),
        ColumnData::FewNames { names, rows } => {
            message.number(8);
            texts(message, names);
            message.list(rows);
        }
        ColumnData::Text(v) => {
            message.number(9);
            texts(message, v);
        }
        ColumnData::Bytes { width, data } => drop(message.number(10).number(*width as u64).bytes(data)),
        ColumnData::ListI32 { width, data } => drop(message.number(11).number(*width as u64).list(data)),
        ColumnData::ListU32 { width, data } => drop(message.number(12).number(*width as u64).list(data)),
        ColumnData::ListF32 { width, data } => drop(message.number(13).number(*width as u64).list(data)),
    }
}

fn texts(message: &mut Writer, texts: &[String]) {
    message.number(texts.len() as u64);
    for text in texts {
        message.text(text);
    }
}

fn read(reader: &mut Reader<'_>) -> Result<ColumnData, Fault> {
    let kind = reader.number()?;
    let width = |reader: &mut Reader<'_>| reader.number().map(|width| width as usize);
    Ok(match kind {
        0 => ColumnData::Bool(reader.bytes()?.iter().map(|&b| b != 0).collect()),
        1 => ColumnData::U8(reader.bytes()?.to_vec()),
        2 => ColumnData::U32(reader.list()?),
        3 => ColumnData::U64(reader.list()?),
        4 => ColumnData::F32(reader.list()?),
        5 => ColumnData::F64(reader.list()?),
        6 => ColumnData::Name(read_texts(reader)?),
        7 => ColumnData::OneName {
            name: reader.text()?,
            rows: reader.number()? as usize,
        },
        8 => ColumnData::FewNames {
            names: read_texts(reader)?,
            rows: reader.list()?,
        },
        9 => ColumnData::Text(read_texts(reader)?),
        10 => ColumnData::Bytes {
            width: width(reader)?,
            data: reader.bytes()?.to_vec(),
        },
        11 => ColumnData::ListI32 {
            width: width(reader)?,
            data: reader.list()?,
        },
        12 => ColumnData::ListU32 {
            width: width(reader)?,
            data: reader.list()?,
        },
        13 => ColumnData::ListF32 {
            width: width(reader)?,
            data: reader.list()?,
        },
        other => return Err(Fault::run(format!("a column of kind {other} came from another rank"))),
    })
}

fn read_texts(reader: &mut Reader<'_>) -> Result<Vec<String>, Fault> {
    let count = reader.number()?;
    (0..count).map(|_| reader.text()).collect()
}

/// The rows of several blocks of one table, by step and then block: `counts[b][s]` rows of block b belong to step s, and stand there in the
/// block's own order.
///
/// # Errors
/// Blocks of different tables or columns; counts that are not those of the rows.
pub fn interleave(blocks: Vec<Block>, counts: &[Vec<u32>]) -> Result<Block, Fault> {
    let odd = || Fault::run("rows of different shapes came from several ranks");
    let mut pieces = Vec::new();
    let mut next = vec![0_usize; blocks.len()];
    for step in 0..counts.iter().map(Vec::len).max().unwrap_or(0) {
        for (block, counts) in counts.iter().enumerate() {
            let count = counts.get(step).copied().unwrap_or(0) as usize;
            if count > 0 {
                pieces.push((block, next[block]..next[block] + count));
                next[block] += count;
            }
        }
    }
    let whole = blocks.iter().zip(&next).all(|(block, &rows)| block.rows() == rows);
    let Some(first) = blocks.first().filter(|_| whole && blocks.len() == counts.len()) else {
        return Err(odd());
    };
    let table = first.table;
    let columns = (0..first.columns.len()).map(|index| {
        let parts: Option<Vec<&ColumnData>> = blocks
            .iter()
            .map(|block| block.columns.get(index).filter(|_| std::ptr::eq(block.table, table)))
            .collect();
        parts.and_then(|parts| merge(&parts, &pieces)).ok_or_else(odd)
    });
    let columns = columns.collect::<Result<_, _>>()?;
    Ok(Block { table, columns })
}

type Piece = (usize, std::ops::Range<usize>);

fn merge(parts: &[&ColumnData], pieces: &[Piece]) -> Option<ColumnData> {
    /// The pieces of `[rows, width]` lists.
    fn picked<T: Clone>(lists: &[&Vec<T>], width: usize, pieces: &[Piece]) -> Vec<T> {
        let rows = pieces
            .iter()
            .flat_map(|(part, rows)| lists[*part][rows.start * width..rows.end * width].iter());
        rows.cloned().collect()
    }
    macro_rules! plain {
        ($kind:ident) => {{
            let lists: Option<Vec<_>> = parts
                .iter()
                .map(|p| if let ColumnData::$kind(v) = p { Some(v) } else { None })
                .collect();
            ColumnData::$kind(picked(&lists?, 1, pieces))
        }};
    }
    macro_rules! wide {
        ($kind:ident, $width:expr) => {{
            let lists: Option<Vec<_>> = parts
                .iter()
                .map(|p| match p {
                    ColumnData::$kind { width, data } if width == $width => Some(data),
                    _ => None,
                })
                .collect();
            ColumnData::$kind {
                width: *$width,
                data: picked(&lists?, *$width, pieces),
            }
        }};
    }
    Some(match parts.first()? {
        ColumnData::Bool(_) => plain!(Bool),
        ColumnData::U8(_) => plain!(U8),
        ColumnData::U32(_) => plain!(U32),
        ColumnData::U64(_) => plain!(U64),
        ColumnData::F32(_) => plain!(F32),
        ColumnData::F64(_) => plain!(F64),
        ColumnData::Name(_) => plain!(Name),
        ColumnData::Text(_) => plain!(Text),
        ColumnData::Bytes { width, .. } => wide!(Bytes, width),
        ColumnData::ListI32 { width, .. } => wide!(ListI32, width),
        ColumnData::ListU32 { width, .. } => wide!(ListU32, width),
        ColumnData::ListF32 { width, .. } => wide!(ListF32, width),
        ColumnData::OneName { name, .. } => {
            let same = |p: &&ColumnData| matches!(p, ColumnData::OneName { name: other, .. } if other == name);
            let rows = pieces.iter().map(|(_, rows)| rows.len()).sum();
            parts.iter().all(same).then(|| ColumnData::OneName {
                name: name.clone(),
                rows,
            })?
        }
        // Seats change nowhere where several ranks collect.
        ColumnData::FewNames { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::episodes::{Episode, Episodes};

    fn episodes(lanes: &[u32]) -> Block {
        let mut rows = Episodes::new(2);
        for &lane in lanes {
            rows.push(&Episode {
                tick: 1,
                entity: "environment.a",
                replica: 0,
                lane,
                episode: lane * 10,
                length: 5,
                returns: &[lane as f32, 0.5],
                shaped_returns: &[0.0, 0.0],
                truncated: false,
                seating: "a:0,a:0",
            });
        }
        rows.into_block()
    }

    #[test]
    fn rows_come_by_step_and_then_by_block() {
        let blocks = vec![episodes(&[0, 1, 0]), episodes(&[3, 2])];
        let blocks = decode_blocks(&encode_blocks(&blocks)).expect("a whole message");
        let merged = interleave(blocks.clone(), &[vec![1, 2, 0], vec![0, 1, 1]]).expect("the same table");
        assert_eq!(merged, episodes(&[0, 1, 0, 3, 2]));
        let merged = interleave(blocks.clone(), &[vec![1, 1, 1], vec![1, 0, 1]]).expect("the same table");
        assert_eq!(merged, episodes(&[0, 3, 1, 0, 2]));
        assert!(
            interleave(blocks, &[vec![1, 1, 0], vec![1, 0, 1]]).is_err(),
            "a row is left over"
        );
    }
}
