"""What llama-perplexity does, from the semantics of its source (tools/perplexity/perplexity.cpp), in numpy, on the logits
that llama.cpp gives through the PyPI package cyllama."""

import os
import pathlib

import numpy as np
from cyllama.llama import llama_cpp as cyllama

from tests.engine import llama_cpp
from tests.foreign import llama_cpp as foreign

DATA = pathlib.Path(os.environ["ASSAY_DATA"])
BINARY = os.environ["ASSAY_BINARY"]


def chunk_tokens(model, text, context, count):
    """The first chunks of the text as token ids [count, context], and the ids that the model is given: BOS first, where
    the vocabulary adds it."""
    peer = foreign.Model(str(model))  # must outlive its vocabulary
    vocabulary = peer.get_vocab()
    tokens = list(vocabulary.tokenize(text.removesuffix("\n"), True, False))
    chunks = np.array(tokens[: context * count]).reshape(count, context)
    inputs = chunks.copy()
    if vocabulary.get_add_bos():
        inputs[:, 0] = vocabulary.token_bos()
    return chunks, inputs


def targets(chunks):
    """The tokens that the scored rows are to predict."""
    return chunks[:, chunks.shape[1] // 2 + 1 :].reshape(-1)


def peer_logits(model, inputs):
    """llama.cpp's logits of the scored rows, [chunks * rows, vocabulary]; float32 cache. One thread: its threads never sleep
    while they wait."""
    parameters = cyllama.LlamaContextParams()
    context_length = inputs.shape[1]
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = max(256, context_length)
    parameters.n_threads = parameters.n_threads_batch = 1
    parameters.type_k = parameters.type_v = foreign.GGML_TYPE_F32
    parameters.flash_attn_type = 0
    peer = foreign.Model(str(model))
    context = cyllama.LlamaContext(peer, parameters)
    rows = []
    for chunk in inputs:
        context.kv_cache_clear()
        batch = cyllama.LlamaBatch(n_tokens=context_length, embd=0, n_seq_max=1)
        for position, token in enumerate(chunk):
            batch.add(int(token), position, [0], position >= context_length // 2)
        context.decode(batch)
        rows += [np.array(context.get_logits_ith(i), np.float32) for i in range(context_length // 2, context_length - 1)]
    return np.stack(rows)


def our_logits(model, inputs, folder, engine="fast"):
    """The same of one of our engines."""
    context = inputs.shape[1]
    sequences = [(context - context // 2, chunk) for chunk in inputs]
    logits, _ = llama_cpp.dump_logits(model, engine, sequences, folder / "logits.npy")
    rows = logits.reshape(len(inputs), context - context // 2, -1)[:, :-1]
    return rows.reshape(-1, logits.shape[1])


def log_softmax(logits):
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def mean_and_error(values):
    """With positions taken as independent."""
    variance = (values**2).mean() - values.mean() ** 2
    return values.mean(), np.sqrt(variance / (len(values) - 1))


def perplexity(logits, tokens):
    """PPL and its error as the "Final estimate" has them."""
    mean, error = mean_and_error(-log_softmax(logits)[np.arange(len(tokens)), tokens])
    return np.exp(mean), np.exp(mean) * error


def stored_log_probs(logits):
    """What its file of base logits holds: steps of 1/65535 of the range of logits, which ends 16 below the largest.
    Second result: the size of a step, by row."""
    logits = logits.astype(np.float64)
    top = logits.max(axis=1, keepdims=True)
    low = np.maximum(logits.min(axis=1, keepdims=True), top - 16)
    step = (top - low) / 65535
    levels = np.where(logits > low, np.rint((logits - low) / step), 0)
    log_sum = np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return step * levels + (low - top - log_sum), step[:, 0]


def kl_divergence(base_log_probs, logits):
    """By position, in nats. Tokens below e^-16 are left out, as there."""
    candidate = log_softmax(logits)
    terms = np.exp(base_log_probs) * (base_log_probs - candidate)
    return np.where(base_log_probs > -16, terms, 0).sum(axis=1)


def statistics(reference, candidate, tokens):
    """The figures of its tables, from logits; the reference's are not rounded to a file's 16 bits."""
    p, q = log_softmax(reference), log_softmax(candidate)
    at = np.arange(len(tokens)), tokens
    kl = (np.exp(p) * (p - q)).sum(axis=1)
    ratio, ratio_error = mean_and_error(p[at] - q[at])
    same = reference.argmax(axis=1) == candidate.argmax(axis=1)
    return {
        "ppl": np.exp(-q[at].mean()),
        "ppl_base": np.exp(-p[at].mean()),
        "ppl_ratio": np.exp(ratio),
        "ppl_ratio_error": np.exp(ratio) * ratio_error,
        "kl": kl.mean(),
        "kl_error": mean_and_error(kl)[1],
        "kl_median": np.median(kl),
        "kl_p90": np.quantile(kl, 0.9),
        "kl_p99": np.quantile(kl, 0.99),
        "kl_p999": np.quantile(kl, 0.999),
        "kl_max": kl.max(),
        "rms_dp": np.sqrt(((np.exp(q[at]) - np.exp(p[at])) ** 2).mean()),
        "same_top": same.mean(),
    }


def join(chunks):
    """PPL and KL over several chunks of equal length, from the statistics of each."""
    return {"ppl": np.exp(np.mean([np.log(chunk["ppl"]) for chunk in chunks])),
            "kl": np.mean([chunk["kl"] for chunk in chunks])}
