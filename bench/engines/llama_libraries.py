"""llama.cpp's own shared libraries (npm package @node-llama-cpp/linux-x64, which scripts/setup unpacks into build/llama) as an
engine for bench/peers.py. They choose the instruction set themselves. --plain: weights stay as the file has them; without it they
may be repacked for the CPU while loading, which is llama.cpp's default.

    llama_libraries.py MODEL CONTEXT THREADS [--plain]
"""

import ctypes
import pathlib
import sys

import protocol

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.foreign.llama_watch import CONTEXT_AT, LIBRARIES, Batch, Parameters, function  # noqa: E402

# Of llama_model_params in the same release: use_extra_bufts, which allows repacking.
REPACKING_AT = 74


class Engine(protocol.StepByStep):
    def __init__(self, model, context, threads, plain):
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        _, ggml, llama = (ctypes.CDLL(str(LIBRARIES / name), mode=ctypes.RTLD_GLOBAL)
                          for name in ("libggml-base.so", "libggml.v0.5.0.so", "libllama.v0.5.0.so"))
        function(ggml, "ggml_backend_load_all_from_path", None, text)(str(LIBRARIES).encode())
        llama.llama_backend_init()
        settings = function(llama, "llama_model_default_params", Parameters)()
        if settings.bytes[REPACKING_AT] != 1:
            raise RuntimeError(f"{LIBRARIES}: another release, whose parameters lie elsewhere")
        settings.put(REPACKING_AT, ctypes.c_bool(not plain))
        loaded = function(llama, "llama_model_load_from_file", pointer, text, Parameters)(model.encode(), settings)
        settings = function(llama, "llama_context_default_params", Parameters)()
        settings.put(CONTEXT_AT, ctypes.c_uint32(context))
        self.context = function(llama, "llama_init_from_model", pointer, pointer, Parameters)(loaded, settings)
        function(llama, "llama_set_n_threads", None, pointer, ctypes.c_int32, ctypes.c_int32)(self.context, threads, threads)
        self.compute = function(llama, "llama_decode", ctypes.c_int32, pointer, Batch)
        self.batch_of = function(llama, "llama_batch_get_one", Batch, pointer, ctypes.c_int32)
        self.logits = function(llama, "llama_get_logits_ith", pointer, pointer, ctypes.c_int32)
        memory = function(llama, "llama_get_memory", pointer, pointer)(self.context)
        clear = function(llama, "llama_memory_clear", None, pointer, ctypes.c_bool)
        self.clear = lambda: clear(memory, False)
        self.state = b""
        state_bytes = function(llama, "llama_state_seq_get_size", ctypes.c_size_t, pointer, ctypes.c_int32)
        self.state_bytes = lambda: state_bytes(self.context, 0)
        self.get_state = function(llama, "llama_state_seq_get_data", ctypes.c_size_t, pointer, pointer, ctypes.c_size_t, ctypes.c_int32)
        self.set_state = function(llama, "llama_state_seq_set_data", ctypes.c_size_t, pointer, pointer, ctypes.c_size_t, ctypes.c_int32)
        variant = next(line.split("libggml-cpu-")[1].strip().removesuffix(".so")
                       for line in open("/proc/self/maps") if "libggml-cpu-" in line)
        self.name = f"llama.cpp v0.5.0 {variant}, {'plain' if plain else 'repacking'}"

    def evaluate(self, tokens):
        # In pieces of n_batch, which is 2048.
        for start in range(0, len(tokens), 2048):
            piece = tokens[start:start + 2048]
            ids = (ctypes.c_int32 * len(piece))(*piece)
            if self.compute(self.context, self.batch_of(ids, len(piece))) != 0:
                raise RuntimeError("llama_decode failed")
        self.logits(self.context, -1)  # waits

    def keep(self):
        self.state = ctypes.create_string_buffer(self.state_bytes())
        self.get_state(self.context, self.state, len(self.state), 0)

    def restore(self):
        self.clear()
        assert self.set_state(self.context, self.state, len(self.state), 0) == len(self.state)


if __name__ == "__main__":
    model, context, threads = sys.argv[1:4]
    protocol.serve(lambda: Engine(model, int(context), int(threads), "--plain" in sys.argv))
