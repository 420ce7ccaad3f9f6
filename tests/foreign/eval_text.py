"""Writes what llama.cpp's eval-callback prints, from the values of the numpy engine.

The forms that the program has had:
  "2024"  ggml_debug:, deeply indented, the sum of the printed values; kqv_out behind the output matrix, silu(gate) on its own
  "2025"  ggml_debug:, the sum of all values; kqv_out before the output matrix, whose result has no name; SWIGLU
  "2026"  common_debug_cb_eval:, a time before each message, the token ids at the beginning; attn_out

A graph of llama.cpp computes the last block's feed-forward part only for rows whose logits are wanted: the last.
"""

import numpy as np

INDENT = {"2024": (37, 38, 39), "2025": (37, 38, 39), "2026": (4, 8, 12)}
CORNER = 3


class Printer:
    def __init__(self, form):
        self.form = form
        self.lines = []

    def corners(self, length):
        """Indices that are printed, None for the gap."""
        if length <= 2 * CORNER:
            return list(range(length))
        return [*range(CORNER), None, *range(length - CORNER, length)]

    def tensor(self, name, operation, sources, values, type="f32"):
        """`values` as numpy has them: the last axis is ne[0]."""
        values = np.asarray(values, dtype=np.float32)
        values = values.reshape((1,) * (4 - values.ndim) + values.shape)

        def ne(shape):
            return ", ".join(map(str, reversed((1,) * (4 - len(shape)) + tuple(shape))))

        printed = [f"{source}{{{ne(shape)}}}" for source, shape in sources]
        first, second = (printed + ["", ""])[:2]
        function = "common_debug_cb_eval" if self.form == "2026" else "ggml_debug"
        time = "0.00.123.456 I " if self.form == "2026" else ""
        self.lines.append(f"{time}{function}: {name:>24} = ({type}) {operation:>10}({first}, {second}}}) = {{{ne(values.shape)}}}")
        outer, middle, inner = (" " * width for width in INDENT[self.form])
        end = "  ]," if self.form == "2026" else "],"
        sum_of_printed = np.float32(0)
        for cube in values:
            self.lines.append(f"{outer}[")
            for i2 in self.corners(len(cube)):
                if i2 is None:
                    self.lines.append(f"{middle}..., ")
                    continue
                self.lines.append(f"{middle}[")
                for i1 in self.corners(len(cube[i2])):
                    if i1 is None:
                        self.lines.append(f"{inner}..., ")
                        continue
                    row = cube[i2, i1]
                    text = ""
                    for i0 in self.corners(len(row)):
                        text += "..., " if i0 is None else f"{row[i0]:12.4f}" + (", " if i0 < len(row) - 1 else "")
                        if i0 is not None:
                            sum_of_printed += row[i0]
                    self.lines.append(f"{inner}[{text}{end}")
                self.lines.append(f"{middle}],")
            self.lines.append(f"{outer}]")
            total = sum_of_printed if self.form == "2024" else values.sum(dtype=np.float32)
            self.lines.append(f"{outer}sum = {total:f}")


