#!/usr/bin/env python3
"""Trains a small Llama on public-domain English: the King James Bible and Shakespeare.

    bible -f gen1:1-rev22:21 > kjv.txt        (Debian package bible-kjv-text and its reader bible-kjv)
    training/train.py 38

Reads kjv.txt (one verse a line, "Ge1:1 In the beginning...") and tinyshakespeare.txt, trains a SentencePiece vocabulary
unless tok.model is there, then the model for the given number of minutes on the CPU with bfloat16 autocast. Writes
model.npz (float32, under GGUF's tensor names) for export.py. All widths are multiples of 256, so that every K-type fits
every matrix. Needs torch, numpy and sentencepiece.
"""

import argparse
import math
import os
import re
import time

import numpy as np
import sentencepiece
import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTH = 256
LAYERS = 6
HEADS = 4
KV_HEADS = 2
HEAD_WIDTH = WIDTH // HEADS
FEED_FORWARD = 768
VOCABULARY = 4096
CONTEXT = 128
EPSILON = 1e-5
ROPE_BASE = 10000.0

BATCH = 48
PEAK_LEARNING_RATE = 3e-3
WARMUP_STEPS = 100
SPEECHES_PER_DOCUMENT = 20  # so that dialogue is learned, not single speeches
HELD_OUT_EVERY = 40         # one document in so many is never trained on
BOS = 1


# The text.


def read_chapters(path):
    """The Bible, one text a chapter, without references."""
    chapters, current = [], None
    for line in open(path):
        reference, _, verse = line.strip().partition(" ")
        chapter = reference.split(":")[0]
        if chapter != current:
            chapters.append([])
            current = chapter
        chapters[-1].append(verse)
    return [" ".join(verses) for verses in chapters]


def read_speeches(path):
    """The plays, one text a speech, with the speaker's name on its own line."""
    speeches = re.split(r"(?<=\n\n)(?=[A-Z][A-Za-z ]+:\n)", open(path).read())
    return [speech for speech in speeches if speech.strip()]


def load_pieces(path, texts):
    """The SentencePiece vocabulary at `path`; trained on the texts when it is not there."""
    if not os.path.exists(path):
        with open("corpus.txt", "w") as corpus:
            corpus.write("\n".join(texts))
        sentencepiece.SentencePieceTrainer.train(
            input="corpus.txt", model_prefix=os.path.splitext(path)[0], vocab_size=VOCABULARY, model_type="bpe",
            byte_fallback=True, character_coverage=0.9999, add_dummy_prefix=True, normalization_rule_name="identity",
            remove_extra_whitespaces=False, max_sentence_length=100000, bos_id=BOS, eos_id=2, unk_id=0, num_threads=2)
    return sentencepiece.SentencePieceProcessor(path)


def split_documents(pieces, chapters, speeches):
    """All documents as ids in a fixed random order, joined: (training text, held-out text)."""
    documents = [[BOS] + pieces.encode(chapter) for chapter in chapters]
    for at in range(0, len(speeches), SPEECHES_PER_DOCUMENT):
        documents.append([BOS] + pieces.encode("".join(speeches[at:at + SPEECHES_PER_DOCUMENT])))
    np.random.default_rng(0).shuffle(documents)
    training = [document for i, document in enumerate(documents) if i % HELD_OUT_EVERY]
    held_out = documents[::HELD_OUT_EVERY]
    return tuple(torch.tensor(np.concatenate([np.array(d) for d in part])) for part in (training, held_out))


# The model. Modules carry GGUF's names, so that parameter names are tensor names.


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * self.weight


def rope_tables(positions):
    """Cosines and sines, [positions, HEAD_WIDTH / 2]."""
    angles = torch.arange(positions)[:, None] * ROPE_BASE ** (-torch.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)[None]
    return angles.cos(), angles.sin()


COSINES, SINES = rope_tables(1024)


