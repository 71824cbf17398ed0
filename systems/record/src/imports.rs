//! Safetensors files from elsewhere: read with care, known by their hash.

use crate::checkpoint::numbers_of;
use crate::store::disk;
use safetensors::tensor::SafeTensors;
use starling_components::Fault;
use starling_components::persist::SavedTensor;
use std::collections::BTreeMap;
use std::path::Path;

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedFile {
    /// Its tensors by name.
    pub tensors: BTreeMap<String, SavedTensor>,
    /// Hash of its bytes.
    pub sha256: String,
}

/// Reads a safetensors file.
///
/// # Errors
/// The file cannot be read or is no safetensors file; or tensors are of a type that nothing here uses, all of which are listed.
pub fn read(path: &Path) -> Result<ImportedFile, Fault> {
    let here = path.display();
    let bytes = std::fs::read(path).map_err(|e| Fault::pipeline(format!("cannot read `{here}`: {e}")))?;
    let sha256 = disk::sha256(&bytes);
    let tensors = decode(&bytes).map_err(|mut fault| {
        fault.message = format!("`{here}` {}", fault.message);
        fault
    })?;
    Ok(ImportedFile { tensors, sha256 })
}

/// The tensors in the bytes of a safetensors file.
///
/// # Errors
/// As [`read`]; messages continue a sentence that begins with the file's name.
pub fn decode(bytes: &[u8]) -> Result<BTreeMap<String, SavedTensor>, Fault> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| {
        Fault::pipeline(format!("is not a whole safetensors file: {e}"))
            .advise("JaxMARL's `save_params` and the `safetensors` packages write such files")
    })?;
    let (mut tensors, mut foreign) = (BTreeMap::new(), Vec::new());
    for (name, view) in file.iter() {
        let shape = view.shape().to_vec();
        match numbers_of(view.dtype(), view.data()) {
            Some(data) => {
                tensors.insert(name.to_owned(), SavedTensor { shape, data });
            }
            None => foreign.push(format!("`{name}` of {:?}", view.dtype())),
        }
    }
    foreign.sort();
    if foreign.is_empty() {
        return Ok(tensors);
    }
    let message = format!("has tensors of types that are not read: {}", foreign.join(", "));
    Err(Fault::pipeline(message).advise("parameters are 32-bit floats (F32): convert the tensors before saving them"))
}