def write(model, taps, tokens, form, first_token=0):
    """The text of one graph: `taps` are of the whole run, `tokens` its part from `first_token` on."""
    rows = slice(first_token, first_token + len(tokens))
    x = {name: values[rows] for name, values in taps.items()}
    count, width = x["embed"].shape
    blocks, heads = model.get("block_count"), model.get("attention.head_count")
    kv_heads = model.get("attention.head_count_kv", heads)
    head_width = taps["blk.0.q"].shape[1] // heads
    p = Printer(form)
    if form == "2026" and first_token == 0:
        p.lines += ["0.00.100.000 I number of input tokens = %d" % len(tokens), *(f"0.00.100.001 I   {token}" for token in tokens)]

    def weight(name):
        return name, model.weight(name).shape

    def linear(name, tensor, source, values):
        """A product, and the bias where the model has one; both have the name."""
        has_bias = model.weight(tensor + ".bias") is not None
        product = values - model.weight(tensor + ".bias") if has_bias else values
        p.tensor(name, "MUL_MAT", [weight(tensor + ".weight"), source], product)
        if has_bias:
            p.tensor(name, "ADD", [(name, values.shape), weight(tensor + ".bias")], values)

    def norm(name, tensor, source, values):
        index = name.rpartition("-")[2]
        p.tensor(f"norm-{index}" if "-" in name else "norm", "RMS_NORM", [source], values / model.weight(tensor))
        p.tensor(name, "MUL", [(f"norm-{index}", values.shape), weight(tensor)], values)

    node = iter(range(10, 10_000))
    p.tensor("inp_embd" if form == "2024" else "embd", "GET_ROWS", [weight("token_embd.weight"), ("inp_tokens", (count,))], x["embed"])
    stream = ("inp_embd", (count, width))
    for i in range(blocks):
        blk = f"blk.{i}."
        norm(f"attn_norm-{i}", blk + "attn_norm.weight", stream, x[blk + "attn_norm"])
        normed = (f"attn_norm-{i}", (count, width))
        for letter, of in (("Q", heads), ("K", kv_heads)):
            tap = blk + letter.lower()
            split = x[tap].reshape(count, of, head_width)
            linear(f"{letter}cur-{i}", f"{blk}attn_{letter.lower()}", normed, x[tap])
            p.tensor(f"{letter}cur-{i} (reshaped)", "RESHAPE", [(f"{letter}cur-{i}", x[tap].shape)], split)
            p.tensor(f"{letter}cur-{i}", "ROPE", [(f"{letter}cur-{i} (reshaped)", split.shape), ("inp_pos", (count,))],
                     x[tap + "_rope"].reshape(split.shape))
        linear(f"Vcur-{i}", blk + "attn_v", normed, x[blk + "v"])
        split = x[blk + "v"].reshape(count, kv_heads, head_width)
        if form != "2024":
            p.tensor(f"Vcur-{i}", "RESHAPE", [(f"Vcur-{i}", x[blk + "v"].shape)], split)
        p.tensor(f"cache_k_l{i} (view)", "CPY", [(f"Kcur-{i}", split.shape)], np.zeros((kv_heads, 32, head_width)), type="f16")
        scores = np.full((heads, count, 32), -np.inf)
        scores[..., :count] = 1 / 3
        p.tensor(f"kq-{i}", "MUL_MAT", [("k", (1,)), ("q", (1,))], scores)
        p.tensor(f"kq_soft_max-{i}" if form != "2024" else f"kq_soft_max_ext-{i}", "SOFT_MAX", [("kq", (1,))], np.exp(scores))
        attended = x[blk + "attn"]
        merged = {"2024": f"kqv_merged_cont-{i}"}.get(form, f"kqv_out-{i}")
        p.tensor(f"kqv-{i}", "MUL_MAT", [("v", (1,))], attended.reshape(count, heads, head_width).swapaxes(0, 1))
        p.tensor(merged, "CONT", [(f"kqv_merged-{i}", attended.shape)], attended)
        out = {"2024": f"kqv_out-{i}", "2025": f"node_{next(node)}", "2026": f"attn_out-{i}"}[form]
        linear(out, blk + "attn_output", (merged, attended.shape), x[blk + "attn_out"])
        if i == blocks - 1:
            p.tensor(f"node_{next(node)}", "GET_ROWS", [(out, attended.shape), ("inp_out_ids", (1,))], x[blk + "attn_out"][-1:])
            x = {name: values[-1:] for name, values in x.items()}
        shape = x[blk + "attn_residual"].shape
        p.tensor(f"ffn_inp-{i}", "ADD", [(out, shape), stream], x[blk + "attn_residual"])
        norm(f"ffn_norm-{i}", blk + "ffn_norm.weight", (f"ffn_inp-{i}", shape), x[blk + "ffn_norm"])
        gate, up = x[blk + "ffn_gate"], x[blk + "ffn_up"]
        linear(f"ffn_gate-{i}", blk + "ffn_gate", (f"ffn_norm-{i}", shape), gate)
        linear(f"ffn_up-{i}", blk + "ffn_up", (f"ffn_norm-{i}", shape), up)
        sources = [(f"ffn_gate-{i}", gate.shape), (f"ffn_up-{i}", up.shape)]
        if form == "2024":
            p.tensor(f"ffn_silu-{i}", "UNARY", sources[:1], gate / (1 + np.exp(-gate)))
            p.tensor(f"ffn_gate_par-{i}", "MUL", [(f"ffn_silu-{i}", gate.shape), sources[1]], x[blk + "ffn_act"])
        else:
            p.tensor(f"ffn_swiglu-{i}", "SWIGLU", sources, x[blk + "ffn_act"])
        linear(f"ffn_out-{i}", blk + "ffn_down", (f"ffn_gate_par-{i}", gate.shape), x[blk + "ffn_out"])
        p.tensor(f"l_out-{i}", "ADD", [(f"ffn_out-{i}", shape), (f"ffn_inp-{i}", shape)], x[blk + "out"])
        stream = (f"l_out-{i}", shape)
    norm("result_norm", "output_norm.weight", stream, x["final_norm"])
    head = "output.weight" if model.weight("output.weight") is not None else "token_embd.weight"
    p.tensor("result_output", "MUL_MAT", [weight(head), ("result_norm", stream[1])], x["logits"])
    return "\n".join(p.lines) + "\n"
