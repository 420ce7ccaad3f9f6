#!/usr/bin/env python3
"""Time of `assay compare` on a text beside the two passes that llama.cpp needs for it (the reference's logits, then the candidate's),
in turns: only ratios of neighbours mean something.

    compare_peers.py REFERENCE.gguf CANDIDATE.gguf --text FILE [--chunks 8] [--rounds 3] [--threads 2] [--clock cpu]

llama.cpp (build/llama) only decodes the chunks here, with logits where they are scored; llama-perplexity also scores them and writes
and reads them as a file, so that the ratio is in its favour. Starting and loading count on both sides.
"""

import argparse
import ctypes
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONTEXT = 512  # tokens of a chunk, the second half scored


def decode_chunks(model, chunks, threads):
    """One pass of llama.cpp; runs in a process of its own."""
    sys.path.insert(0, str(ROOT / "bench" / "engines"))
    import llama_libraries
    import protocol

    engine = llama_libraries.Engine(model, CONTEXT, threads, plain=False)
    ids = (ctypes.c_int32 * CONTEXT)(*map(protocol.token, range(CONTEXT)))
    wanted = (ctypes.c_int8 * CONTEXT)(*(i >= CONTEXT // 2 for i in range(CONTEXT)))
    batch = engine.batch_of(ids, CONTEXT)
    batch.pointers[5] = ctypes.addressof(wanted)
    for _ in range(chunks):
        engine.clear()
        if engine.compute(engine.context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        engine.logits(engine.context, -1)  # waits


def seconds(clock, *commands):
    def now():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.perf_counter() if clock == "wall" else usage.ru_utime + usage.ru_stime

    start = now()
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    return now() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference")
    parser.add_argument("candidate")
    parser.add_argument("--text", required=True)
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: CPU seconds, for one thread and a busy machine")
    arguments = parser.parse_args()
    chunks, threads = str(arguments.chunks), str(arguments.threads)
    mine = [ROOT / "build" / "assay", "compare", arguments.reference, arguments.candidate, "--text", arguments.text, "--ctx", str(CONTEXT),
            "--chunks", chunks, "--attribute", "0", "--drift", "0", "--threads", threads]
    theirs = [[sys.executable, __file__, "decode", model, chunks, threads] for model in (arguments.reference, arguments.candidate)]
    pairs = [(seconds(arguments.clock, mine), seconds(arguments.clock, *theirs)) for _ in range(arguments.rounds)]
    ratios = [own / other for own, other in pairs]
    print(f"{arguments.chunks} chunks of {CONTEXT}, {threads} threads, {arguments.rounds} rounds in turns ({arguments.clock}): Assay "
          f"{statistics.median(own for own, _ in pairs):.1f} s, llama.cpp's decoding {statistics.median(other for _, other in pairs):.1f} s, "
          f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["decode"]:
        decode_chunks(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
