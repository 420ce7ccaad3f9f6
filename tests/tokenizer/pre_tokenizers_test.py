"""Every pre-tokenizer against PyPI `tokenizers`, piece by piece, and against llama.cpp, whose ids show where it cuts."""

import json
import re
import unicodedata

import pytest
import tokenizers
from tokenizers import Regex, models, normalizers, pre_tokenizers, trainers

from tests.tokenizer import peers

COUNT = 500

# The expressions as tokenizer.json of the models have them.
CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT4_END = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + GPT4_END
QWEN2 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + GPT4_END
CASED = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s")
CASED_END = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = CASED % (CONTRACTION + "?", CONTRACTION + "?") + r"|\p{N}{1,3}" + CASED_END
NOT_HAN = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
KIMI = (r"[\p{Han}]+" + fr"|[^\r\n\p{{L}}\p{{N}}]?{NOT_HAN[0]}*{NOT_HAN[1]}+{CONTRACTION}?"
        + fr"|[^\r\n\p{{L}}\p{{N}}]?{NOT_HAN[0]}+{NOT_HAN[1]}*{CONTRACTION}?" + r"|\p{N}{1,3}" + GPT4_END)
DEEPSEEK3 = (r"""[!"#$%%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
             r"| ?[\p{P}\p{S}]+%s|%s|\s+(?!\S)|\s+")
DEEPSEEK3_LINES = DEEPSEEK3 % (r"[\r\n]*", r"\s*[\r\n]+")
KANA = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"
DIGITS = pre_tokenizers.Digits(individual_digits=True)
AFMOE_SCRIPTS = ("[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f"
                 "\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+")
YOUTU_SCRIPTS = ("[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f"
                 "\ufe30-\ufe4f]+|[\u3105-\u312f]+|" + KANA)

PUBLISHED = {
    "gpt-2": [GPT2],
    "llama-bpe": [LLAMA3],
    "dbrx": [LLAMA3],
    "smollm": [DIGITS, GPT2],
    "qwen2": [QWEN2],
    "qwen35": [CONTRACTION + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "k2-horizon": [CONTRACTION + "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}|\\p{M}|\u200c|\u200d)+|\\p{N}{1,3}" + GPT4_END],
    "laguna": [r"[^\n]+|[\n]+", QWEN2],
    "minicpm5": [r"\p{N}{1,3}", QWEN2.replace(r"\p{N}| ?", r"\p{N}+| ?")],
    "ufakzeka": [r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + GPT4_END],
    "seed-coder": [CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "bailingmoe": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
                   r"|\s+(?!\S)|\s+"],
    "exaone-moe": [CONTRACTION + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?"
                   r"|\s*[\r\n]|\s+(?!\S)|\s+"],
    "jais-2": [LLAMA3.replace(r"\s+(?!\S)|\s+", "") + "|".join(fr"\s{{{n}}}(?!\S)" for n in [512, 256, 128, 64, 32, 16, 8, 4])
               + r"|\s{1,2}(?!\S)|\s{1}"],
    "gpt-4o": [GPT4O],
    "granite-embed-multi-97m": [GPT4O],
    "tiny_aya": [r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O],
    "tekken": [CASED % ("", "") + r"|\p{N}" + CASED_END],
    "youtu": [YOUTU_SCRIPTS, CASED % (CONTRACTION + "?", CONTRACTION + "?") + r"|\p{N}" + CASED_END],
    "kimi-k2": [KIMI],
    "falcon": [pre_tokenizers.Punctuation("contiguous"), GPT2, "[0-9][0-9][0-9]"],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", DIGITS],
    "deepseek-v3": [r"\p{N}{1,3}", KANA, DEEPSEEK3_LINES],
    "spark2_5": [r"\p{N}{1,3}", KANA, DEEPSEEK3 % ("", r"[\r\n]"), r"\p{N}"],
    "afmoe": [r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", AFMOE_SCRIPTS, DEEPSEEK3_LINES],
    "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
    "poro-chat": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
    "chameleon": ["<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\t\n]|    |  )", DIGITS,
                  pre_tokenizers.Punctuation("isolated"), GPT2],
    "gemma4": [r"[^\n]+|[\n]+"],
    "sarvam-moe": [r"[^\n]+|[\n]+"],
}
TRICKY = ["'ſ x'ſ It'S", "12345678901", "1234\u0301 1234a 1234_ 12 345", "١٢٣٤٥٦٧", "漢ー〇２〇ABc漢字々Ab", "漢字  漢", "ABcＡb\u0301C'Ll",
          "IMGIMGABCZ <sentinel:12>", "  \u3000\u3000x", "a\u200db\u200c", "Ǆǅǆ ʰʱA", "1Ⓐ 1ⅷ 1²", " " * 700 + "x", "..\r\n\r\n//\n", "。、x」"]


def texts():
    return TRICKY + peers.fuzz_texts(COUNT, 11)


def ask_pieces(name, some):
    request = {"split": [text.encode().hex() for text in some], "pre": name}
    answer, = peers.ask(peers.vocabulary("kingjames"), [request])
    return [[bytes.fromhex(piece).decode() for piece in pieces] for pieces in answer]


@pytest.mark.parametrize("name", PUBLISHED)
def test_pieces(name):
    steps = [pre_tokenizers.Split(Regex(step), "isolated") if isinstance(step, str) else step for step in PUBLISHED[name]]
    published = pre_tokenizers.Sequence(steps)
    for text, pieces in zip(texts(), ask_pieces(name, texts()), strict=True):
        assert pieces == [piece for piece, _place in published.pre_tokenize_str(text)], repr(text)


def test_none_is_forgotten():
    names, = peers.ask(peers.vocabulary("kingjames"), [{"names": True}])
    # "default" is llama.cpp's own; tokenizers_test.py has "deepseek-llm".
    assert set(names) == {*PUBLISHED, "default", "deepseek-llm"}


def tokens_and_merges(tokenizer):
    model = json.loads(tokenizer.to_str())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return sorted(model["vocab"], key=model["vocab"].get), merges


@pytest.fixture(scope="module", name="small")
def fixture_small(tmp_path_factory):
    """A byte-level vocabulary whose merges cross every border that a pre-tokenizer can draw."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=3000, initial_alphabet=alphabet, show_progress=False, special_tokens=["<s>"])
    tokenizer.train_from_iterator(peers.fuzz_texts(400, 12) + peers.WORDS * 5 + ["12345 6789 "] * 9, trainer)
    tokens, merges = tokens_and_merges(tokenizer)
    target = tmp_path_factory.mktemp("tokenizer") / "small.gguf"
    peers.write_vocabulary(target, "gpt2", tokens=tokens, merges=merges, token_type=[3] + [1] * (len(tokens) - 1))
    peers.with_tiny_model(target, target)
    return peers.with_pairs(target, target, [peers.uint32_pair("tokenizer.ggml.bos_token_id", 0)])


def category(initials, beyond_ascii=True):
    """A test whether a text has a character of these categories of Unicode."""
    return lambda text: any((c > "\x7f" or not beyond_ascii) and unicodedata.category(c).startswith(initials) for c in text)


has_cased_or_marks = category(("Lu", "Ll", "Lt", "M"))
has_numbers = category("N")
# What llama.cpp reads otherwise than the published expression, so that texts with it are left out.
OTHERWISE = {
    **dict.fromkeys(["tekken", "gpt-4o", "llama4", "youtu"], has_cased_or_marks),
    # It groups digits that a word goes on with.
    "tiny_aya": lambda text: has_cased_or_marks(text) or has_numbers(text) or re.search(r"[0-9][^\W0-9]", text),
    # It knows no Chinese characters but ideographs.
    "kimi-k2": lambda text: has_cased_or_marks(text) or re.search("[\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b]", text),
    # A space beyond ASCII is any space and never the member of a class.
    "deepseek-coder": category("Z"),
    # What stands before a number is not cut from its first group, and one class begins at U+8C48 where U+F900 is meant,
    # a character that looks the same.
    "afmoe": lambda text: re.search("\\s\\s\\d|[\ua000-\ua9df\uaa00-\uabff]", text),
    "superbpe": has_numbers,
}
UNKNOWN_TO_CYLLAMA = {"k2-horizon", "laguna", "minicpm5", "ufakzeka", "granite-embed-multi-97m", "spark2_5"}
NAMES = ["", "default", "gpt-2", "llama-bpe", "llama3", "dbrx", "smollm", "command-r", "qwen2", "stablelm2", "falcon", "starcoder",
         "refact", "chatglm-bpe", "glm4", "tekken", "gpt-4o", "llama4"]


@pytest.mark.parametrize("pre", [*NAMES, *[name for name in PUBLISHED if name not in NAMES and name not in UNKNOWN_TO_CYLLAMA]])
def test_llama_cpp(pre, small, tmp_path):
    path = peers.with_pairs(small, tmp_path / "small.gguf", [peers.string_pair("tokenizer.ggml.pre", pre)] if pre else [])
    _model, vocab = peers.llama_cpp(path)
    some = texts()[:300]
    otherwise = OTHERWISE.get(pre, lambda _text: False)
    some = [text for text in some if "'ſ" not in text and not otherwise(text)]
    assert len(some) > 50
    answers = peers.encode(path, some, add_special=True)
    diff = [(text, answer["ids"], theirs) for text, answer in zip(some, answers, strict=True)
            if answer["ids"] != (theirs := list(vocab.tokenize(text, True, False)))]
    assert not diff, f"{len(diff)} of {len(some)} differ: {diff[0]}"


def test_plain_utf8(tmp_path):
    """Merges of characters, spaces as U+2581, and bytes for what no token spells: "gemma4" against both."""
    tokenizer = tokenizers.Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\n]+|\n+"), "isolated")
    special = ["<bos>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=2000, limit_alphabet=400, show_progress=False, special_tokens=special)
    tokenizer.train_from_iterator([text for text in peers.fuzz_texts(300, 13) if "<0x" not in text], trainer)
    tokens, merges = tokens_and_merges(tokenizer)
    target = tmp_path / "raw.gguf"
    kinds = [3] + [6] * 256 + [1] * (len(tokens) - 257)
    peers.write_vocabulary(target, "gemma4", tokens=tokens, merges=merges, token_type=kinds)
    peers.with_tiny_model(target, target)
    peers.with_pairs(target, target, [peers.uint32_pair("tokenizer.ggml.bos_token_id", 0)])
    _model, vocab = peers.llama_cpp(target)
    some = [text for text in peers.fuzz_texts(300, 14) if "<0x0A>" not in text]
    for text, answer in zip(some, peers.encode(target, some), strict=True):
        assert answer["ids"] == list(vocab.tokenize(text, False, False)) == tokenizer.encode(text, add_special_tokens=False).ids
        assert bytes.fromhex(answer["decoded"]).decode() == text.replace("\u2581", " ")
    assert peers.encode(target, ["a"], add_special=True)[0]["ids"][0] == 0
