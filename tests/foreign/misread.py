"""Mistakes in reading quantized blocks, each as a decoder that differs from tests/foreign/formats.py in one thing.

    values = misread("k_min_sign", "Q4_K", tensor.data, {})
"""

import numpy as np

from tests.foreign import formats
from tests.foreign.formats import bit_layers, bits, flat, grouped, nibbles, signed, two_bits

LEGACY = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL")
SIX_BIT = ("Q4_K", "Q5_K")
# Where the float16 fields of a block are: the scale, then what is called dmin (K types) or m (Q4_1, Q5_1).
HALVES = {"Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "IQ4_NL": (0,), "Q8_0": (0,), "Q2_K": (80, 82),
          "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
BLOCK_VALUES = {kind: 256 if kind.endswith("_K") else 32 for kind in HALVES}


def right(kind, blocks):
    return formats.FORMATS[kind][1](blocks)


def rewritten(blocks, change):
    """The right decoder on a copy of the blocks that `change` has altered."""
    copy = blocks.copy()
    change(copy)
    return copy


# How a run of bytes becomes low and high nibbles, in the wrong order.
def interleaved(octets):
    octets = octets.astype(np.int64)
    return flat(np.stack([octets % 16, octets // 16], axis=2))


def high_first(octets, run):
    """Each `run` bytes are `run` high nibbles, then `run` low ones."""
    octets = grouped(octets.astype(np.int64), run)
    return flat(np.concatenate([octets // 16, octets % 16], axis=2))


def join_nibbles(values, run):
    """The bytes that a right reader of runs of `run` bytes decodes to these nibbles."""
    values = grouped(values, 2 * run)
    return flat(values[:, :, :run] + 16 * values[:, :, run:]).astype(np.uint8)


def legacy_nibble_order(kind, blocks, order):
    start = formats.FORMATS[kind][0] - 16
    octets = blocks[:, start:]
    values = interleaved(octets) if order == "interleaved" else high_first(octets, 16)

    def change(copy):
        copy[:, start:] = join_nibbles(values, 16)
    return right(kind, rewritten(blocks, change))


def legacy_offset_missing(kind, blocks):
    d = formats.half(blocks, 0)
    if kind in ("Q4_0", "Q5_0"):
        return right(kind, blocks) + d * (8 if kind == "Q4_0" else 16)
    return right(kind, blocks) - formats.half(blocks, 2)


def legacy_nibble_signed(kind, blocks):
    """Two's complement."""
    quants = nibbles(blocks[:, 2:18])
    return formats.half(blocks, 0) * np.where(quants < 8, quants, quants - 16)


def legacy_header_short(kind, blocks):
    """Nibbles from where Q4_0 has them."""
    return formats.half(blocks, 0) * nibbles(blocks[:, 2:18]) + formats.half(blocks, 2)


def q5_high_bits_lost(kind, blocks):
    fields = {"Q5_0": (2, 6), "Q5_1": (4, 8), "Q5_K": (16, 48)}

    def change(copy):
        copy[:, slice(*fields[kind])] = 0
    return right(kind, rewritten(blocks, change))


def q8_unsigned(kind, blocks):
    return formats.half(blocks, 0) * blocks[:, 2:34]


def six_bit_quants(kind, blocks):
    if kind == "Q4_K":
        return formats.nibble_chunks(blocks[:, 16:144])
    return formats.nibble_chunks(blocks[:, 48:176]) + 16 * bit_layers(blocks[:, 16:48])


def scaled(blocks, scale, minimum, quants, sign=-1):
    d, dmin = formats.half(blocks, 0), formats.half(blocks, 2)
    return flat((d * scale)[:, :, None] * grouped(quants, 32) + sign * (dmin * minimum)[:, :, None])


def k_scales_unpacked(kind, blocks, rule):
    octets = blocks[:, 4:16].astype(np.int64)
    scale, minimum = formats.six_bit_pairs(blocks[:, 4:16])
    if rule == "high_bits_lost":
        scale[:, 4:] %= 16
        minimum[:, 4:] %= 16
    elif rule == "plain_bytes":
        scale, minimum = octets[:, 0:8], octets[:, 4:12]
    elif rule == "plain_six_bits":  # what is right for the first four, for all
        scale, minimum = octets[:, 0:8] % 64, octets[:, 4:12] % 64
    else:
        scale, minimum = minimum, scale
    return scaled(blocks, scale, minimum, six_bit_quants(kind, blocks))


def minimums_times(kind, blocks, factor):
    """The right values with every minimum times a factor: a minimum is what is left of values whose quants are 0."""
    def change(copy):
        copy[:, slice(16, 80) if kind == "Q2_K" else slice(16, None)] = 0
    minimum = right(kind, rewritten(blocks, change))
    return right(kind, blocks) + (factor - 1) * minimum


def k_min_sign(kind, blocks):
    return minimums_times(kind, blocks, -1)


def k_min_dropped(kind, blocks):
    return minimums_times(kind, blocks, 0)


def k_nibble_order(kind, blocks, order):
    octets = blocks[:, -128:]
    values = {"interleaved": interleaved, "high_low_swapped": lambda x: high_first(x, 32),
              "sequential": nibbles}[order](octets)
    quants = values if kind == "Q4_K" else values + 16 * bit_layers(blocks[:, 16:48])
    return scaled(blocks, *formats.six_bit_pairs(blocks[:, 4:16]), quants)


def q5_k_bits_sequential(kind, blocks, nibbles):
    octets = blocks[:, 48:176]
    quants = (interleaved if nibbles == "interleaved" else formats.nibble_chunks)(octets) + 16 * bits(blocks[:, 16:48])
    return scaled(blocks, *formats.six_bit_pairs(blocks[:, 4:16]), quants)


def sequential_two_bits(octets):
    octets = octets.astype(np.int64)
    return flat(np.stack([octets // divisor % 4 for divisor in (1, 4, 16, 64)], axis=2))


def q6_k_parts(blocks):
    lower = np.concatenate([nibbles(blocks[:, 0:64]), nibbles(blocks[:, 64:128])], axis=1)
    return lower, two_bits(blocks[:, 128:192]), signed(np.ascontiguousarray(blocks[:, 192:208]))


def q6_k_values(blocks, quants, scale):
    return flat((formats.half(blocks, 208) * scale)[:, :, None] * grouped(quants, 16))


def q6_k_sequential(kind, blocks):
    quants = interleaved(blocks[:, 0:128]) + 16 * sequential_two_bits(blocks[:, 128:192]) - 32
    return q6_k_values(blocks, quants, q6_k_parts(blocks)[2])


def q6_k_offset_missing(kind, blocks):
    lower, upper, scale = q6_k_parts(blocks)
    return q6_k_values(blocks, lower + 16 * upper, scale)


def q6_k_scales_unsigned(kind, blocks):
    lower, upper, _ = q6_k_parts(blocks)
    return q6_k_values(blocks, lower + 16 * upper - 32, blocks[:, 192:208].astype(np.int64))


def q6_k_high_bits_lost(kind, blocks):
    lower, _, scale = q6_k_parts(blocks)
    return q6_k_values(blocks, lower - 32, scale)


def q6_k_quarter(kind, blocks):
    return np.where(np.arange(256) % 128 < 32, right(kind, blocks), 0)


def q3_k_high_bit(kind, blocks, rule):
    def change(copy):
        copy[:, 0:32] = ~copy[:, 0:32] if rule == "inverted" else 0
    return right(kind, rewritten(blocks, change))


def q3_k_scales(kind, blocks, rule):
    quants = two_bits(blocks[:, 32:96]) + 4 * bit_layers(blocks[:, 0:32]) - 4
    lower = nibbles(blocks[:, 96:104])
    upper = sequential_two_bits(blocks[:, 104:108]).reshape(-1, 4, 4).transpose(0, 2, 1)
    scale = lower + 16 * flat(upper) if rule == "offset_missing" else lower - 32
    return flat((formats.half(blocks, 108) * scale)[:, :, None] * grouped(quants, 16))


def q2_k_order(kind, blocks, order):
    assert order == "sequential"
    scale, minimum = blocks[:, 0:16] % 16, blocks[:, 0:16] // 16
    quants = grouped(sequential_two_bits(blocks[:, 16:80]), 16)
    d, dmin = formats.half(blocks, 80), formats.half(blocks, 82)
    return flat((d * scale)[:, :, None] * quants - (dmin * minimum)[:, :, None])


def q2_k_scales(kind, blocks):
    def change(copy):
        copy[:, 0:16] = copy[:, 0:16] // 16 + 16 * (copy[:, 0:16] % 16)
    return right(kind, rewritten(blocks, change))


def block_scale(kind, blocks, rule):
    fields = HALVES[kind]
    if rule == "bf16":
        # What bfloat16 makes of these bits may be larger than any half, so the block is decoded once for each field.
        return sum(formats.bf16(np.ascontiguousarray(blocks[:, at:at + 2])) * unit(kind, blocks, at) for at in fields)
    if rule == "one":
        kept = fields if kind in ("Q2_K", "Q4_K", "Q5_K") else fields[:1]
        rest = [formats.half(blocks, at) * unit(kind, blocks, at) for at in fields if at not in kept]
        return sum(unit(kind, blocks, at) for at in kept) + sum(rest)

    def change(copy):
        first, second = (slice(at, at + 2) for at in fields)
        copy[:, first], copy[:, second] = blocks[:, second], blocks[:, first]
    return right(kind, rewritten(blocks, change))


def unit(kind, blocks, at):
    """What the block decodes to when the float16 field `at` is 1 and the others are 0: values are linear in them."""
    def change(copy):
        for field in HALVES[kind]:
            copy[:, field:field + 2] = (0, 0x3C) if field == at else (0, 0)
    return right(kind, rewritten(blocks, change))


# name: (types, function, parameters to try)
MISREADINGS = {
    "legacy_nibble_order": (LEGACY, legacy_nibble_order, [{"order": "interleaved"}, {"order": "swapped"}]),
    "legacy_offset_missing": (LEGACY[:4], legacy_offset_missing, [{}]),
    "legacy_nibble_signed": (("Q4_0",), legacy_nibble_signed, [{}]),
    "legacy_header_short": (("Q4_1",), legacy_header_short, [{}]),
    "q5_k_bits_sequential": (("Q5_K",), q5_k_bits_sequential, [{"nibbles": "right"}, {"nibbles": "interleaved"}]),
    "q5_high_bits_lost": (("Q5_0", "Q5_1", "Q5_K"), q5_high_bits_lost, [{}]),
    "q8_unsigned": (("Q8_0",), q8_unsigned, [{}]),
    "k_scales_unpacked": (SIX_BIT, k_scales_unpacked,
                          [{"rule": rule} for rule in ("high_bits_lost", "plain_bytes", "plain_six_bits",
                                                       "scales_mins_swapped")]),
    "k_min_sign": (("Q2_K", *SIX_BIT), k_min_sign, [{}]),
    "k_min_dropped": (("Q2_K", *SIX_BIT), k_min_dropped, [{}]),
    "k_nibble_order": (SIX_BIT, k_nibble_order,
                       [{"order": order} for order in ("interleaved", "high_low_swapped", "sequential")]),
    "q6_k_sequential": (("Q6_K",), q6_k_sequential, [{}]),
    "q6_k_offset_missing": (("Q6_K",), q6_k_offset_missing, [{}]),
    "q6_k_scales_unsigned": (("Q6_K",), q6_k_scales_unsigned, [{}]),
    "q6_k_high_bits_lost": (("Q6_K",), q6_k_high_bits_lost, [{}]),
    "q6_k_quarter": (("Q6_K",), q6_k_quarter, [{}]),
    "q3_k_high_bit": (("Q3_K",), q3_k_high_bit, [{"rule": "inverted"}, {"rule": "lost"}]),
    "q3_k_scales": (("Q3_K",), q3_k_scales, [{"rule": "offset_missing"}, {"rule": "high_bits_lost"}]),
    "q2_k_order": (("Q2_K",), q2_k_order, [{"order": "sequential"}]),
    "q2_k_scales": (("Q2_K",), q2_k_scales, [{}]),
    "block_scale": (tuple(HALVES), block_scale, [{"rule": "bf16"}, {"rule": "d_dmin_swapped"}, {"rule": "one"}]),
}


def possible(name, kind, parameters):
    """Whether a tensor of this type can be misread so."""
    if parameters.get("rule") == "d_dmin_swapped" and len(HALVES[kind]) < 2:
        return False
    return kind in MISREADINGS[name][0]


def misread(name, kind, raw, parameters):
    """All values of a tensor of type `kind` whose bytes are `raw`, read with this mistake; flat."""
    blocks = np.ascontiguousarray(raw).view(np.uint8).reshape(-1, formats.FORMATS[kind][0])
    return MISREADINGS[name][1](kind, blocks, **parameters).astype(np.float64).ravel()
