"""OpenVINO GenAI (PyPI, which reads GGUF itself) as an engine for bench/peers.py. It generates whole answers only, so its tokens are
timed from the first that comes out to the last; what the cache holds cannot be kept, and is made anew for every decoding.

    openvino_genai_engine.py MODEL CONTEXT THREADS
"""

import sys
import time

import protocol


class Engine:
    def __init__(self, model, threads):
        import numpy as np
        import openvino
        import openvino_genai

        class Stopwatch(openvino_genai.StreamerBase):
            def __init__(self):
                super().__init__()
                self.marks = []

            def write(self, tokens):
                self.marks += [(time.perf_counter(), time.process_time())] * (len(tokens) if isinstance(tokens, list) else 1)
                return openvino_genai.StreamingStatus.RUNNING

            def end(self):
                pass

        self.tensor_of = lambda ids: openvino.Tensor(np.array([ids], np.int64))
        self.stopwatch, self.settings = Stopwatch, openvino_genai.GenerationConfig
        self.pipeline = openvino_genai.LLMPipeline(model, "CPU", INFERENCE_NUM_THREADS=threads, enable_save_ov_model=False)
        self.runs = 0  # prompts that begin alike would be found in its cache of prefixes
        self.name = f"OpenVINO GenAI {openvino_genai.__version__.split('-')[0]}"

    def generate(self, prompt, count):
        """-> times of `count` tokens, the first of them the prompt's answer."""
        settings, stopwatch = self.settings(), self.stopwatch()
        settings.max_new_tokens, settings.ignore_eos, settings.do_sample = count, True, False
        start = (time.perf_counter(), time.process_time())
        self.runs += 1
        self.pipeline.generate(self.tensor_of([protocol.token(self.runs + i) for i in range(prompt)]), settings, stopwatch)
        if len(stopwatch.marks) < count:
            raise RuntimeError(f"{len(stopwatch.marks)} tokens instead of {count}")
        return [start, *stopwatch.marks]

    def run_prompt(self, count):
        return protocol.between(*self.generate(count, 1)[:2])

    def fill(self, count):
        return self.run_prompt(count)

    def decode(self, count, depth):
        marks = self.generate(max(depth, 1), count + 1)
        return protocol.between(marks[1], marks[count + 1])


if __name__ == "__main__":
    model, _, threads = sys.argv[1:4]
    protocol.serve(lambda: Engine(model, int(threads)))
