"""`assay convert`, and commands given the folder itself: tiny models of every architecture as Hugging Face folders, written by
tests/foreign/hugging_face.py, must come back as the GGUF files they were made from."""

import json
import os
import pathlib
import shutil
import subprocess

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.foreign import hugging_face, llama_cpp, tiny
from tests.foreign.engine import Engine, Model

ASSAY = os.environ["ASSAY_BINARY"]
TINYSTORIES = pathlib.Path(os.environ["ASSAY_DATA"]) / "models" / "tinystories-656k"
IDS = [1, 200, 7, 42, 258, 7, 31, 99]

MODELS = {name: tiny.ROPE[name] for name in ("llama3", "linear", "yarn")}
MODELS |= {name: tiny.SHAPES[name] for name in ("biases", "odd sizes")}
MODELS |= {"bf16": "--type BF16 --tied", "f16": "--type F16 --architecture qwen2"}
MODELS |= {name: tiny.QWEN[name] for name in ("qwen2", "qwen3, odd sizes")}
MODELS |= {name: tiny.GEMMA[name] for name in ("gemma2", "gemma3, odd sizes")}
MODELS |= {name: (tiny.FAMILIES | tiny.WINDOWED)[name] for name in (
    "phi3", "phi3, window", "olmo2", "granite, odd sizes", "smollm3", "mistral3", "glm4", "starcoder2")}
MODELS |= {name: tiny.EXPERTS[name] for name in ("mixtral", "qwen2moe", "qwen3moe")}
MODELS |= {"ernie4_5": "--architecture ernie4_5"}
MODELS |= {name: tiny.EXPERTS[name] for name in ("gpt-oss", "deepseek2", "deepseek2, lite", "granitemoe")}
MODELS |= {name: tiny.FAMILIES[name] for name in ("command-r", "cohere2, odd sizes", "olmo2, windows")}
# Run in llama.cpp, once converted.
RUN_BY_LLAMA_CPP = {"llama3", "mixtral", "phi3", "gpt-oss", "deepseek2", "command-r", "cohere2, odd sizes", "olmo2, windows"}
# GGUF has more to say than config.json, or says what is so anyway.
IMPLIED = {"rope.dimension_count", "vocab_size", "attention.key_length", "attention.value_length", "context_length"}


