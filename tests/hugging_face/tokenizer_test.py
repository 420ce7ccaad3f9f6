"""The tokenizers of converted folders: ids are those of the PyPI packages that the folder's files are for."""

import io
import json
import os
import subprocess
import unicodedata

import numpy as np
import pytest
import sentencepiece
import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tests.foreign import hugging_face, tiny
from tests.tokenizer import peers
from tests.tokenizer.pre_tokenizers_test import DIGITS, PUBLISHED
from tests.tokenizer.tokenizers_test import DEEPSEEK_LLM
from tests.tokenizer.unigram_test import protobuf_fields

ASSAY = os.environ["ASSAY_BINARY"]
TEXT = [f"{word} {other}\n" for word in peers.WORDS for other in peers.WORDS[::3]]
ROWS = 700

# As the tokenizer.json of released models have them: GPT-2's of OLMo, Qwen 2's, Llama 3's, Mistral NeMo's, GPT-4o's.
CONTRACTION, END = "(?i:'s|'t|'re|'ve|'m|'ll|'d)", r"\s*[\r\n]+|\s+(?!\S)|\s+"
CASED = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*")
SPLITS = {
    "qwen2": CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + END,
    "llama-bpe": CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + END,
    "tekken": f"{CASED[0]}|{CASED[1]}|" + r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + END,
    "gpt-4o": f"{CASED[0]}{CONTRACTION}?|{CASED[1]}{CONTRACTION}?|" + r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + END,
}


def pre_tokenizer(name):
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name == "gpt-2":
        return whole
    if name == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), whole])
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLITS[name]), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_level(name):
    """A small byte-level BPE, trained here."""
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=name in ("llama-bpe", "tekken")))
    tokenizer.pre_tokenizer = pre_tokenizer(name)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                                  special_tokens=["<|begin|>", "<|end|>"])
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.add_tokens(["<tool>", "  \t"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<|begin|> $A", pair="$A $B",
                                                             special_tokens=[("<|begin|>", 0)])
    return tokenizer


def convert(folder, *arguments, exit=0):
    output = folder.parent / "out.gguf"
    done = subprocess.run([ASSAY, "convert", folder, output, *arguments], capture_output=True, text=True)
    assert done.returncode == exit, done.stderr
    return output if exit == 0 else done.stderr


@pytest.fixture
def folder(tmp_path):
    model = tiny.make(tmp_path, f"--vocabulary {ROWS} --width 32 --heads 2 --kv-heads 1 --feed-forward 32 --blocks 1 --tied")
    return hugging_face.write_folder(tmp_path / "folder", model)


def assert_never_crashes(folder, names, count):
    """Files with some bytes changed or cut off are read or refused."""
    random = np.random.default_rng(7)
    for name in names:
        whole = (folder / name).read_bytes()
        for _ in range(count):
            damaged = bytearray(whole[:random.integers(1, len(whole))] if random.random() < 0.2 else whole)
            for at in random.integers(len(damaged), size=random.integers(1, 4)):
                damaged[at] = random.choice(list(b"\"{}[],:01 \xff") + [damaged[at] ^ 1])
            (folder / name).write_bytes(damaged)
            done = subprocess.run([ASSAY, "convert", folder, folder.parent / "damaged.gguf"], capture_output=True)
            assert done.returncode in (0, 2), (name, done.returncode, done.stderr)
        (folder / name).write_bytes(whole)


def assert_same_ids(path, texts, encode, **options):
    for text, answer in zip(texts, peers.encode(path, texts, **options), strict=True):
        assert answer["ids"] == encode(text), text


@pytest.mark.parametrize("name", ["gpt-2", "smollm", *SPLITS])
def test_byte_level(name, folder):
    tokenizer = byte_level(name)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": "<|begin|>", "eos_token": "<|end|>",
        "chat_template": [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]}))
    added = tokenizer.token_to_id("<tool>")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, added]}))
    path = convert(folder)
    texts = peers.fuzz_texts(300, 11, ["<|end|>", "<tool>", "  \t"])
    assert_same_ids(path, texts, lambda text: tokenizer.encode(text).ids, add_special=True, parse_special=True)
    metadata = {key: value for key, (value, _) in peers.metadata(path).items()}
    assert metadata["tokenizer.ggml.pre"] == name
    kinds = metadata["tokenizer.ggml.token_type"]
    assert kinds == [3, 3] + [1] * (added - 2) + [4, 4] + [5] * (ROWS - added - 2)
    assert metadata["tokenizer.ggml.tokens"][ROWS - 1] == f"[PAD{ROWS - 1}]"
    assert metadata["tokenizer.chat_template"] == "D" and metadata["tokenizer.chat_template.tools"] == "T"
    ids = [metadata[f"tokenizer.ggml.{role}_token_id"] for role in ("bos", "eos", "eot")]
    assert ids == [0, 1, added] and metadata["tokenizer.ggml.add_bos_token"]


