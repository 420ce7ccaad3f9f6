"""What llama-perplexity does, from the semantics of its source (tools/perplexity/perplexity.cpp), in numpy, on the logits
that llama.cpp gives through the PyPI package cyllama."""

import os
import pathlib

import numpy as np

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


def scored(chunks, inputs, logits_of):
    """Logits of the scored rows [chunks * rows, vocabulary] and the tokens that they are to predict. `logits_of` gives
    the logits of all positions of one chunk."""
    context = chunks.shape[1]
    first = context // 2
    rows = np.concatenate([logits_of(list(row))[first : context - 1] for row in inputs])
    return rows, chunks[:, first + 1 :].reshape(-1)


def log_softmax(logits):
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def perplexity(logits, tokens):
    """PPL and its error as the "Final estimate" has them."""
    losses = -log_softmax(logits)[np.arange(len(tokens)), tokens]
    mean, variance = losses.mean(), (losses**2).mean() - losses.mean() ** 2
    return np.exp(mean), np.exp(mean) * np.sqrt(variance / (len(losses) - 1))


def peer_logits(model):
    return lambda tokens: foreign.logits(model, tokens)


def our_logits(model, folder, engine="fast"):
    def logits(tokens):
        rows, _ = llama_cpp.dump_logits(model, engine, [(len(tokens), tokens)], folder / "logits.npy")
        return np.array(rows)

    return logits
