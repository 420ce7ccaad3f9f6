"""llama.cpp with its evaluation watched: the text that its eval-callback prints, and whole tensors.

    text = eval_text("model.gguf", [1, 42, 7])
    tensors = tensors("model.gguf", [1, 42, 7], folder)      # {"Qcur-0 ROPE": [7, 64] float32, ...}

Python packages hide the callback. The npm package @node-llama-cpp/linux-x64 holds llama.cpp's shared libraries as they are built,
with common/debug.cpp, which does the printing; scripts/setup unpacks it into build/llama. Their C API is called through ctypes, in
a process of its own.

    python llama_watch.py MODEL IDS (text | FOLDER)
"""

import ctypes
import os
import pathlib
import subprocess
import sys

import numpy as np

LIBRARIES = pathlib.Path(__file__).parents[2] / "build" / "llama" / "package" / "bins" / "linux-x64"

# Of llama_context_params in the release that scripts/setup unpacks, in bytes.
CONTEXT_AT, FLASH_ATTENTION_AT, CALLBACK_AT, CALLBACK_DATA_AT, CACHE_TYPES_AT = 0, 52, 88, 96, 104
# Of ggml_tensor: type, ne.
TENSOR_TYPE_AT, TENSOR_NE_AT = 0, 16
F32 = 0


def is_there():
    return LIBRARIES.is_dir()


def run(path, tokens, what):
    command = [sys.executable, __file__, path, " ".join(map(str, tokens)), what]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def eval_text(path, tokens):
    """One graph over the tokens, logits of the last alone; float32 cache, no flash attention, one thread."""
    return run(path, tokens, "text")


def tensors(path, tokens, folder):
    """Every contiguous float32 tensor by "name operation", in the order of computation; the folder gets the files."""
    run(path, tokens, folder)
    files = sorted(pathlib.Path(folder).glob("[0-9]*.npy"))
    return {file.stem.partition(" ")[2].replace("%", "/"): np.load(file) for file in files}


class Parameters(ctypes.Structure):
    """More than any of the structs that are passed by value has."""

    _fields_ = [("bytes", ctypes.c_uint8 * 256)]

    def put(self, at, value):
        memory = bytes(value)
        self.bytes[at:at + len(memory)] = list(memory)


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("pointers", ctypes.c_void_p * 6)]


def function(library, name, result, *arguments):
    found = getattr(library, name)
    found.restype, found.argtypes = result, arguments
    return found


def main(path, tokens, what):
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    base, ggml, llama, common = (ctypes.CDLL(str(LIBRARIES / name), mode=ctypes.RTLD_GLOBAL) for name in (
        "libggml-base.so", "libggml.v0.5.0.so", "libllama.v0.5.0.so", "libllama-common.so"))
    function(ggml, "ggml_backend_load_all_from_path", None, text)(str(LIBRARIES).encode())
    name_of = function(base, "ggml_get_name", text, pointer)
    operation_of = function(base, "ggml_op_desc", text, pointer)
    data_of = function(base, "ggml_get_data", pointer, pointer)
    is_contiguous = function(base, "ggml_is_contiguous", ctypes.c_bool, pointer)
    saved = {}

    @ctypes.CFUNCTYPE(ctypes.c_bool, pointer, ctypes.c_bool, pointer)
    def save(tensor, asks, _):
        kind = ctypes.c_int32.from_address(tensor + TENSOR_TYPE_AT).value
        if not asks and kind == F32 and is_contiguous(tensor):
            shape = [length for length in reversed((ctypes.c_int64 * 4).from_address(tensor + TENSOR_NE_AT))]
            values = np.ctypeslib.as_array(ctypes.cast(data_of(tensor), ctypes.POINTER(ctypes.c_float)), shape)
            saved[f"{name_of(tensor).decode()} {operation_of(tensor).decode()}"] = values.copy()
        return True

    llama.llama_backend_init()
    model = function(llama, "llama_model_load_from_file", pointer, text, Parameters)(
        str(path).encode(), function(llama, "llama_model_default_params", Parameters)())
    settings = function(llama, "llama_context_default_params", Parameters)()
    callback, data = save, ctypes.create_string_buffer(256)
    if what == "text":
        callback = common._Z20common_debug_cb_evalP11ggml_tensorbPv
        common._ZN25common_debug_cb_user_dataC1Ev(data)
    settings.put(CONTEXT_AT, ctypes.c_uint32(max(256, len(tokens))))
    settings.put(FLASH_ATTENTION_AT, ctypes.c_int32(0))
    settings.put(CALLBACK_AT, ctypes.c_uint64(ctypes.cast(callback, pointer).value))
    settings.put(CALLBACK_DATA_AT, ctypes.c_uint64(ctypes.addressof(data)))
    settings.put(CACHE_TYPES_AT, (ctypes.c_int32 * 2)(F32, F32))
    context = function(llama, "llama_init_from_model", pointer, pointer, Parameters)(model, settings)
    function(llama, "llama_set_n_threads", None, pointer, ctypes.c_int32, ctypes.c_int32)(context, 1, 1)
    ids = (ctypes.c_int32 * len(tokens))(*tokens)  # the batch points to it
    batch = function(llama, "llama_batch_get_one", Batch, pointer, ctypes.c_int32)(ids, len(tokens))
    assert function(llama, "llama_decode", ctypes.c_int32, pointer, Batch)(context, batch) == 0
    if what == "text":
        log = function(common, "_Z15common_log_mainv", pointer)()
        function(common, "_Z16common_log_flushP10common_log", None, pointer)(log)
    for i, (name, values) in enumerate(saved.items()):
        np.save(pathlib.Path(what) / f"{i:05} {name.replace('/', '%')}.npy", values)
    sys.stdout.flush()
    os._exit(0)  # nothing is torn down in order


if __name__ == "__main__":
    main(sys.argv[1], list(map(int, sys.argv[2].split())), sys.argv[3])
