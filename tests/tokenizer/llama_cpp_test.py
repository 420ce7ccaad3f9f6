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


WELL_KNOWN = ["<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<end_of_turn>", "<EOT>", "[EOT]",
              "<|endoftext|>", "<|end_of_text|>", "[EOS]", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<|fim_pad|>",
              "<|fim_repo|>", "<|file_sep|>", "<|fim_prefix|>", "<|fim_middle|>", "<|channel|>", "<|message|>", "<|start|>",
              "<|constrain|>", "unused"]


@pytest.mark.parametrize("left_out", [[], ["<|return|>", "<|flush|>"], ["<|tool_response>"], ["<|call|>"]])
def test_well_known_names(left_out, tmp_path):
    """Names that files forget to mark: what ends an answer, what is a control token, what is shown."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)),
              *(name for name in WELL_KNOWN if name not in left_out)]
    path = peers.write_vocabulary(tmp_path / "bare.gguf", "llama", tokens=tokens, scores=[0.0] * len(tokens),
                                  token_type=[2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259))
    _model, vocab = peers.llama_cpp(peers.with_tiny_model(path, tmp_path / "full.gguf"))
    answer = described(path)
    assert [tokens[token] for token in answer["ends"]] == [text for token, text in enumerate(tokens) if vocab.is_eog(token)]
    assert [tokens[token] for token in answer["control"]] == [text for token, text in enumerate(tokens) if vocab.is_control(token)]
    text = "a<|end|>b<|channel|>c</s>"
    assert peers.encode(path, [text])[0]["ids"] == list(vocab.tokenize(text, False, False))


def test_phi3_strips_behind_special_tokens(tmp_path):
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "<|endoftext|>", "<|user|>", "<|end|>", "\u2581"]
    path = peers.write_vocabulary(tmp_path / "bare.gguf", "llama", tokens=tokens, scores=[0.0] * len(tokens),
                                  token_type=[2, 3, 3] + [6] * 256 + [3, 3, 3, 1])
    full = peers.with_tiny_model(path, tmp_path / "full.gguf")
    peers.with_pairs(full, full, [peers.string_pair("general.name", "Phi-3.5-mini")])
    _model, vocab = peers.llama_cpp(full)
    texts = ["<|user|>\n a<|end|>\n<|endoftext|>\nb<s> c</s>\t d <unk> e", "<|end|> \n\v", "<|end|>\n<|user|> <|end|>x"]
    compare(full, vocab, texts, add_special=True, parse_special=True)
    compare(full, vocab, texts, add_special=True, parse_special=False)


@pytest.mark.parametrize("name", ["kingjames", "smollm2"])
def test_long_text(name):
    text = peers.data("text", "tinyshakespeare.txt").read_text()
    path = peers.vocabulary(name)
    _model, vocab = peers.llama_cpp(path)
    compare(path, vocab, [text[:400_000]], add_special=True, parse_special=True)
