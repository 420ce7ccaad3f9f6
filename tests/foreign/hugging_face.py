"""A GGUF model as the Hugging Face folder that it could have been converted from: names of tensors as transformers' classes
have them, rows and norms in transformers' order, config.json with its members. Written from transformers' documentation of
each family; what src/ knows about names is not used.

    write_folder(folder, "tiny.gguf", shards=2)
"""

import json
import math
import struct

import gguf
import numpy as np

CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
           "gemma2": "Gemma2ForCausalLM", "gemma3": "Gemma3ForCausalLM", "phi3": "Phi3ForCausalLM",
           "olmo2": "Olmo2ForCausalLM", "granite": "GraniteForCausalLM", "smollm3": "SmolLM3ForCausalLM",
           "mistral3": "Ministral3ForCausalLM", "glm4": "Glm4ForCausalLM", "starcoder2": "Starcoder2ForCausalLM",
           "qwen2moe": "Qwen2MoeForCausalLM", "qwen3moe": "Qwen3MoeForCausalLM", "ernie4_5": "Ernie4_5ForCausalLM",
           "command-r": "CohereForCausalLM", "cohere2": "Cohere2ForCausalLM", "gpt-oss": "GptOssForCausalLM",
           "deepseek2": "DeepseekV3ForCausalLM", "granitemoe": "GraniteMoeSharedForCausalLM"}
PERMUTED = {"llama", "smollm3", "granite", "granitemoe", "mistral3"}

OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
ATTENTION = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "attn_qkv": "self_attn.qkv_proj", "attn_q_norm": "self_attn.q_norm",
             "attn_k_norm": "self_attn.k_norm", "attn_norm": "input_layernorm", "attn_q_a": "self_attn.q_a_proj",
             "attn_q_a_norm": "self_attn.q_a_layernorm", "attn_q_b": "self_attn.q_b_proj",
             "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa", "attn_kv_a_norm": "self_attn.kv_a_layernorm"}
MLP = {"ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "ffn_gate_inp": "mlp.gate",
       "ffn_gate_shexp": "mlp.shared_expert.gate_proj", "ffn_up_shexp": "mlp.shared_expert.up_proj",
       "ffn_down_shexp": "mlp.shared_expert.down_proj", "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
       "ffn_norm": "post_attention_layernorm"}
FUSED = {"ffn_up": "mlp.gate_up_proj"}
SANDWICH = {"post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
            "post_ffw_norm": "post_feedforward_layernorm"}
OWN_NAMES = {"phi3": FUSED, "glm4": FUSED | {"post_attention_norm": "post_self_attn_layernorm",
                                             "post_ffw_norm": "post_mlp_layernorm"},
             "gemma2": SANDWICH, "gemma3": SANDWICH, "olmo2": SANDWICH,
             "starcoder2": {"ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"},
             "llama": {"ffn_gate_inp": "block_sparse_moe.gate"},
             "granitemoe": {"ffn_gate_inp": "block_sparse_moe.router.layer", "ffn_down_shexp": "shared_mlp.output_linear"},
             "gpt-oss": {"ffn_gate_inp": "mlp.router", "post_attention_norm": "post_attention_layernorm"},
             "deepseek2": {f"ffn_{part}_shexp": f"mlp.shared_experts.{part}_proj" for part in ("gate", "up", "down")}}
# Without a kind at the end.
WHOLE = {"attn_sinks.weight": "self_attn.sinks", "exp_probs_b.bias": "mlp.gate.e_score_correction_bias"}


def name_in(architecture, name):
    stem, _, kind = name.rpartition(".")
    if stem in OUTSIDE:
        return f"{OUTSIDE[stem]}.{kind}"
    _, layer, part = stem.split(".")
    if f"{part}.{kind}" in WHOLE:
        return f"model.layers.{layer}.{WHOLE[f'{part}.{kind}']}"
    table = ATTENTION | MLP | OWN_NAMES.get(architecture, {})
    return f"model.layers.{layer}.{table[part]}.{kind}"