def assay(*arguments, exits=(0,)):
    done = subprocess.run([ASSAY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode in exits, (done.returncode, done.stderr)
    return done.stdout


def refusal(*arguments):
    done = subprocess.run([ASSAY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "", done.stderr
    return done.stderr


def tensors_of(path):
    return {tensor.name: (tensor.tensor_type.name, tensor.shape.tolist(), bytes(tensor.data))
            for tensor in gguf.GGUFReader(path).tensors}


def assert_same_tensors(converted, original, architecture):
    ours, theirs = tensors_of(converted), tensors_of(original)
    assert ours.keys() == theirs.keys()
    for name, (kind, shape, data) in theirs.items():
        assert ours[name][:2] == (kind, shape), name
        if architecture.startswith("gemma") and name.endswith("norm.weight"):
            # w was rounded when 1 was subtracted.
            values = np.frombuffer(data, np.float32) - np.float32(1) + np.float32(1)
            assert np.array_equal(np.frombuffer(ours[name][2], np.float32), values), name
        elif name == "rope_freqs.weight":
            assert np.allclose(np.frombuffer(ours[name][2], np.float32), np.frombuffer(data, np.float32), rtol=2e-7), name
        else:
            assert ours[name][2] == data, name


def assert_same_hyper_parameters(converted, original):
    ours, theirs = hugging_face.Source(converted), hugging_face.Source(original)
    prefix = theirs.architecture + "."
    assert ours.architecture == theirs.architecture
    for key, value in theirs.metadata.items():
        name = key.removeprefix(prefix)
        if not key.startswith(prefix) or (name in IMPLIED and name not in ours.metadata):
            continue
        if name == "rope.scaling.attn_factor" and theirs.architecture == "phi3":  # four times the original context
            value = np.sqrt(1 + np.log(4) / np.log(theirs.get("rope.scaling.original_context_length")))
        assert np.isclose(ours.metadata[key], value, rtol=1e-6) if isinstance(value, float) else ours.metadata[key] == value, key
    head_width = theirs.get("attention.key_length", theirs.get("embedding_length") // theirs.get("attention.head_count"))
    assert ours.get("rope.dimension_count", head_width) == theirs.get("rope.dimension_count", head_width)
    assert ours.get("attention.key_length", head_width) == head_width
    for key in ("tokens", "token_type", "bos_token_id", "eos_token_id", "add_bos_token"):
        expected = theirs.metadata[f"tokenizer.ggml.{key}"]
        if key == "token_type":
            expected = [3, *expected[1:]]  # converters make <unk> a control token
        assert ours.metadata[f"tokenizer.ggml.{key}"] == expected, key
    assert ours.metadata["tokenizer.chat_template"] == "{{ messages[0].content }}"


@pytest.mark.parametrize("name", MODELS)
def test_the_model_comes_back(name, tmp_path):
    original = tiny.make(tmp_path, MODELS[name])
    folder = hugging_face.write_folder(tmp_path / "folder", original, shards=1 + len(name) % 3)
    converted = tmp_path / "converted.gguf"
    assay("convert", folder, converted)
    source = hugging_face.Source(original)
    assert_same_tensors(converted, original, source.architecture)
    assert_same_hyper_parameters(converted, original)

    # Ours of both: every difference is a legal one, and the values are the same.
    assert_same_weights(folder, converted, 1e-7)

    # The folder itself computes the same bits as the file, and both what numpy computes of the file.
    traces = []
    for model in (folder, converted):
        assay("trace", model, "--ids", " ".join(map(str, IDS)), "--engine", "oracle", "--dtype", "f64", "--taps", "logits",
              "-o", tmp_path / "t.safetensors")
        traces.append(load_file(tmp_path / "t.safetensors")["logits"])
    assert np.array_equal(*traces)
    expected = Engine(Model(converted)).run(IDS)["logits"]
    assert np.linalg.norm(traces[0] - expected) <= 1e-10 * np.linalg.norm(expected)
    if name in RUN_BY_LLAMA_CPP:
        theirs = llama_cpp.logits(converted, IDS)
        assert np.linalg.norm(theirs - expected) <= 1e-5 * np.linalg.norm(expected)


def assert_same_weights(folder, converted, error):
    [compared] = json.loads(assay("compare", "--weights", folder, converted, "--json"))["candidates"]
    assert compared["missing"] == compared["extra"] == compared["mismatched"] == []
    assert max(tensor["relative_error"] for tensor in compared["tensors"]) <= error
    assert not any(tensor["suspicious"] for tensor in compared["tensors"])


@pytest.mark.parametrize("name,experts", [("mixtral", "stacked"), ("qwen3moe", "transposed"), ("qwen2moe", "stacked")])
def test_stacked_experts(name, experts, tmp_path):
    """transformers 5 has them in one tensor."""
    original = tiny.make(tmp_path, tiny.EXPERTS[name])
    folder = hugging_face.write_folder(tmp_path / "folder", original, experts=experts)
    assay("convert", folder, tmp_path / "out.gguf")
    assert tensors_of(tmp_path / "out.gguf") == tensors_of(original)
    assert_same_weights(folder, tmp_path / "out.gguf", 0)


def test_mxfp4(tmp_path):
    """gpt-oss as it was released. Blocks of GGUF hold the same numbers in another order."""
    plain = tiny.make(tmp_path, "--architecture gpt-oss --experts 5 --used-experts 3 --feed-forward 96 --blocks 2 --type BF16")
    original = tmp_path / "mxfp4.gguf"
    assay("quantize", plain, original, "BF16", "--tensor-type", "exps.weight=MXFP4")
    folder = hugging_face.write_folder(tmp_path / "folder", original, shards=2)
    assay("convert", folder, tmp_path / "out.gguf")
    assert tensors_of(tmp_path / "out.gguf") == tensors_of(original)
    assert sum(kind == "MXFP4" for kind, _, _ in tensors_of(original).values()) == 6
    assert_same_weights(folder, tmp_path / "out.gguf", 0)
    # Numbers of our reading of the folder beside those that PyPI's gguf reads from the file.
    name = "blk.1.ffn_up_exps.weight"
    theirs = gguf.quants.dequantize(hugging_face.Source(original).tensors[name], gguf.GGMLQuantizationType.MXFP4)
    assay("convert", folder, tmp_path / "f32.gguf", "--type", "F32")
    assert tensors_of(tmp_path / "f32.gguf")[name][2] == theirs.tobytes()


def test_mxfp4_across_groups(tmp_path):
    """Where a matrix is transposed, its groups are no groups of a row: such a one becomes BF16, its neighbour does not."""
    folder = hugging_face.write_folder(tmp_path / "folder", tiny.make(tmp_path, tiny.EXPERTS["deepseek2"]))
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.1.self_attn.kv_b_proj.weight"
    random = np.random.default_rng(4)
    rows, columns = tensors.pop(name).shape
    blocks = random.integers(0, 256, (rows, columns // 32, 16), np.uint8)
    scales = random.integers(120, 130, (rows, columns // 32), np.uint8)
    hugging_face.write_safetensors(folder / "model.safetensors", tensors | {name: blocks, name + "_scale": scales})
    assay("convert", folder, tmp_path / "out.gguf")
    nibbles = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(rows, columns)
    elements = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])[nibbles & 7] * np.where(nibbles & 8, -1, 1)
    heads = (elements * 2.0 ** (np.repeat(scales, 32, axis=1).astype(int) - 127)).reshape(4, 64, columns)
    converted = tensors_of(tmp_path / "out.gguf")
    assert converted["blk.1.attn_k_b.weight"][0] == "BF16" and converted["blk.1.attn_v_b.weight"][0] == "MXFP4"
    assert np.array_equal(np.frombuffer(converted["blk.1.attn_k_b.weight"][2], np.uint16),
                          to_bfloat(heads[:, :32].swapaxes(1, 2)).ravel())
    theirs = gguf.quants.dequantize(hugging_face.Source(tmp_path / "out.gguf").tensors["blk.1.attn_v_b.weight"],
                                    gguf.GGMLQuantizationType.MXFP4)
    assert np.array_equal(theirs, heads[:, 32:])
    assert_same_weights(folder, tmp_path / "out.gguf", 0)


def from_e4m3(bits):
    """Micikevicius et al. 2022: 1 sign, 4 exponent and 3 fraction bits, no infinities."""
    exponent, fraction = bits >> 3 & 15, bits & 7
    magnitudes = np.where(exponent == 0, fraction * 2.0**-9, (8 + fraction) * 2.0 ** (exponent.astype(int) - 10))
    return np.where(bits & 128, -magnitudes, magnitudes)


def to_bfloat(values):
    """The upper half of float32, rounded to nearest even."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    return (bits + 0x7FFF + (bits >> 16 & 1) >> 16).astype(np.uint16)


SCALED = {
    # Blocks of 16 x 16, whose last ones are not whole; keys and values are parts of one matrix.
    "block": (tiny.EXPERTS["deepseek2"].replace("--latent 64", "--latent 72"), {"quant_method": "fp8", "weight_block_size": [16, 16]},
              "weight_scale_inv"),
    "channel": ("", {"quant_method": "compressed-tensors", "format": "float-quantized"}, "weight_scale"),
    "tensor": ("--experts 3 --feed-forward 32", {"quant_method": "fp8"}, "weight_scale"),
    "int8": ("--biases", {"quant_method": "compressed-tensors", "format": "int-quantized"}, "weight_scale"),
}


@pytest.mark.parametrize("kind", SCALED)
def test_numbers_with_scales(kind, tmp_path):
    """They become what numpy makes of them as BF16."""
    arguments, quantization, suffix = SCALED[kind]
    original = tiny.make(tmp_path, arguments)
    folder = hugging_face.write_folder(tmp_path / "folder", original)
    plain = shutil.copytree(folder, tmp_path / "plain")
    random = np.random.default_rng(3)
    tensors = load_file(folder / "model.safetensors")
    decoded, extra = dict(tensors), {}
    for name, values in tensors.items():
        if values.ndim != 2 or not name.endswith("_proj.weight") and "experts" not in name:
            continue
        rows, columns = values.shape
        shape = {"block": (-(-rows // 16), -(-columns // 16)), "tensor": ()}.get(kind, (rows, 1))
        scales = random.uniform(1e-4, 1e-2, shape).astype(np.float32)
        whole = np.kron(scales, np.ones((16, 16), np.float32))[:rows, :columns] if kind == "block" else scales
        bits = random.integers(0, 256, values.shape, np.uint8)
        if kind != "int8":
            bits[bits & 127 == 127] = 5  # no NaN
        numbers = bits.view(np.int8) if kind == "int8" else from_e4m3(bits)
        decoded[name] = to_bfloat(numbers.astype(np.float32) * whole)
        tensors[name] = bits.view(np.int8) if kind == "int8" else bits.view(hugging_face.E4M3)
        extra[name.replace("weight", suffix)] = scales
        if kind == "tensor":
            extra[name.replace("weight", "input_scale")] = np.ones((), np.float32)
    if kind == "block":  # a layer that guesses the token after the next
        extra |= {"model.layers.3.eh_proj.weight": np.ones((3, 5), np.float32), "model.layers.3.mlp.gate.weight": values}
    hugging_face.write_safetensors(folder / "model.safetensors", tensors | extra)
    hugging_face.write_safetensors(plain / "model.safetensors", decoded)
    change(folder / "config.json", lambda document: document.update(quantization_config=quantization))
    assay("convert", folder, tmp_path / "out.gguf")
    assay("convert", plain, tmp_path / "expected.gguf")
    assert tensors_of(tmp_path / "out.gguf") == tensors_of(tmp_path / "expected.gguf")
    assert_same_weights(folder, tmp_path / "out.gguf", 2.0**-8)

    name = next(iter(extra))
    hugging_face.write_safetensors(folder / "model.safetensors", tensors | extra | {name: np.ones((3, 7), np.float32)})
    assert "are no scales of a tensor" in refusal("convert", folder, tmp_path / "no.gguf")


def test_llama3_factors(tmp_path):
    arguments = "--rope-scaling llama3 --rope-base 500000 --rope-factor 8 --head-width 64"
    folder = hugging_face.write_folder(tmp_path / "folder", tiny.make(tmp_path, arguments))
    assay("convert", folder, tmp_path / "out.gguf")
    ours = np.frombuffer(tensors_of(tmp_path / "out.gguf")["rope_freqs.weight"][2], np.float32)
    expected = hugging_face.llama3_factors(64, 500000)
    assert np.allclose(ours, expected, rtol=1e-7) and len(set(expected)) > 3


@pytest.mark.parametrize("times", [1, 1.5])
def test_attention_factor(times, tmp_path):
    """In the place of YaRN's own 1 + 0.1 ln(factor)."""
    folder = hugging_face.write_folder(tmp_path / "folder", tiny.make(tmp_path, tiny.ROPE["yarn"]))
    factor = json.loads((folder / "config.json").read_text())["rope_scaling"]["factor"]
    change(folder / "config.json", lambda document: document["rope_scaling"].update(
        attention_factor=times * (1 + 0.1 * np.log(factor))))
    assay("convert", folder, tmp_path / "out.gguf")
    source = hugging_face.Source(tmp_path / "out.gguf")
    assert np.isclose(source.get("rope.scaling.attn_factor", 1), times)


@pytest.mark.parametrize("prefix", ["language_model.model.", "model.language_model."])
def test_the_text_part_of_a_model_that_sees(prefix, tmp_path):
    original = tiny.make(tmp_path, tiny.GEMMA["gemma3, odd sizes"])
    folder = hugging_face.write_folder(tmp_path / "folder", original)
    tensors = {prefix + name.removeprefix("model."): values
               for name, values in load_file(folder / "model.safetensors").items()}
    eyes = {name: np.ones((3, 4), np.float32) for name in ("vision_tower.vision_model.embeddings.weight",
                                                            "multi_modal_projector.mm_input_projection_weight")}
    hugging_face.write_safetensors(folder / "model.safetensors", tensors | eyes)
    config = json.loads((folder / "config.json").read_text()) | {"architectures": ["Gemma3TextModel"]}
    (folder / "config.json").write_text(json.dumps(
        {"architectures": ["Gemma3ForConditionalGeneration"], "text_config": config, "vision_config": {"hidden_size": 1152}}))
    assay("convert", folder, tmp_path / "out.gguf")
    assert_same_tensors(tmp_path / "out.gguf", original, "gemma3")
    assert_same_hyper_parameters(tmp_path / "out.gguf", original)


@pytest.mark.parametrize("kind", ["F16", "Q8_0"])
def test_other_types(kind, tmp_path):
    """As `assay quantize` makes them of the converted file, which are llama-quantize's bytes."""
    folder = hugging_face.write_folder(tmp_path / "folder", tiny.make(tmp_path, tiny.EXPERTS["mixtral"]), shards=2)
    assay("convert", folder, tmp_path / "f32.gguf")
    assay("quantize", tmp_path / "f32.gguf", tmp_path / "expected.gguf", kind)
    listed = json.loads(assay("convert", folder, tmp_path / "out.gguf", "--type", kind, "--json"))
    assert tensors_of(tmp_path / "out.gguf") == tensors_of(tmp_path / "expected.gguf")
    assert {tensor["name"] for tensor in listed["tensors"]} == tensors_of(tmp_path / "out.gguf").keys()
    # Nothing else is left beside it.
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "tiny.gguf", "f32.gguf", "expected.gguf", "out.gguf"}


def test_tinystories(tmp_path):
    """A published checkpoint, whose tied matrix is called lm_head, and the file that somebody else converted it to."""
    if not TINYSTORIES.exists():
        pytest.skip("tinystories-656k is not in ASSAY_DATA")
    assay("convert", TINYSTORIES, tmp_path / "out.gguf", "--type", "F16")
    theirs = TINYSTORIES / "TinyStories-656K.f16.gguf"
    assert tensors_of(tmp_path / "out.gguf") == tensors_of(theirs)
    ours, theirs = hugging_face.Source(tmp_path / "out.gguf"), hugging_face.Source(theirs)
    # They gave every token the same score.
    own = {key for key in theirs.metadata if key.startswith(("GGUF.", "mradermacher.", "general."))}
    for key in theirs.metadata.keys() - own - {"tokenizer.ggml.scores"}:
        assert ours.metadata[key] == theirs.metadata[key], key


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    path = tmp_path_factory.mktemp("llama")
    return hugging_face.write_folder(path / "folder", tiny.make(path, ""), shards=2)


@pytest.fixture
def folder(llama, tmp_path):
    return shutil.copytree(llama, tmp_path / "folder")


def change(path, edit):
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def test_bad_folders(folder, tmp_path):
    def said(name, edit):
        broken = shutil.copytree(folder, tmp_path / name)
        edit(broken)
        message = refusal("convert", broken, tmp_path / "out.gguf")
        assert not (tmp_path / "out.gguf").exists()
        return message

    def config(**members):
        return lambda broken: change(broken / "config.json", lambda document: document.update(members))

    def index(file):
        def edit(document):
            document["weight_map"]["model.norm.weight"] = file
        return lambda broken: change(broken / "model.safetensors.index.json", edit)

    def reshape(broken):
        file = next(file for file in sorted(broken.glob("*.safetensors")) if b"model.norm.weight" in file.read_bytes())
        tensors = load_file(file)
        name = next(name for name in tensors if "gate_proj" in name)
        hugging_face.write_safetensors(file, tensors | {name: tensors[name][:-1]})

    shard = "model-00002-of-00002.safetensors"
    assert "no JSON, at byte offset" in said("1", lambda broken: (broken / "config.json").write_text("{\"a\": "))
    assert "nested too deep" in said("2", lambda broken: (broken / "config.json").write_text("{\"a\":" + "[" * 10000))
    assert "LlamaForCausalLM, MistralForCausalLM" in said("3", config(architectures=["BertModel"]))
    assert "architectures must be a list" in said("4", config(architectures={}))
    assert "num_attention_heads is 0" in said("5", config(num_attention_heads=0))
    assert "num_attention_heads must be a whole number" in said("6", config(num_attention_heads=-4))
    assert "heads of an even width" in said("7", config(num_attention_heads=7))
    assert "the embedding has 320 rows" in said("8", config(vocab_size=321))
    assert "hidden_act is 'relu'" in said("9", config(hidden_act="relu"))
    assert "rope_type is 'dynamic'" in said("10", config(rope_scaling={"rope_type": "dynamic", "factor": 2}))
    for method in ("gptq", "awq", "bitsandbytes"):
        message = said(method, config(quantization_config={"quant_method": method, "bits": 4}))
        assert f"quant_method is '{method}'" in message and "the checkpoint that this one was quantized from" in message
    assert "with the format 'pack-quantized'" in said("11", config(quantization_config={
        "quant_method": "compressed-tensors", "format": "pack-quantized"}))
    assert f"names {shard}, which is not there" in said("12", lambda broken: (broken / shard).unlink())
    assert "no file of the folder" in said("13", index(f"../folder/{shard}"))
    assert "no file of the folder" in said("nul", index(f"{shard}\0"))
    assert "which is not there" in said("long", index("x" * 300))
    assert "but it is not" in said("14", index("model-00001-of-00002.safetensors" if shard in (
        folder / "model.safetensors.index.json").read_text().split("model.norm.weight")[1][:60] else shard))
    assert "ffn_gate.weight" in said("15", reshape)
    assert "is not known in a LlamaForCausalLM" in said("16", lambda broken: [
        hugging_face.write_safetensors(broken / "model.safetensors", {"lora.weight": np.ones(3, np.float32)}),
        (broken / "model.safetensors.index.json").unlink()])
    assert "tokenizer.json: added_tokens" in said("17", lambda broken: change(
        broken / "tokenizer.json", lambda document: document["added_tokens"].append({"id": "x"})))
    assert "the embedding has 320 rows" in said("18", lambda broken: change(
        broken / "tokenizer.json", lambda document: document["model"]["vocab"].update(far=2**40)))
    assert "is of the type WordLevel" in said("19", lambda broken: change(
        broken / "tokenizer.json", lambda document: document["model"].update(type="WordLevel")))
    def without_embedding(broken):
        for file in broken.glob("*.safetensors"):
            tensors = load_file(file)
            tensors.pop("model.embed_tokens.weight", None)
            hugging_face.write_safetensors(file, tensors)
        (broken / "model.safetensors.index.json").unlink()

    assert "there is no embed_tokens.weight" in said("20", without_embedding)
    assert "is no Hugging Face folder" in refusal("convert", tmp_path, tmp_path / "out.gguf")