# Classes inside classes, and \\b with marks, mean something else in other engines than Onigmo. gemma4 and sarvam-moe are of
# vocabularies without a byte alphabet. All these ask for --pre.
NOT_RECOGNISED = {"kimi-k2", "poro-chat", "viking", "tiny_aya", "gemma4", "sarvam-moe"}
# They always cut alike.
SAME = {"bailingmoe": "qwen2"}


EXPRESSIONS = PUBLISHED | {"deepseek-llm": [*DEEPSEEK_LLM, DIGITS]}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_published_expressions_are_recognised(name, folder):
    """However they are spelled."""
    tokenizer = byte_level("gpt-2")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        *(pre_tokenizers.Split(Regex(step), "isolated") if isinstance(step, str) else step for step in EXPRESSIONS[name]),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    document = json.loads(tokenizer.to_str())
    document["model"]["ignore_merges"] = name in ("llama-bpe", "tekken", "granite-embed-multi-97m")
    (folder / "tokenizer.json").write_text(json.dumps(document))
    if name in NOT_RECOGNISED:
        assert "is none of those" in convert(folder, exit=2)
    else:
        assert peers.field(convert(folder), "pre") == SAME.get(name, name)


@pytest.mark.parametrize("pattern", ["(((", "(a+)+$|(?:x?){60}(?:(?:\\s*)*)*!", "a{9999}{9999}", "\\C+", "(?<=\\K.)x"])
def test_expressions_of_strangers(pattern, folder):
    tokenizer = json.loads(byte_level("qwen2").to_str())
    tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = pattern
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "is none of those" in convert(folder, exit=2)


def test_an_unknown_pre_tokenizer(folder):
    tokenizer = byte_level("gpt-2")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex("[0-9]{7}"), "isolated"),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.save(str(folder / "tokenizer.json"))
    message = convert(folder, exit=2)
    assert "pre_tokenizer is none of those" in message and "--pre NAME" in message and "llama-bpe" in message
    assert peers.field(convert(folder, "--pre", "qwen2"), "pre") == "qwen2"


def test_sentencepiece(folder):
    """Scores of tokenizer.model, which the package wrote; tokenizer.json knows only that there are bytes."""
    model = folder / "tokenizer"
    corpus = folder.parent / "corpus.txt"
    corpus.write_text("".join(TEXT))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(model), model_type="bpe", vocab_size=650, byte_fallback=True,
        hard_vocab_limit=False, normalization_rule_name="identity", remove_extra_whitespaces=False,
        character_coverage=0.98, num_threads=1, minloglevel=2)
    judge = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    document = json.loads((folder / "tokenizer.json").read_text())
    document["model"] |= {"vocab": {}, "merges": []}
    (folder / "tokenizer.json").write_text(json.dumps(document))
    path = convert(folder)
    texts = [text for text in peers.fuzz_texts(300, 12) if text]
    assert_same_ids(path, texts, judge.encode)
    assert peers.field(path, "scores")[3:judge.vocab_size()] == [judge.get_score(i) for i in range(3, judge.vocab_size())]

    assert_never_crashes(folder, ["tokenizer.model"], 20)
    whole = (folder / "tokenizer.model").read_bytes()
    (folder / "tokenizer.model").write_bytes(whole[:1000])
    assert "tokenizer.model: what ends at byte offset" in convert(folder, exit=2)
    (folder / "tokenizer.model").write_bytes(b"\xff" * 30)
    assert "a number of more than 64 bits" in convert(folder, exit=2)