def experts_of(architecture, name, count):
    _, layer, part, kind = name.split(".")
    if architecture == "llama":
        matrix = {"ffn_gate_exps": "w1", "ffn_down_exps": "w2", "ffn_up_exps": "w3"}[part]
        return [f"model.layers.{layer}.block_sparse_moe.experts.{i}.{matrix}.{kind}" for i in range(count)]
    matrix = part.removeprefix("ffn_").removesuffix("_exps")
    return [f"model.layers.{layer}.mlp.experts.{i}.{matrix}_proj.{kind}" for i in range(count)]


def neighbours_to_halves(values, heads):
    """Of each head, the even rows, then the odd ones."""
    rows = values.reshape(heads, -1, *values.shape[1:])
    return np.concatenate([rows[:, 0::2], rows[:, 1::2]], axis=1).reshape(values.shape)


def hugging_face_mxfp4(blocks):
    """GGUF's [..., groups * 17] bytes as gpt-oss has them: [..., groups, 16] bytes of two neighbours each, and scales."""
    blocks = blocks.reshape(*blocks.shape[:-1], -1, 17)
    halves = blocks[..., 1:]
    nibbles = np.concatenate([halves & 15, halves >> 4], axis=-1)
    return nibbles[..., 0::2] | nibbles[..., 1::2] << 4, np.ascontiguousarray(blocks[..., 0])


def stacked_experts(source, layer, orientation):
    """transformers 5: one tensor for gates and ups of all experts, [experts, rows, columns], in some families transposed;
    gpt-oss lets gates and ups take turns."""
    gate, up, down = (source.tensors[f"blk.{layer}.ffn_{part}_exps.weight"] for part in ("gate", "up", "down"))
    prefix = f"model.layers.{layer}.mlp.experts."
    if source.architecture != "gpt-oss":
        matrices = {"gate_up_proj": np.concatenate([gate, up], axis=1), "down_proj": down}
        if source.architecture == "granitemoe":
            return {f"model.layers.{layer}.block_sparse_moe.{name}_linear.weight": matrix
                    for name, matrix in zip(("input", "output"), matrices.values())}
        if orientation == "transposed":
            matrices = {name: matrix.swapaxes(1, 2) for name, matrix in matrices.items()}
        return {prefix + name: matrix for name, matrix in matrices.items()}
    gate_bias, up_bias = (source.tensors[f"blk.{layer}.ffn_{part}_exps.bias"] for part in ("gate", "up"))
    both = np.stack([gate, up], axis=2).reshape(len(gate), -1, gate.shape[-1])
    tensors = {prefix + "gate_up_proj_bias": np.stack([gate_bias, up_bias], axis=-1).reshape(len(gate), -1),
               prefix + "down_proj_bias": source.tensors[f"blk.{layer}.ffn_down_exps.bias"]}
    for name, matrix in (("gate_up_proj", both), ("down_proj", down)):
        if matrix.dtype == np.uint8:
            tensors[f"{prefix}{name}_blocks"], tensors[f"{prefix}{name}_scales"] = hugging_face_mxfp4(matrix)
        else:
            tensors[prefix + name] = matrix.swapaxes(1, 2)
    return tensors


def joined_latent(source, layer):
    """DeepSeek's kv_b_proj, of whose rows each head has some for keys, then some for values."""
    k, v = (source.tensors[f"blk.{layer}.attn_{part}_b.weight"] for part in "kv")
    return np.concatenate([k.swapaxes(1, 2), v], axis=1).reshape(-1, v.shape[-1])


