#!/usr/bin/env python3
"""Models of real shapes with made-up weights, so that speed can be measured without a download.

    make_model.py tinyllama-1.1b Q4_K_M Q6_K F16 [--folder build/models]        prints the paths

What costs time is as in the real file: shape, types (the mixes of `assay quantize`), the number of tokens. The weights are
Gaussian, the tokens filler: what such a model says is nonsense. A file that is there is not made again.

One piece of Gaussian numbers serves all tensors: each is put together of parts of it that start anywhere, with either sign. So
weights repeat after some millions of values, which no kernel can see, and 2 GB are written in seconds.
"""

import argparse
import dataclasses
import math
import os
import pathlib
import subprocess
import sys

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass
class Shape:
    """As the published configuration of the model says."""

    architecture: str
    blocks: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    context: int
    rope_base: float
    epsilon: float
    pre_tokenizer: str = ""  # empty: SentencePiece
    tied: bool = True  # the output matrix is the embedding
    head_norms: bool = False
    rope_factors: bool = False
    experts: int = 0  # of feed_forward channels each; 0: none
    experts_used: int = 0


SHAPES = {
    # Trained for 2048 positions: given more here, so that decoding behind 2048 tokens can be measured.
    "tinyllama-1.1b": Shape("llama", 22, 2048, 5632, 32, 4, 64, 32000, 4096, 1e4, 1e-5, tied=False),
    "llama-3.2-1b": Shape("llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 5e5, 1e-5, "llama-bpe", rope_factors=True),
    "qwen3-0.6b": Shape("qwen3", 28, 1024, 3072, 16, 8, 128, 151936, 40960, 1e6, 1e-6, "qwen2", head_norms=True),
    "smollm2-135m": Shape("llama", 30, 576, 1536, 9, 3, 64, 49152, 8192, 1e5, 1e-5, "smollm"),
    # The size of Granite 3.0 1B A400M in the architecture of Qwen3's mixtures of experts.
    "moe-1b-a400m": Shape("qwen3moe", 24, 1024, 512, 16, 8, 64, 49152, 4096, 1e6, 1e-6, "qwen2", head_norms=True, experts=32,
                          experts_used=8),
    # For the test.
    "tiny": Shape("llama", 2, 256, 512, 4, 2, 64, 600, 512, 1e4, 1e-5, tied=False),
}


def tensors(shape):
    """(name, shape) in the order of the file; the widest index last."""
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    yield "token_embd.weight", (shape.vocabulary, shape.width)
    if shape.rope_factors:
        yield "rope_freqs.weight", (shape.head_width // 2,)
    for i in range(shape.blocks):
        block = f"blk.{i}."
        yield block + "attn_norm.weight", (shape.width,)
        yield block + "attn_q.weight", (queries, shape.width)
        yield block + "attn_k.weight", (keys, shape.width)
        yield block + "attn_v.weight", (keys, shape.width)
        yield block + "attn_output.weight", (shape.width, queries)
        if shape.head_norms:
            yield block + "attn_q_norm.weight", (shape.head_width,)
            yield block + "attn_k_norm.weight", (shape.head_width,)
        yield block + "ffn_norm.weight", (shape.width,)
        stack, suffix = ((shape.experts,), "_exps.weight") if shape.experts else ((), ".weight")
        if shape.experts:
            yield block + "ffn_gate_inp.weight", (shape.experts, shape.width)
        yield block + "ffn_gate" + suffix, (*stack, shape.feed_forward, shape.width)
        yield block + "ffn_up" + suffix, (*stack, shape.feed_forward, shape.width)
        yield block + "ffn_down" + suffix, (*stack, shape.width, shape.feed_forward)
    yield "output_norm.weight", (shape.width,)
    if not shape.tied:
        yield "output.weight", (shape.vocabulary, shape.width)


class Weights:
    """Gaussian float16, of standard deviation 1 / sqrt(row), so that values keep their size through the layers."""

    PIECE = 1 << 20

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.gaussian = self.random.standard_normal(4 * self.PIECE, dtype=np.float32)
        self.scaled = {}  # by length of a row

    def write(self, file, shape):
        rows, width = math.prod(shape[:-1]), shape[-1]
        if width not in self.scaled:
            self.scaled[width] = (self.gaussian / math.sqrt(width)).astype(np.float16).view(np.uint16)
        left = rows * width
        while left > 0:
            count = min(left, self.PIECE)
            start = self.random.integers(3 * self.PIECE)
            (self.scaled[width][start:start + count] ^ np.uint16(self.random.integers(2) << 15)).tofile(file)
            left -= count


def byte_characters():
    """GPT-2's printable character for every byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in kept else next(others)) for byte in range(256)]


def add_vocabulary(writer, shape):
    """All bytes, and filler that merges reach: as many tokens as the real one. The last two are BOS and EOS."""
    normal, unknown, control, byte = gguf.TokenType.NORMAL, gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.BYTE
    if shape.pre_tokenizer:
        characters = byte_characters()
        tokens, merges = list(characters), []
        for i in range(shape.vocabulary - 258):
            # All pairs of characters; then longer ones, each one character longer than an earlier token.
            first, last = tokens[i // 256], characters[i % 256]
            tokens.append(first + last)
            merges.append(f"{first} {last}")
        kinds = [normal] * len(tokens)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(shape.pre_tokenizer)
        writer.add_token_merges(merges)
    else:
        tokens = ["<unk>"] + [f"<0x{i:02X}>" for i in range(256)]
        kinds = [unknown] + [byte] * 256
        letters = [chr(i) for i in range(ord("a"), ord("z") + 1)] + ["\u2581"]
        tokens += letters
        first = len(tokens) - len(letters)
        for i in range(shape.vocabulary - 2 - len(tokens)):
            tokens.append(tokens[first + i // 27] + letters[i % 27])
        kinds += [normal] * (len(tokens) - len(kinds))
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([0.0] * first + [-float(i) for i in range(shape.vocabulary - first)])
    writer.add_token_list(tokens + ["<s>", "</s>"])
    writer.add_token_types(kinds + [control] * 2)
    writer.add_bos_token_id(shape.vocabulary - 2)
    writer.add_eos_token_id(shape.vocabulary - 1)
    writer.add_add_bos_token(True)


def add_hyper_parameters(writer, shape, name):
    writer.add_name(f"{name}, random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_block_count(shape.blocks)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.experts_used)
        writer.add_expert_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)


def write_f16(path, name, seed):
    shape, weights = SHAPES[name], Weights(seed)
    part = path.with_suffix(".part")
    writer = gguf.GGUFWriter(part, shape.architecture)
    add_hyper_parameters(writer, shape, name)
    add_vocabulary(writer, shape)
    for tensor, size in tensors(shape):
        kind = np.dtype(np.float16 if len(size) > 1 else np.float32)
        writer.add_tensor_info(tensor, size, kind, math.prod(size) * kind.itemsize)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    file = writer.fout[0]
    writer.write_padding(file, file.tell())
    for tensor, size in tensors(shape):
        if len(size) > 1:
            weights.write(file, size)
        elif tensor == "rope_freqs.weight":
            # Llama 3's slow-down of the low frequencies, coarsely: the file's factors cost what they cost.
            np.where(np.arange(size[0]) < size[0] // 2, 1, 32).astype(np.float32).tofile(file)
        else:
            np.ones(size, np.float32).tofile(file)
        writer.write_padding(file, file.tell())
    writer.close()
    os.rename(part, path)


def make(name, kind, folder, assay=ROOT / "build" / "assay", threads=0, seed=1):
    """-> the path of the model, made where it is not there."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path, f16 = folder / f"{name}.{kind}.gguf", folder / f"{name}.F16.gguf"
    if not f16.exists() and not path.exists():
        write_f16(f16, name, seed)
    if not path.exists():
        subprocess.run([assay, "quantize", f16, path, kind, "--threads", str(threads)], check=True, stdout=subprocess.DEVNULL)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("types", nargs="+", help="F16, Q8_0, Q4_K_M and whatever else `assay quantize` writes")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build" / "models")
    parser.add_argument("--assay", type=pathlib.Path, default=ROOT / "build" / "assay", help="the program that quantizes")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for kind in arguments.types:
        print(f"{arguments.shape} {kind}", file=sys.stderr)
        print(make(arguments.shape, kind.upper(), arguments.folder, arguments.assay, arguments.threads, arguments.seed))


if __name__ == "__main__":
    main()
