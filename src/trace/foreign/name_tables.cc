#include "trace/foreign/name_tables.h"

namespace assay::trace {
namespace {

constexpr std::string_view kBeforeOrAfterRope = "has this name before and after the rotation";
constexpr std::string_view kScratch = "is a buffer that llama2.c uses again and again";

constexpr NameRow kBlockTaps[] = {
    // llama.cpp
    {"qcur", "q q_rope", kBeforeOrAfterRope, false},
    {"kcur", "k k_rope", kBeforeOrAfterRope, false},
    {"vcur", "v", {}},
    {"qcur.normed", "q_norm", {}},
    {"kcur.normed", "k_norm", {}},
    {"kqv.out", "attn attn_out", "is before the output matrix since 2025, after it in older llama.cpp"},
    {"kqv.merged.cont", "attn", {}},
    {"kqv.wo", "attn_out", {}},
    {"ffn.inp", "attn_residual", {}},
    {"sa.out", "attn_residual", {}},
    {"ffn.geglu", "ffn_act", {}},
    {"ffn.gelu", "", "is gelu(gate) alone"},
    {"ffn.gate.b", "ffn_gate", {}, true, -1},  // and without the bias under our name
    {"ffn.up.b", "ffn_up", {}, true, -1},
    {"ffn.gate.par", "ffn_act", {}},
    {"ffn.swiglu", "ffn_act", {}},
    {"ffn.down", "ffn_out", {}, true, 1},  // without the bias, where there is one
    {"l.out", "out", {}},
    {"ffn.silu", "", "is silu(gate) alone"},
    {"norm", "", "is normalized, before the weight is multiplied"},
    {"kq", "", "scores of the attention: no tap"},
    {"kq.scaled", "", "scores of the attention: no tap"},
    {"kq.soft.max", "", "weights of the attention: no tap"},
    {"kq.soft.max.ext", "", "weights of the attention: no tap"},
    {"kq.mask", "", "the mask of the attention: no tap"},
    {"kqv", "", "heads first, before they are merged: no tap"},
    {"kqv.merged", "", "heads first, before they are merged: no tap"},
    // Hugging Face
    {"input.layernorm", "attn_norm", {}},
    {"self.attn.q.proj", "q", {}},
    {"self.attn.k.proj", "k", {}},
    {"self.attn.v.proj", "v", {}},
    {"q.proj", "q", {}},
    {"k.proj", "k", {}},
    {"v.proj", "v", {}},
    {"self.attn.q.norm", "q_norm", {}},
    {"self.attn.k.norm", "k_norm", {}},
    {"self.attn.o.proj", "attn_out", {}},
    {"o.proj", "attn_out", {}},
    {"self.attn", "attn_out", {}},
    {"post.attention.layernorm", "attn_post_norm|ffn_norm", {}},
    {"pre.feedforward.layernorm", "ffn_norm", {}},
    {"post.feedforward.layernorm", "ffn_post_norm", {}},
    {"mlp.gate.proj", "ffn_gate", {}},
    {"mlp.up.proj", "ffn_up", {}},
    {"mlp.down.proj", "ffn_out", {}},
    {"gate.proj", "ffn_gate", {}},
    {"up.proj", "ffn_up", {}},
    {"down.proj", "ffn_out", {}},
    {"mlp", "ffn_out", {}},
    {"mlp.act.fn", "", "is silu(gate) alone"},
    {"self.attn.rotary.emb", "", "is tables of cosines and sines"},
    {"", "out", {}},
    {"query.states", "q q_rope", kBeforeOrAfterRope, false},
    {"key.states", "k k_rope", kBeforeOrAfterRope, false},
    {"value.states", "v", {}},
    {"q.embed", "q_rope", {}},
    {"k.embed", "k_rope", {}},
    // Meta
    {"attention.norm", "attn_norm", {}},
    {"attention.wq", "q", {}},
    {"attention.wk", "k", {}},
    {"attention.wv", "v", {}},
    {"attention.wo", "attn_out", {}},
    {"attention", "attn_out", {}},
    {"feed.forward.w1", "ffn_gate", {}},
    {"feed.forward.w3", "ffn_up", {}},
    {"feed.forward.w2", "ffn_out", {}},
    {"feed.forward", "ffn_out", {}},
    {"xq", "q q_rope", kBeforeOrAfterRope, false},
    {"xk", "k k_rope", kBeforeOrAfterRope, false},
    {"xv", "v", {}},
    // llama2.c
    {"x", "out attn_residual", kScratch, false},
    {"xb", "attn_norm attn ffn_norm ffn_out", kScratch, false},
    {"xb2", "attn_out", {}},
    {"hb", "ffn_gate ffn_act", kScratch, false},
    {"hb2", "ffn_up", {}},
    {"att", "", "weights of the attention: no tap"},
    // what people call them
    {"q.roped", "q_rope", {}},
    {"k.roped", "k_rope", {}},
    {"q.rot", "q_rope", {}},
    {"k.rot", "k_rope", {}},
    {"attn.output", "attn_out", {}},
    {"swiglu", "ffn_act", {}},
    {"resid.mid", "attn_residual", {}},
    {"resid.post", "out", {}},
};

constexpr NameRow kModelTaps[] = {
    // llama.cpp
    {"inp.embd", "embed", {}},
    {"embd", "embed", {}},
    {"inp.scaled", "embed_scaled", {}},
    {"result.norm", "final_norm", {}},
    {"result.output", "logits", {}},
    {"kq.mask", "", "the mask of the attention: no tap"},
    {"inp.pos", "", "positions"},
    {"inp.out.ids", "", "which rows want logits"},
    // Hugging Face
    {"embed.tokens", "embed", {}},
    {"inputs.embeds", "embed", {}},
    {"hidden.states.0", "embed_scaled|embed", {}},
    {"norm", "final_norm", "llama.cpp calls so what is not yet multiplied by the weight", true, 1},
    {"model.norm", "final_norm", {}},
    {"last.hidden.state", "final_norm", {}},
    {"lm.head", "logits_raw|logits", {}},
    // Meta, and what people call them
    {"tok.embeddings", "embed", {}},
    {"token.embd", "embed", {}},
    {"embedding", "embed", {}},
    {"embeddings", "embed", {}},
    {"output.norm", "final_norm", {}},
    {"output", "logits_raw|logits", {}},
    {"logit", "logits", {}},
    {"scores", "logits", {}},
};

constexpr NameRow kBlockWeights[] = {
    {"input.layernorm", "attn_norm", {}},
    {"attention.norm", "attn_norm", {}},
    {"rms.att", "attn_norm", {}},
    {"self.attn.q.proj", "attn_q", {}},
    {"self.attn.k.proj", "attn_k", {}},
    {"self.attn.v.proj", "attn_v", {}},
    {"self.attn.o.proj", "attn_output", {}},
    {"self.attn.q.norm", "attn_q_norm", {}},
    {"self.attn.k.norm", "attn_k_norm", {}},
    {"attention.wq", "attn_q", {}},
    {"attention.wk", "attn_k", {}},
    {"attention.wv", "attn_v", {}},
    {"attention.wo", "attn_output", {}},
    {"wq", "attn_q", {}},
    {"wk", "attn_k", {}},
    {"wv", "attn_v", {}},
    {"wo", "attn_output", {}},
    {"post.attention.layernorm", "post_attention_norm|ffn_norm", {}},
    {"pre.feedforward.layernorm", "ffn_norm", {}},
    {"post.feedforward.layernorm", "post_ffw_norm", {}},
    {"rms.ffn", "ffn_norm", {}},
    {"mlp.gate.proj", "ffn_gate", {}},
    {"mlp.up.proj", "ffn_up", {}},
    {"mlp.down.proj", "ffn_down", {}},
    {"feed.forward.w1", "ffn_gate", {}},
    {"feed.forward.w2", "ffn_down", {}},
    {"feed.forward.w3", "ffn_up", {}},
    {"w1", "ffn_gate", {}},
    {"w2", "ffn_down", {}},
    {"w3", "ffn_up", {}},
};

constexpr NameRow kModelWeights[] = {
    {"embed.tokens", "token_embd", {}},
    {"tok.embeddings", "token_embd", {}},
    {"token.embedding.table", "token_embd", {}},
    {"norm", "output_norm", {}},
    {"rms.final", "output_norm", {}},
    // A model whose head is its table of embeddings has no tensor "output".
    {"lm.head", "output|token_embd", {}},
    {"output", "output|token_embd", {}},
    {"wcls", "output|token_embd", {}},
};

}  // namespace

std::span<const NameRow> block_taps() { return kBlockTaps; }
std::span<const NameRow> model_taps() { return kModelTaps; }
std::span<const NameRow> block_weights() { return kBlockWeights; }
std::span<const NameRow> model_weights() { return kModelWeights; }

}  // namespace assay::trace