def rope(x):
    """Rotates neighbouring pairs of x [batch, heads, positions, HEAD_WIDTH]."""
    positions = x.shape[2]
    a, b = x[..., 0::2], x[..., 1::2]
    cosines, sines = COSINES[:positions], SINES[:positions]
    return torch.stack((a * cosines - b * sines, a * sines + b * cosines), -1).flatten(-2)


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn_norm, self.ffn_norm = Norm(), Norm()
        self.attn_q = linear(WIDTH, WIDTH)
        self.attn_k = linear(WIDTH, KV_HEADS * HEAD_WIDTH)
        self.attn_v = linear(WIDTH, KV_HEADS * HEAD_WIDTH)
        self.attn_output = linear(WIDTH, WIDTH)
        self.ffn_gate = linear(WIDTH, FEED_FORWARD)
        self.ffn_up = linear(WIDTH, FEED_FORWARD)
        self.ffn_down = linear(FEED_FORWARD, WIDTH)

    def attention(self, h, mask):
        batch, positions, _ = h.shape

        def split(y, heads):
            return y.view(batch, positions, heads, HEAD_WIDTH).transpose(1, 2).float()

        q = rope(split(self.attn_q(h), HEADS))
        k = rope(split(self.attn_k(h), KV_HEADS))
        v = split(self.attn_v(h), KV_HEADS)
        k, v = (y.repeat_interleave(HEADS // KV_HEADS, 1).bfloat16() for y in (k, v))
        scores = torch.matmul(q.bfloat16(), k.transpose(-1, -2)).float() / math.sqrt(HEAD_WIDTH)
        weights = (scores + mask).softmax(-1).bfloat16()
        return self.attn_output(torch.matmul(weights, v).transpose(1, 2).reshape(batch, positions, WIDTH))

    def feed_forward(self, h):
        return self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))

    def forward(self, x, mask):
        x = x + self.attention(self.attn_norm(x), mask).float()
        return x + self.feed_forward(self.ffn_norm(x)).float()


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embd = nn.Embedding(VOCABULARY, WIDTH)
        self.blk = nn.ModuleList(Block() for _ in range(LAYERS))
        self.output_norm = Norm()
        self.output = linear(WIDTH, VOCABULARY)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                # What is added to the residual stream starts smaller, by the number of additions.
                adds = "attn_output" in name or "ffn_down" in name
                nn.init.normal_(parameter, 0, 0.02 / (math.sqrt(2 * LAYERS) if adds else 1))

    def forward(self, ids):
        """Logits [batch, positions, VOCABULARY] of ids [batch, positions]."""
        positions = ids.shape[1]
        mask = torch.full((positions, positions), -1e9).triu(1)
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, mask)
        return self.output(self.output_norm(x)).float()


# Training.


def loss_of(model, inputs, targets):
    with torch.autocast("cpu", torch.bfloat16):
        return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def held_out_loss(model, text):
    """Mean loss over the first 32 windows of the held-out text."""
    windows = (len(text) - 1) // CONTEXT
    inputs = text[:windows * CONTEXT].view(windows, CONTEXT)[:32]
    targets = text[1:windows * CONTEXT + 1].view(windows, CONTEXT)[:32]
    with torch.no_grad():
        return loss_of(model, inputs, targets).item()


def random_batch(text):
    starts = torch.randint(len(text) - CONTEXT - 1, (BATCH,))
    inputs = torch.stack([text[at:at + CONTEXT] for at in starts])
    targets = torch.stack([text[at + 1:at + CONTEXT + 1] for at in starts])
    return inputs, targets


def make_optimizer(model):
    """AdamW; only matrices decay."""
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0)]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))


def learning_rate(step, progress):
    """A linear warm-up, then a cosine over the time that is left, down to a twentieth."""
    warmup = min(1, (step + 1) / WARMUP_STEPS)
    return PEAK_LEARNING_RATE * warmup * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def save(model, path):
    np.savez(path, **{name: parameter.detach().numpy() for name, parameter in model.named_parameters()})


def train(model, training, held_out, minutes, path):
    """Trains for so many minutes, saves now and then, and returns the number of steps."""
    optimizer = make_optimizer(model)
    start, step = time.time(), 0
    while (progress := (time.time() - start) / 60 / minutes) < 1:
        rate = learning_rate(step, progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = loss_of(model, *random_batch(training))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 25 == 0:
            held = f" held {held_out_loss(model, held_out):.3f}" if step % 100 == 0 else ""
            elapsed_min = (time.time() - start) / 60
            print(f"{step} {elapsed_min:.1f} min loss {loss.item():.3f} lr {rate:.1e}{held}", flush=True)
        if step % 300 == 0:
            save(model, path)
    save(model, path)
    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", type=float, help="how long to train")
    parser.add_argument("--bible", default="kjv.txt", help="one verse a line (default: %(default)s)")
    parser.add_argument("--plays", default="tinyshakespeare.txt",
                        help="speeches, empty lines between (default: %(default)s)")
    parser.add_argument("--tokenizer", default="tok.model", help="made when absent (default: %(default)s)")
    parser.add_argument("--output", default="model.npz", help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(default: %(default)s)")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    chapters, speeches = read_chapters(arguments.bible), read_speeches(arguments.plays)
    pieces = load_pieces(arguments.tokenizer, chapters + speeches)
    training, held_out = split_documents(pieces, chapters, speeches)
    print("tokens", len(training), "held out", len(held_out), flush=True)

    model = Model()
    print("parameters", sum(parameter.numel() for parameter in model.parameters()), flush=True)
    steps = train(model, training, held_out, arguments.minutes, arguments.output)
    print("held-out loss", held_out_loss(model, held_out), "steps", steps, flush=True)


if __name__ == "__main__":
    main()
