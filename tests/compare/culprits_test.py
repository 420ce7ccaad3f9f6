"""`assay compare --culprits`: a planted tensor comes first, and its figure is that of a file in which it is whole."""

import json
import os
import pathlib
import shutil
import subprocess

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
KINGJAMES = ROOT / "models" / "kingjames-7m.f16.gguf"
PLANTED = "blk.3.attn_output.weight"


def rounded(path, levels):
    """kingjames with blocks of 32 rounded to so many levels on both sides of zero, by the tensor's name."""
    shutil.copy(KINGJAMES, path)
    reader = gguf.GGUFReader(path, "r+")
    for tensor in reader.tensors:
        if tensor.tensor_type.name == "F16" and levels(tensor.name) is not None:
            blocks = np.array(tensor.data, np.float32).reshape(-1, 32)
            step = np.abs(blocks).max(axis=1, keepdims=True) / levels(tensor.name)
            tensor.data[...] = (np.round(blocks / step) * step).reshape(tensor.data.shape).astype(np.float16)
    reader.data.flush()
    return path


def compare(candidate, *arguments, chunks=2):
    run = subprocess.run([os.environ["ASSAY_BINARY"], "compare", KINGJAMES, candidate, "--text", ROOT / "CONTRIBUTING.md",
                          "--ctx", "32", "--chunks", str(chunks), "--drift", "0", "--json", *arguments],
                         check=True, capture_output=True, text=True)
    return json.loads(run.stdout)["candidates"][0]


def test_a_planted_tensor_is_the_first_culprit(tmp_path):
    result = compare(rounded(tmp_path / "planted.gguf", lambda name: 1 if name == PLANTED else 32), "--culprits")
    culprits = result["culprits"]
    assert (culprits[0]["group"], culprits[0]["name"], culprits[0]["tensors"]) == ("tensor", PLANTED, [PLANTED])
    kl = result["kl"]["mean"]
    assert (result["culprits_kl"], result["culprits_chunks"]) == (kl, 2)
    for culprit in culprits:
        assert abs(culprit["kl_share"] - (kl - culprit["kl"]) / kl) < 1e-12

    whole = compare(rounded(tmp_path / "whole.gguf", lambda name: None if name == PLANTED else 32))
    assert culprits[0]["kl"] == whole["kl"]["mean"]
    # And a group of many: everything in the layer.
    layer = next(culprit for culprit in culprits if culprit["group"] == "layer" and culprit["name"] == "blk.3")
    whole = compare(rounded(tmp_path / "layer.gguf", lambda name: None if name in layer["tensors"] else 32))
    assert layer["kl"] == whole["kl"]["mean"] and len(layer["tensors"]) == 7


def test_shares_are_of_the_same_chunks(tmp_path):
    candidate = rounded(tmp_path / "planted.gguf", lambda name: 4 if name == PLANTED else None)
    result = compare(candidate, "--culprits", chunks=3)
    kl = compare(candidate)["kl"]["mean"]
    assert kl != result["kl"]["mean"]
    assert (result["culprits_kl"], result["culprits_chunks"]) == (kl, 2)
    culprit, = result["culprits"]
    assert (culprit["name"], culprit["kl"], culprit["kl_share"]) == (PLANTED, 0, 1)
