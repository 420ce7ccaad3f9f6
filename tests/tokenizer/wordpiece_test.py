"""WordPiece vocabularies: ids and texts equal to PyPI `tokenizers`, which trains them here, and to llama.cpp where it reads as
BERT does."""

import re
import unicodedata

import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from tests.tokenizer import peers

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VARIANTS = {"uncased": (True, None), "cased": (False, None), "lower_accents": (True, False), "bare": (False, True)}


def texts(seed):
    odd = ["a" * 100, "a" * 101, "İstanbul ıI ΑΣ", "\uac01 \u1ec7 \u0344 \u212b", "a\u00adb\u200bc\x00\ufffdd\x0b\x85e\x1cf", "x~`$^|+y", "你好a！b",
           "\U0002b820\U0002b920", "\u0958 \ufb1d \u1e9b\u0323", "it 's , done . ok ?", "[MASK] [SEP]", "##a ▁", "don't U.S.A. 3.14"]
    return odd + peers.fuzz_texts(600, seed)


@pytest.fixture(scope="module", name="trained", params=[*VARIANTS])
def fixture_trained(request, tmp_path_factory):
    """A small vocabulary of a variant: Hugging Face's tokenizer, and our file."""
    lowercase, strip_accents = VARIANTS[request.param]
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=3000, limit_alphabet=900, show_progress=False, special_tokens=SPECIAL)
    # Of "##\u2581a" and "a" the file would make the same token.
    tokenizer.train_from_iterator([text for text in peers.fuzz_texts(400, 31) + peers.WORDS * 5 if "\u2581" not in text], trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    vocabulary = tokenizer.get_vocab()

    def stored(text):
        return text if text in SPECIAL else text[2:] if text.startswith("##") else "\u2581" + text
    tokens = [stored(text) for text in sorted(vocabulary, key=vocabulary.get)]
    target = tmp_path_factory.mktemp("tokenizer") / f"{request.param}.gguf"
    peers.write_vocabulary(target, "bert", tokens=tokens, token_type=[3] * 5 + [1] * (len(tokens) - 5))
    ids = {"bos": 2, "seperator": 3, "unknown": 1, "padding": 0, "mask": 4}
    pairs = [peers.uint32_pair(f"tokenizer.ggml.{name}_token_id", token) for name, token in ids.items()]
    flags = {"lowercase": lowercase, "strip_accents": strip_accents}
    pairs += [peers.bool_pair(f"tokenizer.ggml.normalizer.{name}", flag) for name, flag in flags.items() if flag is not None]
    return request.param, tokenizer, peers.with_pairs(target, target, pairs)


def test_hugging_face(trained):
    _variant, tokenizer, path = trained
    some = texts(32)
    answers = peers.encode(path, some, add_special=True, parse_special=True)
    for text, answer in zip(some, answers, strict=True):
        theirs = tokenizer.encode(text).ids
        assert answer["ids"] == theirs, (repr(text), [tokenizer.id_to_token(t) for t in answer["ids"]], tokenizer.encode(text).tokens)
        assert bytes.fromhex(answer["decoded"]).decode() == tokenizer.decode(theirs, skip_special_tokens=False), repr(text)
    assert sum(1 in answer["ids"] for answer in answers) > 100


def test_plain_text(trained):
    """Without special tokens "[SEP]" is a word between brackets, and ill-formed bytes vanish."""
    _variant, tokenizer, path = trained
    plain, ill_formed = peers.encode(path, ["[SEP]", b"a\xff\xe4\xbdb"])
    assert plain["ids"] == tokenizer.encode("[ SEP ]", add_special_tokens=False).ids
    assert ill_formed["ids"] == tokenizer.encode("ab", add_special_tokens=False).ids


def test_llama_cpp(trained, tmp_path):
    variant, _tokenizer, path = trained
    if variant != "uncased":
        pytest.skip("this llama.cpp reads no normalizer's metadata: it always lowers and strips")
    _model, vocab = peers.llama_cpp(peers.with_tiny_model(path, tmp_path / "full.gguf"))

    def differs(text):
        """Whether llama.cpp reads it otherwise: accents that stand alone, Hangul, controls that are spaces, long words."""
        return (re.search("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x85\\u2581]|a{100}", text)
                or any(unicodedata.category(c) == "Mn" or "\uac00" <= c <= "\ud7a3" for c in text))
    some = [text for text in texts(33) if not differs(text)]
    assert len(some) > 150
    for text, answer in zip(some, peers.encode(path, some, add_special=True, parse_special=True), strict=True):
        assert answer["ids"] == list(vocab.tokenize(text, True, True)), repr(text)
