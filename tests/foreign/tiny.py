"""Tiny random models, written by tests/programs/make_tiny_model.cc: a name, and its arguments."""

import os
import pathlib
import subprocess

PROGRAMS = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs"

YARN = "--rope-scaling yarn --head-width 32"

# Variants of rotary embedding, in F32.
ROPE = {
    "plain": "",
    "other base": "--rope-base 500000 --head-width 48",
    "none": "--rope-scaling none --rope-attention-factor 0.7",
    "linear": "--rope-scaling linear",
    "linear, old key": "--float rope.scale_linear=4",
    "linear, attention factor": "--rope-scaling linear --rope-attention-factor 0.7",
    "llama3": "--rope-scaling llama3 --rope-base 500000 --rope-factor 8 --head-width 64",
    "yarn": YARN,
    "yarn, long": f"{YARN} --rope-factor 8 --rope-original-context 2048 --rope-base 1000000",
    "yarn, attention factor": f"{YARN} --rope-attention-factor 0.8",
    "yarn, factor below one": f"{YARN} --rope-factor 0.5",
    "yarn, betas": f"{YARN} --float rope.scaling.yarn_beta_fast=8 --float rope.scaling.yarn_beta_slow=2",
    "yarn, half": f"{YARN} --float rope.scaling.yarn_ext_factor=0.5",
    "yarn, off": f"{YARN} --float rope.scaling.yarn_ext_factor=0",
    "yarn, log multiplier": f"{YARN} --float rope.scaling.yarn_log_multiplier=0.7",
}

# Shapes: head sharing, widths, tied tables, biases.
SHAPES = {
    "one kv head": "--kv-heads 1",
    "no sharing": "--kv-heads 4 --blocks 3",
    "narrow heads": "--heads 8 --kv-heads 2 --head-width 6 --feed-forward 96",
    "wide heads": "--heads 2 --kv-heads 2 --head-width 80",
    "tied": "--tied --vocabulary 300",
    "biases": "--biases --width 96 --feed-forward 64 --blocks 1",
    "scaled": "--scaled --kv-heads 1",
    "odd sizes": "--heads 3 --kv-heads 3 --head-width 14 --width 50 --feed-forward 37 --vocabulary 263",
}

# The other architectures, in two shapes each. Gemma's caps are small enough to bite and its windows short: in a prompt
# of 24 tokens most of them see less than all.
QWEN = {
    "qwen2": "--architecture qwen2 --rope-base 1000000 --tied",
    "qwen2, odd sizes": "--architecture qwen2 --heads 6 --kv-heads 2 --width 84 --feed-forward 37 --blocks 3",
    "qwen3": "--architecture qwen3 --rope-base 1000000 --head-width 32",
    "qwen3, odd sizes": "--architecture qwen3 --heads 3 --kv-heads 1 --head-width 22 --width 40 --feed-forward 51 --tied",
}
CAPPED = "--architecture gemma2 --tied --float attn_logit_softcapping=1.5 --float final_logit_softcapping=4"
GEMMA = {
    "gemma2": f"{CAPPED} --window 7 --blocks 3 --head-width 32",
    "gemma2, odd sizes": f"{CAPPED} --window 1 --heads 3 --kv-heads 3 --head-width 18 --width 50 --feed-forward 37",
    # The numbers that such a file need not hold.
    "gemma2, defaults": "--architecture gemma2 --tied",
    # 46 blocks: another scale of the scores.
    "gemma2, 27B": f"{CAPPED} --blocks 46 --width 32 --head-width 10 --heads 2 --kv-heads 1 --feed-forward 2 "
                   "--vocabulary 259",
}

