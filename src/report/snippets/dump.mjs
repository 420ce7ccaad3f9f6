// Dumps values of your engine for `assay diagnose`. For Node; a browser can offer the same bytes as a download.
//
// Run your engine on the ids of {{ids}}: the first line is the prompt, the second line the tokens to decode
// after it, one by one, whatever your engine would say. Call dump() where a value is complete:
//
//     dump(folder, "embed", 0, x, tokens, {{width}});  // during the prompt: first position 0
//     dump(folder, "blk.0.q", 0, q, tokens, {{q_width}});
//     dump(folder, "blk.0.q", position, q, 1, {{q_width}});  // during decoding: the position of the token
//
// A row is a token. Dump what you have; any value may be missing. folder is {{dump}}; its ids are there.
// Dump before a buffer is used again; of WebGPU, map the buffer and read it first.
//
// Values of {{model}}, N from 0 to {{last_layer}}:
//
// {{taps}}

import { writeFileSync } from "node:fs";

// `data`: an array or typed array of rows * cols numbers.
export function write_npy(path, data, rows, cols) {
  if (data.length !== rows * cols) throw new Error(`${path}: ${data.length} values, not ${rows} x ${cols}`);
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${cols}), }`;
  const bytes = new Uint8Array(128 + 4 * data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]); // \x93NUMPY, version 1.0, 118 bytes follow
  bytes.set(new TextEncoder().encode(header.padEnd(117) + "\n"), 10);
  const view = new DataView(bytes.buffer);
  data.forEach((value, i) => view.setFloat32(128 + 4 * i, value, true));
  writeFileSync(path, bytes);
}

// `first` is the position of the first row; later positions go to files of their own, as "blk.0.q@12.npy".
export function dump(folder, tap, first, data, rows, cols) {
  write_npy(first === 0 ? `${folder}/${tap}.npy` : `${folder}/${tap}@${first}.npy`, data, rows, cols);
}
