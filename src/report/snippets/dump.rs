// Dumps values of your engine for `assay diagnose`. Needs only std. Copy these two functions beside your engine.
//
// Run your engine on the ids of {{ids}}: the first line is the prompt, the second line the tokens to decode
// after it, one by one, whatever your engine would say. Call dump() where a value is complete:
//
//     dump(folder, "embed", 0, &x, tokens, {{width}})?;  // during the prompt: first position 0
//     dump(folder, "blk.0.q", 0, &q, tokens, {{q_width}})?;
//     dump(folder, "blk.0.q", position, &q, 1, {{q_width}})?;  // during decoding: the position of the token
//
// A row is a token. Dump what you have; any value may be missing. folder is {{dump}}; its ids are there.
// Dump before a buffer is used again, and let a GPU finish first; half floats as f32: x.to_f32().
//
// Values of {{model}}, N from 0 to {{last_layer}}:
//
// {{taps}}

use std::fs::File;
use std::io::{BufWriter, Result, Write};

pub fn write_npy(path: &str, data: &[f32], rows: usize, cols: usize) -> Result<()> {
    assert_eq!(data.len(), rows * cols, "{path}");
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"\x93NUMPY\x01\x00\x76\x00")?; // version 1.0, 118 bytes follow
    file.write_all(format!("{header:<117}\n").as_bytes())?;
    for value in data {
        file.write_all(&value.to_le_bytes())?;
    }
    file.flush()
}

/// `first` is the position of the first row; later positions go to files of their own, as "blk.0.q@12.npy".
pub fn dump(folder: &str, tap: &str, first: usize, data: &[f32], rows: usize, cols: usize) -> Result<()> {
    let path = if first == 0 { format!("{folder}/{tap}.npy") } else { format!("{folder}/{tap}@{first}.npy") };
    write_npy(&path, data, rows, cols)
}
