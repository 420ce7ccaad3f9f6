# Dumps values of your engine for `assay diagnose`. Needs numpy. Copy these two functions beside your engine.
#
# Run your engine on the ids of {{ids}}: the first line is the prompt, the second line the tokens to decode
# after it, one by one, whatever your engine would say. Call dump() where a value is complete:
#
#     dump(folder, "embed", 0, x, tokens, {{width}})  # during the prompt: first position 0
#     dump(folder, "blk.0.q", 0, q, tokens, {{q_width}})
#     dump(folder, "blk.0.q", position, q, 1, {{q_width}})  # during decoding: the position of the token
#
# A row is a token. Dump what you have; any value may be missing. folder is {{dump}}; its ids are there.
# Copy before a buffer is used again, and let a GPU finish first: x.detach().float().cpu().numpy() in PyTorch.
#
# Values of {{model}}, N from 0 to {{last_layer}}:
#
# {{taps}}

import numpy as np


def write_npy(path, data, rows, cols):
    np.save(path, np.asarray(data, dtype=np.float32).reshape(rows, cols))


def dump(folder, tap, first, data, rows, cols):
    """`first` is the position of the first row; later positions go to files of their own, as "blk.0.q@12.npy"."""
    write_npy(f"{folder}/{tap}.npy" if first == 0 else f"{folder}/{tap}@{first}.npy", data, rows, cols)
