"""llama.cpp of PyPI's cyllama as an engine for bench/peers.py.

    cyllama_engine.py MODEL CONTEXT THREADS
"""

import importlib.metadata
import sys

import protocol


class Engine(protocol.StepByStep):
    def __init__(self, model, context, threads):
        from cyllama.llama import llama_cpp

        llama_cpp.disable_logging()
        self.llama_cpp = llama_cpp
        parameters = llama_cpp.LlamaContextParams()
        parameters.n_ctx = context
        parameters.n_threads = parameters.n_threads_batch = threads
        self.context = llama_cpp.LlamaContext(llama_cpp.LlamaModel(model), parameters)
        self.position = 0
        self.name = f"llama.cpp of cyllama {importlib.metadata.version('cyllama')}"

    def evaluate(self, tokens):
        batch = self.llama_cpp.LlamaBatch(n_tokens=len(tokens), embd=0, n_seq_max=1)
        for i, token in enumerate(tokens):
            batch.add(token, self.position + i, [0], i + 1 == len(tokens))
        self.context.decode(batch)
        self.context.synchronize()  # the package copies logits into a Python list; that is not llama.cpp's time
        self.position += len(tokens)

    def clear(self):
        self.context.kv_cache_clear()
        self.position = 0

    def keep(self):
        self.state, self.kept = self.context.get_state_seq_data(0), self.position

    def restore(self):
        self.clear()
        self.context.set_state_seq_data(self.state, 0)
        self.position = self.kept


if __name__ == "__main__":
    model, context, threads = sys.argv[1:4]
    protocol.serve(lambda: Engine(model, int(context), int(threads)))
