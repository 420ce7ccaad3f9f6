"""Ids, pieces and special tokens equal to llama.cpp's, on fuzzed Unicode text."""

import pytest

from tests.tokenizer import peers

COUNT = 1500


def described(path):
    return peers.ask(path, [{"describe": True}])[0]


def special_texts(answer):
    """Texts of a few control tokens, to strew into the fuzz."""
    return [bytes.fromhex(answer["pieces"][token]).decode() for token in answer["control"][:20]]


def compare(path, vocab, texts, add_special, parse_special):
    ours = [answer["ids"] for answer in peers.encode(path, texts, add_special, parse_special)]
    differing = [(text, mine, theirs) for text, mine in zip(texts, ours, strict=True)
                 if mine != (theirs := list(vocab.tokenize(text, add_special, parse_special)))]
    assert not differing, f"{len(differing)} of {len(texts)} differ, the first: {differing[0]}"


@pytest.mark.parametrize("name", [*peers.VOCABULARIES, "smollm2", "kingjames", "stories260k"])
def test_vocabulary(name, tmp_path):
    path = peers.vocabulary(name)
    full = peers.with_tiny_model(path, tmp_path / "tiny.gguf") if name in peers.VOCABULARIES else path
    _model, vocab = peers.llama_cpp(full)
    answer = described(path)
    count = len(answer["pieces"])

    assert answer["adds_bos"] == vocab.get_add_bos()
    assert answer["adds_eos"] == vocab.get_add_eos()
    assert answer["bos"] == vocab.token_bos()
    assert answer["eos"] == vocab.token_eos()
    assert answer["ends"] == [token for token in range(count) if vocab.is_eog(token)]
    assert answer["control"] == [token for token in range(count) if vocab.is_control(token)]
    # cyllama decodes pieces on its way, so that broken-off characters come out replaced.
    for token, piece in enumerate(answer["pieces"]):
        assert bytes.fromhex(piece).decode(errors="replace") == vocab.token_to_piece(token, 0, True)

    texts = peers.fuzz_texts(COUNT, 1, special_texts(answer) + ["<s>", "</s>", "<unk>"])
    if name == "deepseek-llm":
        # llama.cpp reads U+3000 as any space and never as the member of a class, which this pre-tokenizer's expressions
        # list. tokenizers_test.py shows that ours is the published tokenizer's reading.
        texts = [text for text in texts if "\u3000" not in text]
    compare(path, vocab, texts, add_special=False, parse_special=False)
    compare(path, vocab, texts, add_special=True, parse_special=True)


@pytest.mark.parametrize("name", ["kingjames", "smollm2"])
def test_long_text(name):
    text = peers.data("text", "tinyshakespeare.txt").read_text()
    path = peers.vocabulary(name)
    _model, vocab = peers.llama_cpp(path)
    compare(path, vocab, [text[:400_000]], add_special=True, parse_special=True)
