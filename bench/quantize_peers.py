#!/usr/bin/env python3
"""Time to quantize a model beside llama.cpp's quantizer (PyPI's cyllama), in turns: only ratios of neighbours mean something.

    quantize_peers.py [MODEL] [--mix Q4_K_M ...] [--rounds 3] [--threads 2]

The same file to the same types; what both write must be the same bytes. The model: the one in models/.
"""

import argparse
import pathlib
import statistics
import subprocess
import tempfile
import time

from cyllama.llama import llama_cpp

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIXES = {"Q8_0": 7, "Q4_0": 2, "Q6_K": 18, "Q5_K_M": 17, "Q4_K_M": 15, "Q2_K": 10}


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=ROOT / "models" / "kingjames-7m.f16.gguf")
    parser.add_argument("--mix", nargs="+", choices=MIXES, default=list(MIXES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    llama_cpp.disable_logging()
    print(f"quantize {pathlib.Path(arguments.model).name}, {arguments.rounds} rounds in turns: seconds, median")
    with tempfile.TemporaryDirectory() as folder:
        mine, theirs = pathlib.Path(folder) / "mine.gguf", pathlib.Path(folder) / "theirs.gguf"
        for mix in arguments.mix:
            parameters = llama_cpp.LlamaModelQuantizeParams()
            parameters.ftype, parameters.nthread, parameters.allow_requantize = MIXES[mix], arguments.threads, True
            command = [ROOT / "build" / "assay", "quantize", arguments.model, mine, mix, "--allow-requantize", "--threads",
                       str(arguments.threads)]
            pairs = [(timed(lambda: subprocess.run(command, check=True, capture_output=True)),
                      timed(lambda: llama_cpp.model_quantize(str(arguments.model), str(theirs), parameters)))
                     for _ in range(arguments.rounds)]
            assert mine.read_bytes() == theirs.read_bytes(), mix
            ratios = [other / own for own, other in pairs]
            print(f"  {mix:8} Assay {statistics.median(own for own, _ in pairs):6.3f}  llama.cpp "
                  f"{statistics.median(other for _, other in pairs):6.3f}  ratio {statistics.median(ratios):5.2f}  "
                  f"({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
