"""How bench/peers.py talks to an engine that is held open in a process of its own: a line in, a line of JSON out.

    prompt N          a prompt of N tokens (logits of the last alone) in an empty context
    fill N            the same, and what the cache holds then is kept for `decode`
    decode N DEPTH    N tokens, one at a time with logits, behind DEPTH tokens: none, or as many as were filled
    memory            {"bytes"}: the most memory the engine has had so far, resident, what the process had before it loaded aside

The first three answer {"wall", "cpu"}: seconds by the clock, and of CPU over all threads.

The first line out, unasked, is {"engine", "load_s", "first_token_s"}; first_token_s counts from the start of loading to the
logits behind FIRST_PROMPT tokens. bench/speed.cc speaks the same for Assay.
"""

import json
import pathlib
import sys
import time

FIRST_PROMPT = 8


def token(i):
    """Some token of any vocabulary; speed does not depend on which."""
    return i * 7 % 500 + 3


def status_bytes(field):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def reset_peak():
    """The peak starts again from what is resident."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def mark():
    return time.perf_counter(), time.process_time()


def between(start, end):
    return {"wall": end[0] - start[0], "cpu": end[1] - start[1]}


class StepByStep:
    """An engine that evaluates tokens when told to: its subclass has evaluate(tokens), clear(), keep(), restore()."""

    def run_prompt(self, count):
        self.clear()
        start = mark()
        self.evaluate([token(i) for i in range(count)])
        return between(start, mark())

    def fill(self, count):
        times = self.run_prompt(count)
        self.keep()
        return times

    def decode(self, count, depth):
        self.restore() if depth else self.clear()
        start = mark()
        for i in range(count):
            self.evaluate([token(i)])
        return between(start, mark())


def serve(load):
    """`load()` -> an engine with name, run_prompt(count), fill(count) and decode(count, depth)."""
    before = status_bytes("VmRSS")
    reset_peak()
    start = time.perf_counter()
    engine = load()
    load_s = time.perf_counter() - start
    engine.run_prompt(FIRST_PROMPT)
    say({"engine": engine.name, "load_s": load_s, "first_token_s": time.perf_counter() - start})
    answers = {"prompt": engine.run_prompt, "fill": engine.fill, "decode": engine.decode,
               "memory": lambda: {"bytes": status_bytes("VmHWM") - before}}
    for line in sys.stdin:
        what, *numbers = line.split()
        say(answers[what](*map(int, numbers)))


def say(answer):
    print(json.dumps(answer), flush=True)