def spaced(texts):
    """Those that Hugging Face normalises as SentencePiece does: it goes by whole graphemes, so none with marks."""
    return [text for text in texts
            if text and not any(unicodedata.category(c)[0] in "MC" for c in unicodedata.normalize("NFKD", text))]


@pytest.mark.parametrize("has_bytes", [False, True])
def test_unigram(has_bytes, folder):
    """As transformers makes a tokenizer.json of SentencePiece's file."""
    raw = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT + peers.WORDS * 9), model_writer=raw, model_type="unigram", vocab_size=ROWS - 10,
        hard_vocab_limit=False, byte_fallback=has_bytes, character_coverage=0.98, num_threads=1, minloglevel=2,
        normalization_rule_name="identity" if has_bytes else "nmt_nfkc", remove_extra_whitespaces=not has_bytes)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=raw.getvalue())
    vocabulary = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(pieces.get_piece_size())]
    tokenizer = tokenizers.Tokenizer(models.Unigram(vocabulary, 0, has_bytes))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    if not has_bytes:
        charsmap = dict(protobuf_fields(dict(protobuf_fields(raw.getvalue()))[3]))[2]
        tokenizer.normalizer = normalizers.Sequence([
            normalizers.Precompiled(charsmap), normalizers.Strip(left=False), normalizers.Replace(Regex(" {2,}"), "▁")])
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.pre_tokenizer = metaspace if has_bytes else pre_tokenizers.Sequence([metaspace])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
    path = convert(folder)
    # Metaspace puts no space before one that is there; SentencePiece does, and GGUF's engines.
    texts = [text for text in spaced(peers.fuzz_texts(400, 13)) if not has_bytes or text[0] not in " ▁"]
    assert len(texts) > 60
    assert_same_ids(path, texts, lambda text: tokenizer.encode(text).ids, add_special=True, parse_special=False)
    assert peers.field(path, "model") == "t5" and not peers.field(path, "add_eos_token")
    assert peers.field(path, "unknown_token_id") == 0
    assert peers.field(path, "token_type")[:3] == [2, 3, 3] and (6 in peers.field(path, "token_type")) == has_bytes

    document = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(document | {"normalizer": {"type": "Lowercase"}}))
    assert "normalizer is or has a Lowercase" in convert(folder, exit=2)
    document["model"]["vocab"] += [["x", 0.5]] * ROWS
    (folder / "tokenizer.json").write_text(json.dumps(document))
    assert f"the embedding has {ROWS} rows" in convert(folder, exit=2)


@pytest.mark.parametrize("lowercase", [False, True])
def test_wordpiece(lowercase, folder):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=ROWS, limit_alphabet=150, show_progress=False, special_tokens=special)
    tokenizer.train_from_iterator([text for text in TEXT if "\u2581" not in text], trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"sep_token": "[SEP]", "unk_token": "[UNK]", "cls_token": "[CLS]"}))
    path = convert(folder)
    # Punctuation since Unicode 14, which their tables are older than.
    texts = [text for text in peers.fuzz_texts(300, 14) if "\u061d" not in text]
    answers = [tokenizer.encode(text).ids for text in texts]
    assert sum(1 not in ids for ids in answers) > 30
    assert_same_ids(path, texts, lambda text: tokenizer.encode(text).ids, add_special=True, parse_special=True)
    document = json.loads((folder / "tokenizer.json").read_text())
    document["normalizer"]["handle_chinese_chars"] = False
    (folder / "tokenizer.json").write_text(json.dumps(document))
    assert "does not read as BERT does" in convert(folder, exit=2)


def test_damaged_files(folder):
    byte_level("qwen2").save(str(folder / "tokenizer.json"))
    assert_never_crashes(folder, ["config.json", "tokenizer.json", "tokenizer_config.json"], 20)


def test_tinystories():
    """A published tokenizer.json, asked through the folder itself."""
    folder = peers.data("models", "tinystories-656k")
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = "".join(peers.data("text", "tinyshakespeare.txt").read_text().split("\n\n", 40)[:40])
    done = subprocess.run([ASSAY, "tokenize", folder, "--json", "-p", text], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["ids"] == tokenizer.encode(text).ids