SANDWICH = "--architecture gemma3 --tied --rope-base 1000000"
GEMMA |= {
    # Two rounds of the pattern of windows, the second not whole; only blocks without a window are scaled. In deep models
    # the gates are large: few of them are where llama.cpp's table makes float32's rounding one of float16.
    "gemma3": f"{SANDWICH} --norm-mean 300 --window 7 --blocks 8 --head-width 32 --rope-scaling linear",
    "gemma3, odd sizes": f"{SANDWICH} --window 1 --blocks 6 --heads 3 --kv-heads 1 --head-width 18 --width 50 "
                         "--feed-forward 37",
    "gemma3, 27B": f"{SANDWICH} --norm-mean 300 --window 3 --blocks 62 --width 32 --head-width 10 --heads 2 --kv-heads 1 "
                   "--feed-forward 24 --vocabulary 259",
}

# Others, in two shapes each.
COHERE2 = "--architecture cohere2 --tied --float logit_scale=0.25"
GRANITE_FACTORS = "--float embedding_scale=3 --float residual_scale=0.4 --float logit_scale=2.5"
GRANITE = f"--architecture granite {GRANITE_FACTORS}"
FAMILIES = {
    "phi3": "--architecture phi3 --fused --rope-dimensions 12 --rope-scaling longrope --rope-attention-factor 1.19 "
            "--rope-original-context 256",
    "phi3, odd sizes": "--architecture phi3 --heads 3 --kv-heads 1 --head-width 14 --width 42 --feed-forward 37 --tied",
    "olmo2": "--architecture olmo2 --blocks 3 --rope-base 500000",
    "olmo2, odd sizes": "--architecture olmo2 --heads 3 --kv-heads 3 --width 42 --feed-forward 37 --vocabulary 263",
    # OLMo 3: a window in three blocks of four, and YaRN in the fourth.
    "olmo2, windows": f"--architecture olmo2 --blocks 6 --window 7 --rope-base 500000 {YARN} --heads 2",
    "olmo2, windows, odd sizes": "--architecture olmo2 --blocks 4 --window 1 --rope-scaling linear --heads 3 --kv-heads 3 "
                                 "--width 42 --feed-forward 37",
    "granite": f"{GRANITE} --float attention.scale=0.1 --tied",
    "granite, unrotated": f"{GRANITE} --unrotated",
    "granite, odd sizes": f"{GRANITE} --heads 6 --kv-heads 3 --width 84 --feed-forward 51 --biases",
    "smollm3": "--architecture smollm3 --blocks 5 --tied --rope-base 2000000",
    "smollm3, odd sizes": "--architecture smollm3 --blocks 4 --heads 3 --kv-heads 1 --width 42 --feed-forward 37",
    "mistral3": f"--architecture mistral3 {YARN} --rope-original-context 16 --float attention.temperature_scale=0.3 "
                "--float rope.scaling.yarn_log_multiplier=1",
    "mistral3, odd sizes": "--architecture mistral3 --heads 3 --kv-heads 1 --head-width 18 --width 50 --feed-forward 37",
    "glm4": "--architecture glm4 --rope-dimensions 8 --biases",
    "glm4, odd sizes": "--architecture glm4 --heads 3 --kv-heads 1 --head-width 14 --width 50 --feed-forward 37 "
                       "--rope-dimensions 6",
    "ernie4_5": "--architecture ernie4_5 --tied --rope-base 500000 --head-width 32",
    "ernie4_5, odd sizes": "--architecture ernie4_5 --heads 3 --kv-heads 1 --head-width 18 --width 50 --feed-forward 37",
    "command-r": "--architecture command-r --tied --float logit_scale=0.0625 --rope-base 8000000",
    "command-r, odd sizes": "--architecture command-r --tied --heads 3 --kv-heads 1 --width 42 --feed-forward 37",
    "cohere2": f"{COHERE2} --window 7 --blocks 5 --rope-base 50000",
    "cohere2, odd sizes": f"{COHERE2} --window 1 --blocks 4 --heads 3 --kv-heads 1 --width 42 --feed-forward 37",
    "starcoder2": "--architecture starcoder2 --tied --rope-base 999999",
    "starcoder2, odd sizes": "--architecture starcoder2 --heads 3 --kv-heads 1 --width 42 --feed-forward 37 --blocks 3",
}
# A window that no other engine of the tests honours.
WINDOWED = {"phi3, window": "--architecture phi3 --fused --window 7"}

