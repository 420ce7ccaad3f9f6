"""llama.cpp through the PyPI package cyllama: logits of every position of a text."""

import numpy as np
from cyllama.llama import llama_cpp as cyllama

GGML_TYPE_F32 = 0


class Model(cyllama.LlamaModel):
    """With the property that cyllama's own get_logits_ith asks for and its model lacks."""

    @property
    def n_vocab(self):
        return self.get_vocab().n_vocab


def logits(path, tokens, **context_settings):
    """[tokens, vocabulary] in float32; one batch, float32 cache, two threads on the CPU.

    `context_settings` are fields of llama_context_params, for example yarn_beta_fast=8.0.
    """
    cyllama.disable_logging()
    parameters = cyllama.LlamaModelParams()
    parameters.n_gpu_layers = 0
    model = Model(path_model=str(path), params=parameters, verbose=False)
    context_parameters = cyllama.LlamaContextParams()
    context_parameters.n_ctx = context_parameters.n_batch = context_parameters.n_ubatch = max(256, len(tokens))
    context_parameters.n_threads = context_parameters.n_threads_batch = 2
    context_parameters.type_k = context_parameters.type_v = GGML_TYPE_F32
    context_parameters.flash_attn_type = 0
    for name, value in context_settings.items():
        setattr(context_parameters, name, value)
    context = cyllama.LlamaContext(model=model, params=context_parameters, verbose=False)
    batch = cyllama.LlamaBatch(n_tokens=len(tokens), embd=0, n_seq_max=1, verbose=False)
    for position, token in enumerate(tokens):
        batch.add(int(token), position, [0], True)
    context.decode(batch)
    return np.array([context.get_logits_ith(position) for position in range(len(tokens))], dtype=np.float32)
