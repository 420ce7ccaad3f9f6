"""Unigram vocabularies: ids equal to PyPI `sentencepiece`, which trains them here, to llama.cpp and to PyPI `tokenizers`."""

import io
import unicodedata

import pytest
import sentencepiece
import tokenizers
from tokenizers import Regex, models, normalizers, pre_tokenizers

from tests.tokenizer import peers

COUNT = 600
VARIANTS = {
    "t5": {},
    "all_spaces": {"remove_extra_whitespaces": False},
    "no_prefix": {"add_dummy_prefix": False},
    "identity": {"normalization_rule_name": "identity", "remove_extra_whitespaces": False},
    "bytes": {"byte_fallback": True, "normalization_rule_name": "nfkc_cf"},
}


def texts(seed):
    odd = ["\ufb01ne ½ Ⅻ", "e\u0301 \uac00\u1100\u1161", "a\u00adb\u200bc\u0000d", "   ", " \u3000 x \u00a0 ", "▁ ▁▁x▁", "\x01\x02", "ｶﾞ㌔",
           "\u1e9b\u0323", "x\u2028y\tz\r\n", "\u0e33\u0e4d", "ΑΣ ΑΣΑ"]
    return odd + [text.replace("\x00", "") if index % 9 else text for index, text in enumerate(peers.fuzz_texts(COUNT, seed))]


def protobuf_fields(raw):
    """(number, value) of a message's fields; a value is an int or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(raw):
        key = varint()
        size = {0: 0, 1: 8, 5: 4}.get(key & 7)
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = varint() if size is None else size
        yield key >> 3, raw[at:at + size]
        at += size


@pytest.fixture(scope="module", name="trained", params=[*VARIANTS])
def fixture_trained(request, tmp_path_factory):
    """A small vocabulary of a variant: SentencePiece's processor, and our file."""
    raw = io.BytesIO()
    corpus = [line for text in peers.fuzz_texts(250, 21) for line in text.splitlines()] + peers.WORDS * 3
    options = VARIANTS[request.param]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=raw, model_type="unigram", vocab_size=2600, hard_vocab_limit=False,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, control_symbols=["<mark>"], user_defined_symbols=["<user>"],
        character_coverage=0.98, num_threads=1, minloglevel=2, **options)
    processor = sentencepiece.SentencePieceProcessor(model_proto=raw.getvalue())
    spec = dict(protobuf_fields(dict(protobuf_fields(raw.getvalue()))[3]))
    ids = range(processor.get_piece_size())

    def kind(token):
        if processor.is_unknown(token):
            return 2
        if processor.is_byte(token):
            return 6
        return 3 if processor.is_control(token) else 4 if processor.id_to_piece(token) == "<user>" else 1
    arrays = {"tokens": [processor.id_to_piece(token) for token in ids], "scores": [processor.get_score(token) for token in ids],
              "token_type": [kind(token) for token in ids]}
    if spec.get(2):
        arrays["precompiled_charsmap"] = bytes(spec[2])
    target = tmp_path_factory.mktemp("tokenizer") / f"{request.param}.gguf"
    peers.write_vocabulary(target, "t5", **arrays)
    flags = {"add_space_prefix": options.get("add_dummy_prefix", True),
             "remove_extra_whitespaces": options.get("remove_extra_whitespaces", True)}
    peers.with_pairs(target, target, [peers.bool_pair(f"tokenizer.ggml.{key}", flag) for key, flag in flags.items()])
    return request.param, processor, target, spec.get(2)


def test_sentencepiece(trained):
    _variant, processor, path, _map = trained
    some = [text for text in texts(22) if "<user>" not in text]
    answers = peers.encode(path, some)
    for text, answer in zip(some, answers, strict=True):
        theirs = processor.encode(text)
        if answer["ids"] != theirs:  # It adds scores in float32: a tie of two ways there is none here.
            gain = sum(map(processor.get_score, answer["ids"])) - sum(map(processor.get_score, theirs))
            assert -1e-9 < gain < 1e-4 and answer["ids"].count(2) == theirs.count(2), repr(text)
    assert sum(2 in answer["ids"] for answer in answers) > 50 or processor.is_byte(5)


def test_end_and_special_tokens(trained):
    _variant, processor, path, _map = trained
    user, mark = processor.piece_to_id("<user>"), processor.piece_to_id("<mark>")
    answer, = peers.encode(path, ["a <user> b<mark>"], add_special=True, parse_special=True)
    assert answer["ids"][-1] == 1 and answer["ids"][-2] == mark and user in answer["ids"]
    answer, = peers.encode(path, ["a"], add_special=True)
    assert answer["ids"] == [*processor.encode("a"), 1]


def test_hugging_face(trained):
    """Its normalisation works by whole graphemes, SentencePiece's by the longest match: texts without marks show no
    difference."""
    variant, _processor, path, charsmap = trained
    if variant != "t5":
        pytest.skip("only T5's own settings have a form in tokenizer.json")
    tokenizer = tokenizers.Tokenizer(models.Unigram(list(zip(peers.field(path, "tokens"), peers.field(path, "scores"), strict=True)), 2))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Strip(),
                                                 normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    some = [text for text in texts(24) if not any(unicodedata.category(c)[0] in "MC" for c in unicodedata.normalize("NFKD", text))]
    assert len(some) > 100
    for text, answer in zip(some, peers.encode(path, some), strict=True):
        assert answer["ids"] == tokenizer.encode(text, add_special_tokens=False).ids, repr(text)


def test_llama_cpp(trained, tmp_path):
    variant, _processor, path, _map = trained
    if variant in {"bytes", "no_prefix"}:
        pytest.skip("llama.cpp makes no byte tokens of a \"t5\" vocabulary, and always puts the first space that it merges")
    full = peers.with_tiny_model(path, tmp_path / "full.gguf")
    _model, vocab = peers.llama_cpp(full)
    # It puts no prefix before spaces alone.
    some = [text for text in texts(23) if "\x00" not in text and any(c.isprintable() and not c.isspace() for c in text)]
    for text, answer in zip(some, peers.encode(path, some, add_special=True, parse_special=True), strict=True):
        assert answer["ids"] == list(vocab.tokenize(text, True, True)), repr(text)
    assert [bytes.fromhex(piece).decode(errors="replace") for piece in peers.ask(path, [{"describe": True}])[0]["pieces"]] == [
        vocab.token_to_piece(token, 0, True) for token in range(len(peers.field(path, "tokens")))]
