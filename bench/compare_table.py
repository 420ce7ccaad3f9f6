#!/usr/bin/env python3
"""The tables of docs/compare.md: assay compare beside llama-perplexity --kl-divergence.

llama.cpp's logits come through the PyPI package cyllama (PyPI has no Linux binary of llama-perplexity); what is made of
them is tests/compare/llama_perplexity.py, numpy after the semantics of its source. Both sides see the same chunks.

    bench/compare_table.py REFERENCE.gguf CANDIDATE.gguf... --text FILE --chunks 8
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("ASSAY_BINARY", str(ROOT / "build" / "assay"))
os.environ.setdefault("ASSAY_BUILD", str(ROOT / "build"))
os.environ.setdefault("ASSAY_DATA", str(ROOT.parent / "shared" / "data"))
sys.path.insert(0, str(ROOT))

from tests.compare import llama_perplexity as peer  # noqa: E402


def our_figures(arguments, *more):
    command = [os.environ["ASSAY_BINARY"], "compare", arguments.reference, *arguments.candidates, "--json", "--drift", "0"]
    command += ["--text", arguments.text, "--ctx", str(arguments.ctx), "--chunks", str(arguments.chunks), *more]
    command += ["--threads", str(arguments.threads)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["candidates"]


def their_figures(arguments):
    """Chunk by chunk, so that a few hundred rows of logits exist at once."""
    text = pathlib.Path(arguments.text).read_text()
    chunks, inputs = peer.chunk_tokens(arguments.reference, text, arguments.ctx, arguments.chunks)
    models = [arguments.reference, *arguments.candidates]
    figures = [[] for _ in arguments.candidates]
    for i in range(arguments.chunks):
        tokens = peer.targets(chunks[i : i + 1])
        reference = peer.peer_logits(models[0], inputs[i : i + 1])
        for found, model in zip(figures, models[1:]):
            found.append(peer.statistics(reference, peer.peer_logits(model, inputs[i : i + 1]), tokens))
        print(f"llama.cpp: chunk {i + 1} of {arguments.chunks}", file=sys.stderr)
    return [peer.join(found) for found in figures]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference")
    parser.add_argument("candidates", nargs="+")
    parser.add_argument("--text", required=True)
    parser.add_argument("--ctx", type=int, default=512)
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--precision", help="a policy of the oracle, for one more column")
    arguments = parser.parse_args()
    ours = our_figures(arguments)
    extra = our_figures(arguments, "--engine", "oracle", "--precision", arguments.precision) if arguments.precision else ours
    print("| candidate | bits | PPL | llama.cpp's | off by | KL | llama.cpp's | off by |"
          + (f" KL, oracle with {arguments.precision} |" if arguments.precision else ""))
    print("|---|---|---|---|---|---|---|---|" + ("---|" if arguments.precision else ""))
    for found, more, theirs in zip(ours, extra, their_figures(arguments)):
        kl = found["kl"]["mean"]
        row = [pathlib.Path(found["model"]).stem, f"{found['bits_per_weight']:.2f}", f"{found['ppl']:.4f}",
               f"{theirs['ppl']:.4f}", f"{100 * (found['ppl'] / theirs['ppl'] - 1):+.2f} %",
               f"{kl:.6f} ± {found['kl']['stderr']:.1g}", f"{theirs['kl']:.6f}", f"{100 * (kl / theirs['kl'] - 1):+.1f} %"]
        if arguments.precision:
            row.append(f"{more['kl']['mean']:.6f}")
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
