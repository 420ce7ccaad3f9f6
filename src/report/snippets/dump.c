// Dumps values of your engine for `assay diagnose`. C99 or C++. Copy these two functions beside your engine.
//
// Run your engine on the ids of {{ids}}: the first line is the prompt, the second line the tokens to decode
// after it, one by one, whatever your engine would say. Call dump() where a value is complete:
//
//     dump(folder, "embed", 0, x, tokens, {{width}});  // during the prompt: first position 0
//     dump(folder, "blk.0.q", 0, q, tokens, {{q_width}});
//     dump(folder, "blk.0.q", position, q, 1, {{q_width}});  // during decoding: the position of the token
//
// A row is a token. Dump what you have; any value may be missing. folder is {{dump}}; its ids are there.
// Little-endian machines only. Dump before a buffer is used again, and let a GPU finish first.
//
// Values of {{model}}, N from 0 to {{last_layer}}:
//
// {{taps}}

#include <stdio.h>
#include <string.h>

// [rows][cols] floats; returns 0, or -1 when the file could not be written.
static int write_npy(const char *path, const float *data, size_t rows, size_t cols) {
  char header[128];
  memset(header, ' ', sizeof header);
  memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);  // version 1.0, 118 bytes follow
  int length = snprintf(header + 10, sizeof header - 10,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, cols);
  header[10 + length] = ' ';
  header[sizeof header - 1] = '\n';
  FILE *file = fopen(path, "wb");
  if (!file) return -1;
  int is_written = fwrite(header, 1, sizeof header, file) == sizeof header &&
                   fwrite(data, sizeof *data, rows * cols, file) == rows * cols;
  return fclose(file) == 0 && is_written ? 0 : -1;
}

// `first` is the position of the first row; later positions go to files of their own, as "blk.0.q@12.npy".
static int dump(const char *folder, const char *tap, size_t first, const float *data, size_t rows, size_t cols) {
  char path[4096];
  if (first == 0) {
    snprintf(path, sizeof path, "%s/%s.npy", folder, tap);
  } else {
    snprintf(path, sizeof path, "%s/%s@%zu.npy", folder, tap, first);
  }
  return write_npy(path, data, rows, cols);
}