# Mixtures of experts, in two shapes each.
EXPERTS = {
    "mixtral": "--experts 4 --feed-forward 96",
    "mixtral, odd sizes": "--experts 3 --used-experts 1 --heads 3 --kv-heads 3 --head-width 14 --width 50 "
                          "--feed-forward 37 --tied",
    "qwen3moe": "--architecture qwen3moe --experts 8 --used-experts 3 --rope-base 1000000 --head-width 32 "
                "--feed-forward 48",
    "qwen3moe, all experts": "--architecture qwen3moe --experts 5 --used-experts 5 --heads 3 --kv-heads 1 "
                             "--head-width 22 --width 40 --feed-forward 27 --tied",
    "qwen2moe": "--architecture qwen2moe --experts 6 --used-experts 4 --rope-base 1000000 --feed-forward 32 "
                "--shared-expert 112",
    "qwen2moe, odd sizes": "--architecture qwen2moe --experts 7 --used-experts 2 --heads 6 --kv-heads 2 --width 84 "
                           "--feed-forward 37 --shared-expert 21 --blocks 3",
    "granitemoe": f"--architecture granitemoe {GRANITE_FACTORS} --experts 6 --used-experts 3 --feed-forward 48 --shared-expert 96",
    "granitemoe, odd sizes": f"--architecture granitemoe {GRANITE_FACTORS} --experts 5 --used-experts 5 --heads 3 --kv-heads 1 --width 42 "
                             "--feed-forward 37 --unrotated --tied",
    "gpt-oss": "--architecture gpt-oss --experts 6 --used-experts 3 --window 7 --blocks 3 --feed-forward 48 "
               f"{YARN} --rope-factor 32 --rope-base 150000",
    "gpt-oss, odd sizes": "--architecture gpt-oss --experts 4 --used-experts 4 --window 1 --heads 3 --kv-heads 3 "
                          "--head-width 14 --width 50 --feed-forward 37",
}

# Latent attention: the form of V3; that of V2-Lite, which llama.cpp knows by its 27 blocks; and one with a tensor of keys
# and values, as files had until 2025.
LATENT = "--architecture deepseek2 --rope-scaling yarn --rope-factor 40 --float rope.scaling.yarn_log_multiplier=0.0707"
EXPERTS |= {
    "deepseek2": f"{LATENT} --blocks 3 --dense-blocks 1 --kv-heads 1 --head-width 48 --rope-dimensions 16 --value-width 32 "
                 "--latent 64 --q-latent 32 --experts 8 --used-experts 3 --feed-forward 32 --shared-expert 64 --router-bias "
                 "--normalised-experts --float expert_weights_scale=2.5 --count expert_gating_func=2 "
                 "--count expert_group_count=4 --count expert_group_used_count=2",
    "deepseek2, lite": f"{LATENT} --blocks 27 --dense-blocks 1 --heads 3 --kv-heads 1 --width 60 --head-width 22 "
                       "--rope-dimensions 6 --value-width 14 --latent 26 --experts 4 --used-experts 2 --feed-forward 17 "
                       "--shared-expert 34 --float expert_weights_scale=1",
    "deepseek2, one tensor": "--architecture deepseek2 --fused --kv-heads 4 --head-width 24 --rope-dimensions 8 "
                             "--value-width 20 --latent 36 --q-latent 28 --experts 4 --feed-forward 40 --shared-expert 40 "
                             "--float expert_weights_scale=1",
}

# Partial rotation: nothing that llama.cpp accepts in this architecture.
PARTIAL_ROPE = {"partial rope": "--rope-dimensions 8"}

