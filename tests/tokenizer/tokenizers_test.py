"""Ids equal to those of the PyPI package `tokenizers`, which shares no code with llama.cpp."""

import json

import pytest
import tokenizers
from tokenizers import Regex, models, normalizers, pre_tokenizers

from tests.tokenizer import peers

COUNT = 4000


def byte_level(path, *before):
    """The byte-level tokenizer of a GGUF file: `before` cut the text first, then GPT-2's expression (unless None ends them)."""
    vocabulary = {text: token for token, text in enumerate(peers.field(path, "tokens"))}
    merges = [tuple(merge.split(" ")) for merge in peers.field(path, "merges")]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    gpt2_expression = not before or before[-1] is not None
    steps = [step for step in before if step is not None]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*steps, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=gpt2_expression)])
    return tokenizer


def compare(path, tokenizer, texts):
    answers = peers.encode(path, texts)
    differing = [(text, answer["ids"], theirs.ids) for text, answer, theirs
                 in zip(texts, answers, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True)
                 if answer["ids"] != theirs.ids]
    assert not differing, f"{len(differing)} of {len(texts)} differ, the first: {differing[0]}"


def test_smollm2():
    path = peers.smollm2()
    compare(path, byte_level(path, pre_tokenizers.Digits(individual_digits=True)), peers.fuzz_texts(COUNT, 3))


def test_gpt2():
    path = peers.vocabulary("gpt-2")
    compare(path, byte_level(path), peers.fuzz_texts(COUNT, 4))


# Of its tokenizer.json; digits stand alone behind them.
DEEPSEEK_LETTERS = ("[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕ"
                    "Ἐ-Ἕἠ-ὅὈ-Ὅὐ-ὗ\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc"
                    "\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115"
                    "\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183"
                    "\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f"
                    "\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
                    "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2"
                    "\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943]+")
DEEPSEEK_LLM = ["[\r\n]", r"\s?" + DEEPSEEK_LETTERS,
                "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                r"\s+$", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"]


def test_deepseek_llm():
    """With the splits of its tokenizer.json; user-defined tokens are letters that stand for bytes, so none in the texts."""
    path = peers.vocabulary("deepseek-llm")
    added = [text for text, kind in zip(peers.field(path, "tokens"), peers.field(path, "token_type"), strict=True)
             if kind == 4]
    before = [pre_tokenizers.Split(Regex(split), "isolated") for split in DEEPSEEK_LLM]
    tokenizer = byte_level(path, *before, pre_tokenizers.Digits(individual_digits=True), None)
    texts = [text for text in peers.fuzz_texts(1000, 5) if not any(letter in text for letter in added)]
    assert sum("\u3000" in text for text in texts) > 5
    compare(path, tokenizer, texts)


def sentencepiece(path):
    """A SentencePiece vocabulary as merges: every pair of tokens that makes a token, by the score of what it makes."""
    tokens, scores = peers.field(path, "tokens"), peers.field(path, "scores")
    plain = {text for text, kind in zip(tokens, peers.field(path, "token_type"), strict=True) if kind == 1}
    pairs = [(-scores[token], text[:cut], text[cut:]) for token, text in enumerate(tokens) if text in plain
             for cut in range(1, len(text)) if text[:cut] in plain and text[cut:] in plain]
    merges = [(left, right) for _score, left, right in sorted(pairs, key=lambda pair: pair[0])]
    vocabulary = {text: token for token, text in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return tokenizer


@pytest.mark.parametrize("name", ["kingjames", "llama-spm"])
def test_sentencepiece(name):
    path = peers.vocabulary(name)
    compare(path, sentencepiece(path), peers.fuzz_texts(COUNT, 6))


def test_tinystories(tmp_path):
    """Its GGUF files lost the order of the merges (all scores are equal), so the scores here are made from tokenizer.json."""
    folder = peers.data("models", "tinystories-656k")
    published = json.loads((folder / "tokenizer.json").read_text())
    made_by = {}
    for rank, merge in enumerate(published["model"]["merges"]):
        made_by.setdefault("".join(merge.split(" ") if isinstance(merge, str) else merge), rank)
    tokens = sorted(published["model"]["vocab"], key=published["model"]["vocab"].get)
    path = peers.write_vocabulary(
        tmp_path / "tinystories.gguf", model="llama", tokens=tokens,
        scores=[float(-made_by.get(text, 10**6)) for text in tokens], token_type=[2, 3, 3] + [1] * (len(tokens) - 3))
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    words = peers.data("text", "tinyshakespeare.txt").read_text().split("\n")
    compare(path, tokenizer, [line for line in words[:COUNT] if line] + peers.fuzz_texts(1000, 7))


@pytest.mark.parametrize("name", ["gpt-2", "deepseek-llm", "llama-spm", "kingjames", "stories260k"])
def test_round_trip(name):
    """Decoding gives the bytes back, and the stream gives the same text in well-formed chunks."""
    path = peers.vocabulary(name)
    sentencepiece_model = peers.field(path, "model") == "llama"
    texts = [text.encode() for text in peers.fuzz_texts(1000, 8, ["</s>", "<|endoftext|>"])]
    if sentencepiece_model:  # it cannot tell U+2581 from a space
        texts = [text for text in texts if "\u2581".encode() not in text]
    if name != "deepseek-llm":  # which has no token for bytes that UTF-8 never has
        texts += [b"ab\xff\xfe cd", b"\xe4\xbd", b"x\xf0\x9f\x98", b"\xed\xa0\x80\xc0\x80"]
    for text, answer in zip(texts, peers.encode(path, texts, parse_special=True), strict=True):
        assert bytes.fromhex(answer["decoded"]) == text
        streamed = "".join(bytes.fromhex(chunk).decode() for chunk in answer["streamed"])  # every chunk is UTF-8
        if text == text.decode(errors="ignore").encode() and b"<" not in text:
            prefix = " " if text and sentencepiece_model else ""
            assert streamed == prefix + text.decode()
