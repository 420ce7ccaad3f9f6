"""The safetensors reader and writer against the PyPI package: values of every dtype both ways, and the same files refused."""

import json
import os
import pathlib
import struct
import subprocess

import numpy as np
import pytest
import safetensors
import safetensors.numpy

DUMP = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "safetensors_dump"
NUMPY = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "I16": np.int16,
         "I8": np.int8, "U64": np.uint64, "U32": np.uint32, "U16": np.uint16, "U8": np.uint8, "BOOL": np.bool_}


def dump(*arguments):
    out = subprocess.run([DUMP, *arguments], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def e4m3(bits):
    """Micikevicius et al. 2022, table 1: bias 7, no infinities, S.1111.111 is NaN."""
    bits = bits.astype(int)
    exponent, mantissa = bits >> 3 & 15, bits & 7
    value = np.where(exponent == 0, mantissa / 8 * 2.0**-6, (1 + mantissa / 8) * 2.0**(exponent - 7.0))
    value = np.where(bits & 127 == 127, np.nan, value)
    return np.where(bits >> 7 == 1, -value, value)


def expected_values(dtype, raw):
    raw = np.frombuffer(raw, np.uint8)
    if dtype == "BF16":
        with np.errstate(invalid="ignore"):
            return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if dtype == "F8_E4M3":
        return e4m3(raw)
    if dtype == "F8_E5M2":
        return (raw.astype(np.uint16) << 8).view(np.float16).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return raw.view(NUMPY[dtype]).astype(np.float64)


def all_dtypes():
    """Every bit pattern of the small types, random ones of the others; empty, scalar and many-dimensional shapes."""
    random = np.random.default_rng(3)
    tensors = {}
    for dtype in [*NUMPY, "BF16", "F8_E4M3", "F8_E5M2"]:
        raw = random.integers(0, 256, 8 * 72, np.uint8)
        if dtype in ("I8", "U8", "F8_E4M3", "F8_E5M2"):
            raw = np.arange(256).astype(np.uint8)
        if dtype == "BOOL":
            raw = raw % 2
        tensors[f"{dtype} é"] = {"dtype": dtype, "raw": raw.tobytes()}
    return tensors


def save(path, tensors, metadata=None):
    def size(tensor):
        return len(expected_values(tensor["dtype"], tensor["raw"]))

    # serialize() takes the format's own names of dtypes, which numpy does not all have.
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        shape = tensor.get("shape", [size(tensor) // 8, 2, 4])
        header[name] = {"dtype": tensor["dtype"], "shape": shape, "data_offsets": [len(data), len(data) + len(tensor["raw"])]}
        data += tensor["raw"]
    write_raw(path, header, data)


def write_raw(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_values_of_every_dtype(tmp_path):
    path, tensors = tmp_path / "in.safetensors", all_dtypes()
    save(path, tensors, {"a": "b", "ü\n": "\"quoted\""})
    assert len(safetensors.deserialize(path.read_bytes())) == len(tensors)
    [ours] = dump(path)
    assert ours["metadata"] == {"a": "b", "ü\n": "\"quoted\""}
    assert {tensor["name"] for tensor in ours["tensors"]} == tensors.keys()
    for tensor in ours["tensors"]:
        expected = expected_values(tensor["dtype"], tensors[tensor["name"]]["raw"])
        actual = np.array(list(map(float, tensor["values"])))
        assert np.array_equal(actual, expected, equal_nan=True), tensor["name"]
        assert np.prod(tensor["shape"]) == len(expected)


def test_reads_what_the_package_writes(tmp_path):
    path = tmp_path / "in.safetensors"
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "scalar": np.array(3.5), "empty": np.zeros((0, 4)),
              "b": np.arange(3, dtype=np.int64)}
    safetensors.numpy.save_file(arrays, path, metadata={"k": "v"})
    [ours] = dump(path)
    assert ours["metadata"] == {"k": "v"}
    for tensor in ours["tensors"]:
        array = arrays[tensor["name"]]
        assert tensor["shape"] == list(array.shape) and list(map(float, tensor["values"])) == array.ravel().tolist()


def test_the_package_reads_what_we_write(tmp_path):
    path, copy, tensors = tmp_path / "in.safetensors", tmp_path / "out.safetensors", all_dtypes()
    tensors["scalar"] = {"dtype": "F32", "raw": b"\0\0\0\0", "shape": []}
    tensors["empty"] = {"dtype": "F32", "raw": b"", "shape": [0, 3]}
    save(path, tensors, {"a": "b"})
    dump(path, "--copy", copy)
    theirs = dict(safetensors.deserialize(copy.read_bytes()))
    assert theirs.keys() == tensors.keys()
    for name, tensor in theirs.items():
        assert tensor["dtype"] == tensors[name]["dtype"] and bytes(tensor["data"]) == tensors[name]["raw"], name
    with safetensors.safe_open(copy, "numpy") as opened:
        assert opened.metadata() == {"a": "b"}
    header_bytes = struct.unpack("<Q", copy.read_bytes()[:8])[0]
    assert (8 + header_bytes) % 64 == 0
    assert [entry.name for entry in tmp_path.iterdir() if ".part" in entry.name] == []


def malformed():
    good = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}}

    def changed(**fields):
        return {**good, "b": {**good["b"], **fields}}

    yield "good", good
    yield "overlap", changed(data_offsets=[7, 10])
    yield "gap", changed(data_offsets=[9, 12])
    yield "past the end", changed(data_offsets=[8, 12], shape=[4])
    yield "backwards", changed(data_offsets=[11, 8])
    yield "shape too small", changed(shape=[2])
    yield "overflow", changed(shape=[2**63, 2, 3])
    yield "negative", changed(shape=[-3])
    yield "float", changed(shape=[3.0])
    yield "dtype", changed(dtype="Q4_K")
    yield "dtype number", changed(dtype=3)
    yield "three offsets", changed(data_offsets=[8, 11, 11])
    yield "one offset", changed(data_offsets=[8])
    yield "no shape", {**good, "b": {"dtype": "U8", "data_offsets": [8, 11]}}
    yield "metadata number", {**good, "__metadata__": {"a": 3}}
    yield "metadata list", {**good, "__metadata__": ["a"]}
    yield "tensor is a list", {**good, "c": [1]}
    yield "nested", changed(shape=[[3]])
    yield "bytes left", {"a": good["a"]}
    yield "array", b"[]"
    yield "text", b"hello"
    yield "nothing", b""
    yield "cut", json.dumps(good).encode()[:-1]
    yield "space first", b" " + json.dumps(good).encode()
    yield "spaces last", json.dumps(good).encode() + b"   "
    yield "more behind", json.dumps(good).encode() + b"{}"
    yield "deep", b"{\"a\":" * 5000


def theirs_reads(path):
    try:
        safetensors.deserialize(path.read_bytes())
        return True
    except safetensors.SafetensorError:
        return False


def test_refuses_what_the_package_refuses(tmp_path):
    paths = []
    for name, header in malformed():
        paths.append(tmp_path / name)
        write_raw(paths[-1], header, bytes(11))
    # Single bytes of a good header changed.
    random = np.random.default_rng(5)
    text = json.dumps(dict(malformed())["good"]).encode()
    for i in range(400):
        mutated = bytearray(text)
        mutated[random.integers(len(text))] = b"\"{}[],:0123 abF\\\x00\xff"[random.integers(18)]
        paths.append(tmp_path / f"mutated {i}")
        write_raw(paths[-1], bytes(mutated), bytes(11))
    for size in range(12):
        paths.append(tmp_path / f"short {size}")
        paths[-1].write_bytes(b"\x09\0\0\0\0\0\0\0{}  "[:size])
    paths.append(tmp_path / "huge header")
    paths[-1].write_bytes(b"\xff" * 8 + b"{}")
    ours = [("error" not in line) for line in dump(*paths)]
    theirs = [theirs_reads(path) for path in paths]
    assert sum(theirs) > 10
    # "MUST begin with a {", says the format's description; the package does not look.
    assert not ours[[path.name for path in paths].index("space first")]
    different = [(path.name, mine) for path, mine, other in zip(paths, ours, theirs) if mine != other
                 and path.name != "space first"]
    assert not different


@pytest.mark.parametrize("header, message", [
    ({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, "tensor 'a': 8 bytes of data, its shape and dtype F32 need 12"),
    ({"a": {"dtype": "F99", "shape": [3], "data_offsets": [0, 8]}}, "tensor 'a': unknown dtype 'F99'"),
    ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, "data_offsets 4 to 12, the file has 8 bytes"),
    (b"{\"a\": nonsense}", "the header is no JSON, at byte offset"),
])
def test_errors_name_the_place(header, message, tmp_path):
    path = tmp_path / "bad.safetensors"
    write_raw(path, header, bytes(8))
    [line] = dump(path)
    assert message in line["error"] and line["error"].startswith(str(path))