# The types of matrices.
TYPES = {name: f"--type {name}" for name in ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL")}
TYPES["NVFP4"] = "--type NVFP4 --embedding-type F32 --fused"
TYPES |= {name: f"--type {name} --width 256 --heads 8 --feed-forward 512"
          for name in ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")}
TYPES |= {name: f"--type {types} --width 256 --heads 8 --feed-forward 512 --blocks 1" for name, types in {
    "IQ2, IQ3": "IQ2_XXS,IQ2_XS,IQ2_S,IQ3_XXS,IQ3_S",
    "IQ1, IQ4_XS, ternary": "IQ1_S,IQ4_XS,TQ1_0,TQ2_0",
}.items()}
# Of experts, which other code reads.
TYPES["experts, mixed"] = "--type Q4_0,F16,Q8_0,BF16 --experts 5 --used-experts 3 --feed-forward 64"
TYPES["experts, MXFP4"] = "--architecture gpt-oss --type MXFP4,Q8_0 --experts 5 --used-experts 3 --window 9 --feed-forward 96"
TYPES["experts, K"] = "--type Q4_K,Q6_K,Q3_K --width 256 --heads 8 --feed-forward 256 --experts 4"
TYPES["mixed"] = "--type Q5_0 --embedding-type Q8_0 --tied --biases --rope-scaling yarn"

# Where faults are planted: what makes them possible is in one or another of these.
FAULTY = {
    "llama, legacy types": "--type Q4_0,Q4_1,Q5_0,Q5_1,Q8_0,IQ4_NL --embedding-type Q8_0 --rope-scaling llama3 "
                           "--rope-base 500000 --rope-factor 8",
    "llama, K types": "--type Q4_K,Q5_K,Q6_K,Q2_K,Q3_K --embedding-type Q6_K --width 256 --heads 8 --kv-heads 4 "
                      "--feed-forward 512 --rope-scaling yarn --biases",
    "llama, plain": "--blocks 3",
    "qwen2": "--architecture qwen2 --type F16 --rope-base 1000000 --tied",
    "qwen3": "--architecture qwen3 --type Q4_0,F16 --rope-base 1000000 --head-width 32",
    "gemma2": f"{CAPPED} --type Q8_0,F16,Q4_1 --window 7 --blocks 3 --head-width 32",
    "qwen2moe": "--architecture qwen2moe --type F32,Q8_0,F16 --experts 6 --used-experts 3 --feed-forward 32 "
                "--shared-expert 64",
    "qwen3moe": "--architecture qwen3moe --type Q4_0,F16 --experts 5 --used-experts 2 --feed-forward 64 "
                "--head-width 32",
    "gpt-oss": "--architecture gpt-oss --type MXFP4,Q8_0 --experts 5 --used-experts 3 --window 7 --feed-forward 64 "
               "--seed 3",  # whose routers have no near ties
    "gemma3": f"{SANDWICH} --type Q8_0,F16 --window 7 --blocks 6 --head-width 32 --rope-scaling linear",
    "deepseek2": f"{LATENT} --type F16,Q8_0 --blocks 2 --dense-blocks 1 --kv-heads 1 --head-width 48 --rope-dimensions 16 "
                 "--value-width 32 --latent 64 --q-latent 32 --experts 8 --used-experts 3 --feed-forward 32 --shared-expert 64 "
                 "--router-bias --normalised-experts --float expert_weights_scale=2.5 --count expert_gating_func=2 --seed 4",
}
# For the faults of what only these families have.
FAULTY_FAMILIES = {
    "granite": f"{GRANITE} --type Q4_0",
    "smollm3": "--architecture smollm3 --type Q8_0 --blocks 5",
    "deepseek2, one tensor": "--architecture deepseek2 --fused --type Q8_0 --kv-heads 4 --head-width 24 --rope-dimensions 8 "
                             "--value-width 16 --latent 32 --experts 4 --feed-forward 32 --shared-expert 32 "
                             "--float expert_weights_scale=1",
}
# Sums of some thousands: activations beyond what float16 has.
LARGE_VALUES = "--type F16 --norm-mean 300"


def make(folder, arguments):
    """Writes the model and returns its path."""
    path = folder / "tiny.gguf"
    subprocess.run([PROGRAMS / "make_tiny_model", path, *arguments.split()], check=True)
    return path
