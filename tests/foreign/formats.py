"""Values of quantized tensors in float64, written from the layout of the blocks.

Each function takes blocks [count, bytes a block] of uint8 and gives [count, values a block] of float64. Products of a
float16 scale and small integers are exact in float64, so these are the values that a file stands for.
"""

import gguf
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


def grid(name):
    """The codebook of a type, [entries, values an entry], as gguf keeps it: its entries are facts of the format."""
    table = getattr(gguf.quants, name)
    table.init_grid()
    return table.grid.reshape(table.grid_shape).astype(np.float64)


def words(octets, kind):
    return np.ascontiguousarray(octets).view(kind).astype(np.int64)


def odd_nibbles(octets):
    """2 s + 1 of the nibbles, low before high of each byte."""
    octets = octets.astype(np.int64)
    return 2 * flat(np.stack([octets % 16, octets // 16], axis=2)) + 1


def signs(negative):
    return 1 - 2 * negative


def signs_of_sevens(sevens):
    """[count, n] numbers of seven bits -> [count, 8 n] signs; the eighth makes the number of minuses even."""
    seven = np.stack([sevens // 2 ** bit % 2 for bit in range(7)], axis=2)
    return signs(flat(np.concatenate([seven, seven.sum(axis=2, keepdims=True) % 2], axis=2)))


def words_of_signs(octets):
    """Words of 32 bits: four times seven signs, and 2 s + 1 of the rest."""
    word = words(octets, "<u4")
    return signs_of_sevens(flat(np.stack([word // 128 ** i % 128 for i in range(4)], axis=2))), 2 * (word // 2 ** 28) + 1


def scaled_groups(d, scale, values):
    return flat((d * scale)[:, :, None] * values.reshape(*scale.shape, -1))


def iq2_xxs(blocks):
    fields = blocks[:, 2:].reshape(len(blocks), 8, 8)
    sign, scale = words_of_signs(flat(fields[:, :, 4:]))
    return scaled_groups(half(blocks, 0) / 8, scale, flat(grid("IQ2_XXS")[flat(fields[:, :, :4])]) * sign)


def iq2_xs(blocks):
    word = words(blocks[:, 2:66], "<u2")
    values = flat(grid("IQ2_XS")[word % 512]) * signs_of_sevens(word // 512)
    return scaled_groups(half(blocks, 0) / 8, odd_nibbles(blocks[:, 66:74]), values)


def iq2_s(blocks):
    upper = flat(np.stack([blocks[:, 66:74].astype(np.int64) // 4 ** i % 4 for i in range(4)], axis=2))
    values = flat(grid("IQ2_S")[blocks[:, 2:34] + 256 * upper]) * signs(bits(blocks[:, 34:66]))
    return scaled_groups(half(blocks, 0) / 8, odd_nibbles(blocks[:, 74:82]), values)


def iq3_xxs(blocks):
    sign, scale = words_of_signs(blocks[:, 66:98])
    return scaled_groups(half(blocks, 0) / 4, scale, flat(grid("IQ3_XXS")[blocks[:, 2:66]]) * sign)


def iq3_s(blocks):
    values = flat(grid("IQ3_S")[blocks[:, 2:66] + 256 * bits(blocks[:, 66:74])]) * signs(bits(blocks[:, 74:106]))
    return scaled_groups(half(blocks, 0), odd_nibbles(blocks[:, 106:110]), values)


def iq1_s(blocks):
    word = words(blocks[:, 34:50], "<u2")
    upper = flat(np.stack([word // 8 ** i % 8 for i in range(4)], axis=2))
    values = grouped(flat(grid("IQ1_S")[blocks[:, 2:34] + 256 * upper]), 32) + signs(word // 32768)[:, :, None] / 8
    return scaled_groups(half(blocks, 0), 2 * (word // 4096 % 8) + 1, values)


def iq1_m(blocks):
    high = blocks[:, 32:48].astype(np.int64)
    high = flat(np.stack([high % 16, high // 16], axis=2))
    values = grid("IQ1_S")[blocks[:, :32] + 256 * (high % 8)] + signs(high // 8)[:, :, None] / 8
    word = words(blocks[:, 48:56], "<u2")
    d = (word // 4096 * 16 ** np.arange(4)).sum(axis=1, keepdims=True).astype("<u2").view("<f2").astype(np.float64)
    return scaled_groups(d, 2 * flat(np.stack([word // 8 ** i % 8 for i in range(4)], axis=2)) + 1, flat(values))


def iq4_xs(blocks):
    upper = words(blocks[:, 2:4], "<u2") // 4 ** np.arange(8) % 4
    low = flat(np.stack([blocks[:, 4:8] % 16, blocks[:, 4:8] // 16], axis=2)).astype(np.int64)
    values = np.concatenate([nibbles(blocks[:, at:at + 16]) for at in range(8, 136, 16)], axis=1)
    return scaled_groups(half(blocks, 0), low + 16 * upper - 32, IQ4_NL[values])


def digits(octets, count):
    """The leading ternary digits of bytes as fractions of 256: all first digits, then all second ones."""
    return np.concatenate([octets * 3 ** (n + 1) // 256 % 3 for n in range(count)], axis=1)


def tq1_0(blocks):
    octets = blocks.astype(np.int64)
    quants = [digits(octets[:, 0:32], 5), digits(octets[:, 32:48], 5), digits(octets[:, 48:52], 4)]
    return half(blocks, 52) * (np.concatenate(quants, axis=1) - 1)


def tq2_0(blocks):
    return half(blocks, 64) * (two_bits(blocks[:, :64]) - 1)


# Twice the values of a nibble of MXFP4 and NVFP4.
E2M1 = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12])


def mxfp4(blocks):
    return np.exp2(blocks[:, 0:1].astype(np.float64) - 128) * E2M1[nibbles(blocks[:, 1:])]


def nvfp4(blocks):
    exponent, fraction = blocks[:, :4].astype(np.int64) >> 3 & 15, blocks[:, :4] & 7
    scales = np.where(exponent == 0, fraction * 2.0 ** -9, (1 + fraction / 8) * np.exp2(exponent - 7.0))
    scales = np.where(blocks[:, :4] == 0x7F, 0, scales)
    groups = blocks[:, 4:].reshape(-1, 8)
    return (np.repeat(scales / 2, 16, axis=1) * E2M1[nibbles(groups)].reshape(len(blocks), 64))


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
    "IQ1_S": (50, iq1_s),
    "IQ1_M": (56, iq1_m),
    "IQ2_XXS": (66, iq2_xxs),
    "IQ2_XS": (74, iq2_xs),
    "IQ2_S": (82, iq2_s),
    "IQ3_XXS": (98, iq3_xxs),
    "IQ3_S": (110, iq3_s),
    "IQ4_XS": (136, iq4_xs),
    "TQ1_0": (54, tq1_0),
    "TQ2_0": (66, tq2_0),
    "MXFP4": (17, mxfp4),
    "NVFP4": (36, nvfp4),
}


def values(name, raw):
    """All values of a tensor of type `name` whose bytes are `raw`, as a flat float64 array."""
    block_bytes, decode = FORMATS[name]
    return decode(np.ascontiguousarray(raw).view(np.uint8).reshape(-1, block_bytes)).ravel()
