"""Values of quantized tensors in float64, written from the layout of the blocks.

Each function takes blocks [count, bytes a block] of uint8 and gives [count, values a block] of float64. Products of a
float16 scale and small integers are exact in float64, so these are the values that a file stands for.
"""

import numpy as np


def half(blocks, offset):
    """The float16 field at `offset` of every block, [count, 1]."""
    return np.ascontiguousarray(blocks[:, offset:offset + 2]).view("<f2").astype(np.float64)


def signed(octets):
    return octets.view(np.int8).astype(np.int64)


def nibbles(octets):
    """[count, n] bytes -> [count, 2 n] integers: all low nibbles, then all high ones."""
    octets = octets.astype(np.int64)
    return np.concatenate([octets % 16, octets // 16], axis=1)


def bits(octets):
    """[count, n] bytes -> [count, 8 n] bits, the least significant of each byte first."""
    return np.unpackbits(octets, axis=1, bitorder="little").astype(np.int64)


def grouped(values, group):
    """[count, n] -> [count, n / group, group]"""
    return values.reshape(len(values), -1, group)


def flat(values):
    return values.reshape(len(values), -1)


def float_values(blocks, kind):
    return blocks.view(kind).astype(np.float64)


def bf16(blocks):
    return (blocks.view("<u2").astype("<u4") << 16).view("<f4").astype(np.float64)


def q4_0(blocks):
    return half(blocks, 0) * (nibbles(blocks[:, 2:18]) - 8)


def q4_1(blocks):
    return half(blocks, 0) * nibbles(blocks[:, 4:20]) + half(blocks, 2)


def q5_0(blocks):
    return half(blocks, 0) * (nibbles(blocks[:, 6:22]) + 16 * bits(blocks[:, 2:6]) - 16)


def q5_1(blocks):
    return half(blocks, 0) * (nibbles(blocks[:, 8:24]) + 16 * bits(blocks[:, 4:8])) + half(blocks, 2)


# The sixteen values that a nibble of IQ4_NL stands for.
IQ4_NL = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])


def iq4_nl(blocks):
    return half(blocks, 0) * IQ4_NL[nibbles(blocks[:, 2:18])]


def q8_0(blocks):
    return half(blocks, 0) * signed(blocks[:, 2:34])


def two_bits(octets):
    """64 bytes of 2-bit numbers, 256 values: four layers of 32 in each half of 32 bytes."""
    halves = octets.reshape(len(octets), 2, 1, 32).astype(np.int64)
    layers = np.array([1, 4, 16, 64]).reshape(1, 1, 4, 1)
    return flat(halves // layers % 4)


def bit_layers(octets):
    """32 bytes of single bits, 256 values: layer b, values 32 b to 32 b + 31, is bit b of all the bytes."""
    layers = np.array([1, 2, 4, 8, 16, 32, 64, 128]).reshape(1, 8, 1)
    return flat(octets.astype(np.int64)[:, None, :] // layers % 2)


def q2_k(blocks):
    scale, minimum = blocks[:, 0:16] % 16, blocks[:, 0:16] // 16
    quants = grouped(two_bits(blocks[:, 16:80]), 16)
    d, dmin = half(blocks, 80), half(blocks, 82)
    return flat((d * scale)[:, :, None] * quants - (dmin * minimum)[:, :, None])


def q3_k(blocks):
    quants = two_bits(blocks[:, 32:96]) + 4 * bit_layers(blocks[:, 0:32]) - 4
    lower = nibbles(blocks[:, 96:104])
    upper = blocks[:, 104:108].astype(np.int64)
    upper = np.concatenate([upper // divisor % 4 for divisor in (1, 4, 16, 64)], axis=1)
    scale = lower + 16 * upper - 32
    return flat((half(blocks, 108) * scale)[:, :, None] * grouped(quants, 16))


def six_bit_pairs(octets):
    """12 bytes -> eight scales and eight minimums of 6 bits."""
    a, b, c = (octets[:, at:at + 4].astype(np.int64) for at in (0, 4, 8))
    scale = np.concatenate([a % 64, c % 16 + 16 * (a // 64)], axis=1)
    minimum = np.concatenate([b % 64, c // 16 + 16 * (b // 64)], axis=1)
    return scale, minimum


def nibble_chunks(octets):
    """128 bytes, 256 values: each 32 bytes are 32 low nibbles, then 32 high ones."""
    return flat(np.stack([nibbles(octets[:, at:at + 32]) for at in (0, 32, 64, 96)], axis=1))


def with_six_bit_pairs(blocks, quants):
    scale, minimum = six_bit_pairs(blocks[:, 4:16])
    d, dmin = half(blocks, 0), half(blocks, 2)
    return flat((d * scale)[:, :, None] * grouped(quants, 32) - (dmin * minimum)[:, :, None])


def q4_k(blocks):
    return with_six_bit_pairs(blocks, nibble_chunks(blocks[:, 16:144]))


def q5_k(blocks):
    return with_six_bit_pairs(blocks, nibble_chunks(blocks[:, 48:176]) + 16 * bit_layers(blocks[:, 16:48]))


def q6_k(blocks):
    lower = np.concatenate([nibbles(blocks[:, 0:64]), nibbles(blocks[:, 64:128])], axis=1)
    quants = lower + 16 * two_bits(blocks[:, 128:192]) - 32
    scale = signed(np.ascontiguousarray(blocks[:, 192:208]))
    return flat((half(blocks, 208) * scale)[:, :, None] * grouped(quants, 16))


# Bytes a block, and the values in them.
FORMATS = {
    "F32": (4, lambda blocks: float_values(blocks, "<f4")),
    "F16": (2, lambda blocks: float_values(blocks, "<f2")),
    "BF16": (2, bf16),
    "Q4_0": (18, q4_0),
    "Q4_1": (20, q4_1),
    "Q5_0": (22, q5_0),
    "Q5_1": (24, q5_1),
    "Q8_0": (34, q8_0),
    "IQ4_NL": (18, iq4_nl),
    "Q2_K": (84, q2_k),
    "Q3_K": (110, q3_k),
    "Q4_K": (144, q4_k),
    "Q5_K": (176, q5_k),
    "Q6_K": (210, q6_k),
}


def values(name, raw):
    """All values of a tensor of type `name` whose bytes are `raw`, as a flat float64 array."""
    block_bytes, decode = FORMATS[name]
    return decode(np.ascontiguousarray(raw).view(np.uint8).reshape(-1, block_bytes)).ravel()