class Source:
    """The GGUF file: metadata, and tensors as arrays of float32 or the bits of bfloat16."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.metadata = {key: field.contents() for key, field in reader.fields.items()}
        self.architecture = self.metadata["general.architecture"]
        self.tensors = {}
        for tensor in reader.tensors:
            shape = [int(length) for length in reversed(tensor.shape)]
            data = tensor.data.view(np.uint16) if tensor.tensor_type.name == "BF16" else tensor.data
            if tensor.tensor_type.name == "MXFP4":
                shape[-1] = shape[-1] // 32 * 17
            self.tensors[tensor.name] = np.array(data).reshape(shape)

    def get(self, key, default=None):
        return self.metadata.get(f"{self.architecture}.{key}", default)


def hugging_face_tensors(source, experts="one by one"):
    architecture = source.architecture
    heads, kv_heads = source.get("attention.head_count"), source.get("attention.head_count_kv")
    tensors = {}
    for name, values in source.tensors.items():
        if name.startswith("rope_"):
            continue
        part = name.split(".")[-2]
        if part.endswith("_exps") and (experts != "one by one" or architecture in ("gpt-oss", "granitemoe")):
            tensors |= stacked_experts(source, name.split(".")[1], experts)
            continue
        if architecture == "granitemoe" and part in ("ffn_gate_shexp", "ffn_up_shexp"):
            layer = name.split(".")[1]
            tensors[f"model.layers.{layer}.shared_mlp.input_linear.weight"] = np.concatenate(
                [source.tensors[f"blk.{layer}.ffn_{each}_shexp.weight"] for each in ("gate", "up")])
            continue
        if part in ("attn_k_b", "attn_v_b"):
            layer = name.split(".")[1]
            tensors[f"model.layers.{layer}.self_attn.kv_b_proj.weight"] = joined_latent(source, layer)
            continue
        if part.endswith("_exps"):
            tensors |= dict(zip(experts_of(architecture, name, len(values)), values))
            continue
        if architecture in PERMUTED and part in ("attn_q", "attn_k"):
            values = neighbours_to_halves(values, heads if part == "attn_q" else kv_heads)
        if architecture.startswith("gemma") and part.endswith("norm"):
            values = values - np.float32(1)
        tensors[name_in(architecture, name)] = values
    return tensors


def rope_of(source):
    kind = source.get("rope.scaling.type")
    if "rope_freqs.weight" in source.tensors:
        return {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64}
    if "rope_factors_long.weight" in source.tensors:
        return {"type": "longrope", **{f"{length}_factor": source.tensors[f"rope_factors_{length}.weight"].tolist()
                                       for length in ("long", "short")}}
    if kind is None:
        return None
    scaling = {"rope_type": kind, "factor": source.get("rope.scaling.factor")}
    if multiplier := source.architecture == "deepseek2" and source.get("rope.scaling.yarn_log_multiplier"):
        scaling |= {"mscale": multiplier * 10, "mscale_all_dim": multiplier * 10}
    if kind == "yarn":
        scaling["original_max_position_embeddings"] = source.get("rope.scaling.original_context_length")
    if source.architecture == "mistral3":
        scaling |= {"mscale_all_dim": source.get("rope.scaling.yarn_log_multiplier"),
                    "llama_4_scaling_beta": source.get("attention.temperature_scale")}
    return scaling


def config_of(source):
    architecture, get = source.architecture, source.get
    width, heads = get("embedding_length"), get("attention.head_count")
    head_width = get("attention.key_length", width // heads)
    tied = "output.weight" not in source.tensors
    config = {"architectures": [CLASSES[architecture]], "model_type": "gemma3_text" if architecture == "gemma3" else architecture,
              "hidden_size": width,
              "num_hidden_layers": get("block_count"), "max_position_embeddings": get("context_length"),
              "intermediate_size": get("feed_forward_length"), "num_attention_heads": heads,
              "num_key_value_heads": get("attention.head_count_kv"), "head_dim": head_width, "vocab_size": get("vocab_size"),
              "rms_norm_eps": 1e-5, "rope_theta": get("rope.freq_base"), "rope_scaling": rope_of(source),
              "hidden_act": "silu", "tie_word_embeddings": tied, "torch_dtype": "float32", "bos_token_id": 1,
              "eos_token_id": 2}
    if architecture.startswith("gemma"):
        config |= {"hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": head_width,
                   "sliding_window": get("attention.sliding_window", 4096)}
        if get("block_count") == {"gemma2": 46, "gemma3": 62}[architecture]:
            config["query_pre_attn_scalar"] = width // heads
        config |= {cap: get(cap) for cap in ("attn_logit_softcapping", "final_logit_softcapping") if get(cap)}
    if architecture == "phi3":
        config |= {"partial_rotary_factor": get("rope.dimension_count") / head_width,
                   "original_max_position_embeddings": get("rope.scaling.original_context_length", 256)}
        config |= {"max_position_embeddings": 4 * config["original_max_position_embeddings"],
                   "sliding_window": get("attention.sliding_window")}
        del config["head_dim"]
    if architecture == "glm4":
        config["partial_rotary_factor"] = get("rope.dimension_count") / head_width
    if architecture in ("granite", "granitemoe"):
        config |= {"attention_multiplier": get("attention.scale", head_width**-0.5),
                   "embedding_multiplier": get("embedding_scale"), "residual_multiplier": get("residual_scale"),
                   "logits_scaling": get("logit_scale")}
    if architecture == "starcoder2":
        config |= {"hidden_act": "gelu_pytorch_tanh", "norm_epsilon": 1e-5}
        del config["rms_norm_eps"]
    if architecture == "mistral3" and config["rope_scaling"]:
        config |= {"model_type": "ministral3", "rope_parameters": {**config.pop("rope_scaling"),
                                                                   "rope_theta": config.pop("rope_theta")}}
    if architecture == "smollm3":
        config |= {"no_rope_layers": [int((layer + 1) % 4 != 0) for layer in range(get("block_count"))]}
    if architecture in ("command-r", "cohere2"):
        config |= {"layer_norm_eps": config.pop("rms_norm_eps"), "logit_scale": get("logit_scale"),
                   "sliding_window": get("attention.sliding_window")}
    if architecture == "olmo2" and get("attention.sliding_window"):
        config |= {"architectures": ["Olmo3ForCausalLM"], "sliding_window": get("attention.sliding_window"),
                   "layer_types": ["full_attention" if layer % 4 == 3 else "sliding_attention"
                                   for layer in range(get("block_count"))]}
    if architecture == "gpt-oss":
        config |= {"sliding_window": get("attention.sliding_window"), "num_local_experts": get("expert_count"),
                   "num_experts_per_tok": get("expert_used_count"),
                   "layer_types": [("sliding", "full")[layer % 2] + "_attention" for layer in range(get("block_count"))]}
        if any(tensor.dtype == np.uint8 for tensor in source.tensors.values()):
            config["quantization_config"] = {"quant_method": "mxfp4"}
    elif architecture == "deepseek2":
        rotated = get("rope.dimension_count")
        is_third = get("expert_gating_func", 1) == 2
        config |= {"architectures": [f"DeepseekV{3 if is_third else 2}ForCausalLM"], "head_dim": rotated,
                   "num_key_value_heads": heads, "kv_lora_rank": get("attention.kv_lora_rank"),
                   "q_lora_rank": get("attention.q_lora_rank"), "qk_rope_head_dim": rotated,
                   "qk_nope_head_dim": get("attention.key_length_mla") - rotated, "v_head_dim": get("attention.value_length_mla"),
                   "first_k_dense_replace": get("leading_dense_block_count"), "n_routed_experts": get("expert_count"),
                   "num_experts_per_tok": get("expert_used_count"), "n_shared_experts": get("expert_shared_count"),
                   "moe_intermediate_size": get("expert_feed_forward_length"), "norm_topk_prob": get("expert_weights_norm", False),
                   "routed_scaling_factor": get("expert_weights_scale"), "n_group": get("expert_group_count", 1),
                   "topk_group": get("expert_group_used_count", 1), "topk_method": "noaux_tc" if is_third else "greedy",
                   "scoring_func": "sigmoid" if is_third else "softmax"}
    elif get("expert_count"):
        config |= {"num_experts_per_tok": get("expert_used_count")}
        if architecture == "llama":
            config |= {"architectures": ["MixtralForCausalLM"], "num_local_experts": get("expert_count")}
        elif architecture == "granitemoe":
            config |= {"num_local_experts": get("expert_count"),
                       "shared_intermediate_size": get("expert_shared_feed_forward_length")}
        else:
            config |= {"num_experts": get("expert_count"), "moe_intermediate_size": get("expert_feed_forward_length"),
                       "norm_topk_prob": architecture == "qwen3moe"}
        if shared := get("expert_shared_feed_forward_length"):
            config["shared_expert_intermediate_size"] = shared
    return config


def tokenizer_of(source):
    """The SentencePiece vocabulary of a tiny model, whose words merge in the order of their scores."""
    tokens, scores = source.metadata["tokenizer.ggml.tokens"], source.metadata["tokenizer.ggml.scores"]
    known = set(tokens)
    merges = [(-scores[token], text[:cut], text[cut:]) for token, text in enumerate(tokens) if not text.startswith("<")
              for cut in range(1, len(text)) if text[:cut] in known and text[cut:] in known]
    special = [{"id": i, "content": tokens[i], "special": True, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False} for i in range(3)]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "pre_tokenizer": None,
            "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                                        {"Sequence": {"id": "A", "type_id": 0}}],
                               "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                               "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                      "vocab": {text: token for token, text in enumerate(tokens)},
                      "merges": [f"{left} {right}" for _, left, right in sorted(merges, key=lambda merge: merge[0])]}}


# 8-bit floats, of which numpy has the bits.
E4M3 = np.dtype([("F8_E4M3", np.uint8)])


def write_safetensors(path, tensors):
    """uint16 arrays are BF16, which numpy does not have."""
    header, data = {}, []
    offset = 0
    for name, values in tensors.items():
        dtype = "F8_E4M3" if values.dtype == E4M3 else {"uint16": "BF16", "float32": "F32", "float16": "F16", "uint8": "U8", "int8": "I8"}[
            values.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        data.append(np.ascontiguousarray(values).tobytes())
        offset += values.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def write_folder(folder, gguf_path, shards=1, experts="one by one"):
    """Returns the folder. `experts`: or "stacked", or "transposed"."""
    source = Source(gguf_path)
    folder.mkdir()
    tensors = hugging_face_tensors(source, experts)
    names = sorted(tensors)
    files = {}
    for shard in range(shards):
        file = "model.safetensors" if shards == 1 else f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        # In turns, so that experts of one tensor lie in several files.
        some = names[shard::shards]
        write_safetensors(folder / file, {name: tensors[name] for name in some})
        files |= {name: file for name in some}
    if shards > 1:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    (folder / "config.json").write_text(json.dumps(config_of(source)))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_of(source)))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<s>", "eos_token": {"__type": "AddedToken", "content": "</s>"}, "unk_token": "<unk>", "add_bos_token": True,
         "tokenizer_class": "PreTrainedTokenizerFast"}))
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    return folder


def llama3_factors(width, base):
    """Llama Team 2024: wave lengths beyond the original context are stretched, short ones stay, between them it blends."""
    factors = []
    for pair in range(width // 2):
        wave = 2 * math.pi * base ** (2 * pair / width)
        blend = (64 / wave - 1.0) / (4.0 - 1.0)
        factors.append(1.0 if wave < 64 / 4.0 else 8.0 if wave > 64 / 1.0 else 1 / ((1 - blend) / 8.0 + blend))
    return np.array(factors)
