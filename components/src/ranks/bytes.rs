//! Messages as bytes, little-endian: plain numbers, lists of them, text, and faults. Nothing here is stored.

use crate::fault::{Fault, FaultKind};

/// Puts a message together.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// The message.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
    /// One number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }
    /// One float.
    pub fn float(&mut self, number: f64) -> &mut Self {
        self.number(number.to_bits())
    }
    /// A list of bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }
    /// Text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }
    /// A list of numbers of any plain type, read back by [`Reader::list`].
    pub fn list<T: bytemuck::NoUninit>(&mut self, numbers: &[T]) -> &mut Self {
        self.bytes(bytemuck::cast_slice(numbers))
    }
}

/// Takes a message apart.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From the beginning.
    pub fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let cut = self.0.split_at_checked(count);
        let (taken, rest) = cut.ok_or_else(|| Fault::run("a message of another rank is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// See [`Writer::number`].
    ///
    /// # Errors
    /// The message ends before.
    pub fn number(&mut self) -> Result<u64, Fault> {
        let mut number = [0; 8];
        number.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(number))
    }

    /// See [`Writer::float`].
    ///
    /// # Errors
    /// The message ends before.
    pub fn float(&mut self) -> Result<f64, Fault> {
        self.number().map(f64::from_bits)
    }

    /// See [`Writer::bytes`].
    ///
    /// # Errors
    /// The message ends before.
    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        self.take(count)
    }

    /// See [`Writer::text`].
    ///
    /// # Errors
    /// The message ends before, or holds no text.
    pub fn text(&mut self) -> Result<String, Fault> {
        let text = std::str::from_utf8(self.bytes()?);
        text.map(str::to_owned)
            .map_err(|_| Fault::run("a message of another rank is damaged"))
    }

    /// See [`Writer::list`].
    ///
    /// # Errors
    /// The message ends before.
    pub fn list<T: bytemuck::AnyBitPattern>(&mut self) -> Result<Vec<T>, Fault> {
        let bytes = self.bytes()?;
        let chunks = bytes.chunks_exact(size_of::<T>().max(1));
        Ok(chunks.map(bytemuck::pod_read_unaligned).collect())
    }
}

const WELL: u8 = 0;
const FAULT: u8 = 1;

/// A message, or the fault that stands in its place.
pub(super) fn envelope(content: Result<Vec<u8>, Fault>) -> Vec<u8> {
    match content {
        Ok(mut content) => {
            content.push(WELL);
            content
        }
        Err(fault) => {
            let mut message = Writer::default();
            write_fault(&mut message, &fault);
            let mut message = message.finish();
            message.push(FAULT);
            message
        }
    }
}

/// What [`envelope`] held.
pub(super) fn open(mut message: Vec<u8>) -> Result<Vec<u8>, Fault> {
    match message.pop() {
        Some(WELL) => Ok(message),
        Some(FAULT) => Err(read_fault(&mut Reader::new(&message))?),
        _ => Err(Fault::run("a message of another rank is damaged")),
    }
}

const KINDS: [FaultKind; 6] = [
    FaultKind::Pipeline,
    FaultKind::Missing,
    FaultKind::Run,
    FaultKind::Storage,
    FaultKind::Records,
    FaultKind::Fenced,
];

fn write_fault(message: &mut Writer, fault: &Fault) {
    let kind = KINDS.iter().position(|kind| *kind == fault.kind).unwrap_or(2);
    message.number(kind as u64).text(&fault.message);
    message.text(fault.advice.as_deref().unwrap_or_default());
    message.number(fault.key.len() as u64);
    for key in &fault.key {
        message.text(key);
    }
}

fn read_fault(message: &mut Reader<'_>) -> Result<Fault, Fault> {
    let kind = message.number()? as usize;
    let text = message.text()?;
    let mut fault = Fault::new(KINDS.get(kind).copied().unwrap_or(FaultKind::Run), text);
    fault.advice = Some(message.text()?).filter(|advice| !advice.is_empty());
    for _ in 0..message.number()? {
        fault.key.push(message.text()?);
    }
    Ok(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut message = Writer::default();
        message
            .number(7)
            .float(-0.5)
            .text("é")
            .list(&[1.5_f32, f32::NAN])
            .list(&[3_u32]);
        let message = envelope(Ok(message.finish()));
        let message = open(message).expect("no fault");
        let mut reader = Reader::new(&message);
        assert_eq!(reader.number().unwrap(), 7);
        assert_eq!(reader.float().unwrap(), -0.5);
        assert_eq!(reader.text().unwrap(), "é");
        let floats: Vec<f32> = reader.list().unwrap();
        assert_eq!(floats[0], 1.5);
        assert!(floats[1].is_nan());
        assert_eq!(reader.list::<u32>().unwrap(), [3]);
        assert!(reader.number().is_err(), "nothing is left");
    }

    #[test]
    fn a_fault_arrives_as_it_was() {
        let fault = Fault::storage("no room").advise("make some").within(["agent", "a"]);
        let told = open(envelope(Err(fault))).expect_err("a fault");
        assert_eq!((told.kind, &*told.message), (FaultKind::Storage, "no room"));
        assert_eq!(told.advice.as_deref(), Some("make some"));
        assert_eq!(told.key, ["agent", "a"]);
        assert!(open(Vec::new()).is_err());
    }
}
