"""Attention with everything in it changeable: who sees whom, which heads go together, what is normalised over what."""

import numpy as np

from tests.foreign.engine import split_heads


def distance(rows):
    """[query, key] how far the key is behind the query."""
    return np.arange(rows)[:, None] - np.arange(rows)


def causal(call):
    return distance(call.rows) >= 0


def windowed(call):
    """As the model's step sees."""
    return causal(call) & (distance(call.rows) < (call.step.parameters["window"] or call.rows))


def both_in_prompt(call):
    prompt = ~call.decoded()
    return prompt[:, None] & prompt


def without_self(visible, rows):
    """`rows` says which of the rows do not see themselves."""
    return visible & ~np.diag(rows)


def softmax(scores, axis, sink=-np.inf):
    """A sink takes part in the softmax over the keys."""
    largest = np.maximum(scores.max(axis=axis, keepdims=True), sink)
    weights = np.exp(scores - largest)
    return weights / (weights.sum(axis=axis, keepdims=True) + np.exp(sink - largest))


def attend(call, visible=None, kv_head=None, axis=1, weigh=None):
    """`kv_head` gives a query head's key/value head; the weights of a query (axis 1) or of a key (axis 0) add up to 1,
    or `weigh` makes them of the scores. Only the softmax over the keys has a place for sinks."""
    parameters = call.step.parameters
    heads, kv_heads = parameters["heads"], parameters["kv_heads"]
    q, k, v = (split_heads(x, x.shape[1] // count) for x, count in zip(call.inputs, (heads, kv_heads, kv_heads)))
    visible = windowed(call) if visible is None else visible
    kv_head = kv_head or (lambda head: head // (heads // kv_heads))
    has_sinks = parameters.get("sinks") and axis == 1
    attended = np.empty((call.rows, heads, v.shape[2]))
    for head in range(heads):
        scores = parameters["scale"] * (q[:, head] @ k[:, kv_head(head)].T)
        if parameters["soft_cap"]:
            scores = call.engine.soft_cap(scores, parameters["soft_cap"])
        scores = np.where(visible, scores, -np.inf)
        sink = call.engine.model.weight(parameters["sinks"])[head] if has_sinks else -np.inf
        with np.errstate(invalid="ignore"):  # a column of a key that nobody sees
            weights = np.nan_to_num(softmax(scores, axis, sink)) if weigh is None else weigh(scores)
        attended[:, head] = weights @ v[:, kv_head(head)]
    return attended.reshape(call.rows, -1)
