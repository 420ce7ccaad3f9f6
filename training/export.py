#!/usr/bin/env python3
"""Packs what train.py made into a GGUF file: matrices as F16, norms as F32, the vocabulary beside them.

    training/export.py models/kingjames-7m.f16.gguf

The writer is the script's own, from the format's public description (src/gguf/file.h has the layout), so that the file
does not depend on the code that it is used to test. Needs numpy and sentencepiece.
"""

import argparse
import struct

import numpy as np
import sentencepiece

HEADS = 4
KV_HEADS = 2
CONTEXT = 512  # positions; trained on 128, and still sound at four times that

# Value types of metadata and tensor types, as the format numbers them.
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32, F16 = 0, 1
ALIGNMENT = 32

# Token types.
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def pack_string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def pack_scalar(kind, value):
    if kind == STRING:
        return pack_string(value)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}[kind], value)


def pack_pair(key, kind, value):
    return pack_string(key) + struct.pack("<I", kind) + pack_scalar(kind, value)


def pack_array(key, kind, values):
    head = pack_string(key) + struct.pack("<IIQ", ARRAY, kind, len(values))
    return head + b"".join(pack_scalar(kind, value) for value in values)


def pad(raw):
    return raw + b"\0" * (-len(raw) % ALIGNMENT)


def hyper_parameters(weights, vocabulary_size):
    """Metadata pairs that say what the model is; the widths are read off its tensors."""
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blk."))
    width = weights["token_embd.weight"].shape[1]
    feed_forward = weights["blk.0.ffn_up.weight"].shape[0]
    return [
        pack_pair("general.architecture", STRING, "llama"),
        pack_pair("general.name", STRING, "King James and Shakespeare 7M"),
        pack_pair("general.license", STRING, "CC0-1.0"),
        pack_pair("general.file_type", UINT32, 1),  # mostly F16
        pack_pair("llama.block_count", UINT32, layers),
        pack_pair("llama.context_length", UINT32, CONTEXT),
        pack_pair("llama.embedding_length", UINT32, width),
        pack_pair("llama.feed_forward_length", UINT32, feed_forward),
        pack_pair("llama.attention.head_count", UINT32, HEADS),
        pack_pair("llama.attention.head_count_kv", UINT32, KV_HEADS),
        pack_pair("llama.rope.dimension_count", UINT32, width // HEADS),
        pack_pair("llama.rope.freq_base", FLOAT32, 10000.0),
        pack_pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        pack_pair("llama.vocab_size", UINT32, vocabulary_size),
    ]


def token_type(pieces, token):
    if pieces.is_unknown(token):
        return UNKNOWN
    if pieces.is_control(token):
        return CONTROL
    return BYTE if pieces.is_byte(token) else NORMAL


def vocabulary(pieces):
    """Metadata pairs of a SentencePiece vocabulary."""
    tokens = range(pieces.vocab_size())
    return [
        pack_pair("tokenizer.ggml.model", STRING, "llama"),
        pack_pair("tokenizer.ggml.pre", STRING, "default"),
        pack_array("tokenizer.ggml.tokens", STRING, [pieces.id_to_piece(token) for token in tokens]),
        pack_array("tokenizer.ggml.scores", FLOAT32, [pieces.get_score(token) for token in tokens]),
        pack_array("tokenizer.ggml.token_type", INT32, [token_type(pieces, token) for token in tokens]),
        pack_pair("tokenizer.ggml.bos_token_id", UINT32, 1),
        pack_pair("tokenizer.ggml.eos_token_id", UINT32, 2),
        pack_pair("tokenizer.ggml.unknown_token_id", UINT32, 0),
        pack_pair("tokenizer.ggml.add_bos_token", BOOL, True),
        pack_pair("tokenizer.ggml.add_eos_token", BOOL, False),
        pack_pair("tokenizer.ggml.add_space_prefix", BOOL, True),
    ]


def pack_tensors(weights):
    """The table of tensors, and their data, each padded to the alignment."""
    table, data, offset = [], [], 0
    for name, values in weights.items():
        is_matrix = values.ndim == 2
        raw = pad(values.astype("<f2" if is_matrix else "<f4").tobytes())
        # The format lists dimensions from the contiguous one upwards.
        shape = b"".join(struct.pack("<Q", length) for length in reversed(values.shape))
        table.append(pack_string(name) + struct.pack("<I", values.ndim) + shape
                     + struct.pack("<IQ", F16 if is_matrix else F32, offset))
        data.append(raw)
        offset += len(raw)
    return table, data


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="the GGUF file to write")
    parser.add_argument("--weights", default="model.npz", help="what train.py wrote (default: %(default)s)")
    parser.add_argument("--tokenizer", default="tok.model", help="SentencePiece model (default: %(default)s)")
    arguments = parser.parse_args()

    weights = dict(np.load(arguments.weights))
    pieces = sentencepiece.SentencePieceProcessor(arguments.tokenizer)
    metadata = hyper_parameters(weights, pieces.vocab_size()) + vocabulary(pieces)
    table, data = pack_tensors(weights)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(table), len(metadata)) + b"".join(metadata) + b"".join(table)
    with open(arguments.output, "wb") as file:
        file.write(pad(head))
        for raw in data:
            file.write(raw)


if __name__ == "__main__":
    main()
