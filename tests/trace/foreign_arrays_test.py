"""Dumps of other engines as arrays: numpy and the PyPI package safetensors write them, in the layouts, types and names that
people use; what comes out is compared with what went in."""

import json
import os
import pathlib
import struct
import subprocess
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.foreign import tiny
from tests.foreign.engine import Engine, Model

ASSAY = os.environ["ASSAY_BINARY"]
TOKENS = [1, 200, 7, 42, 258, 7, 19]
HEADS, KV_HEADS, HEAD_WIDTH = 4, 2, 16


def run_dump(model, dump, *arguments):
    command = [tiny.PROGRAMS / "dump_foreign", model, dump, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def read(model, dump, *arguments):
    result = run_dump(model, dump, *arguments)
    assert result.returncode == 0, result.stderr
    trace = json.loads(result.stdout)
    trace["taps"] = {tap["name"]: tap for tap in trace["taps"]}
    return trace


def refused(model, dump, *arguments):
    result = run_dump(model, dump, *arguments)
    assert result.returncode == 2 and result.stdout == "", result.stderr
    return result.stderr.splitlines()[0]


def values(tap):
    return np.array(tap["values"], dtype=np.float64).reshape(len(tap["rows"]), tap["channels"])


def ids(tokens=TOKENS):
    return "--ids", " ".join(map(str, tokens))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("foreign"), "")


@pytest.fixture(scope="module")
def taps(model):
    return Engine(Model(model)).run(TOKENS)


def assert_is(trace, expected, names=None):
    """The named taps (all of them) hold these values in every row."""
    assert trace["taps"].keys() == set(names or expected)
    for name, tap in trace["taps"].items():
        assert tap["rows"] == list(range(len(TOKENS))) and tap["channels"] == expected[name].shape[1], name
        assert np.array_equal(values(tap), expected[name]), name


def test_every_container(model, taps, tmp_path):
    wanted = {name: tap.astype(np.float32) for name, tap in taps.items()}
    arrays = wanted | {"tokens": np.array(TOKENS), "prompt_tokens": np.array(5)}
    np.savez(tmp_path / "stored.npz", **arrays)
    np.savez_compressed(tmp_path / "deflated.npz", **arrays)
    save_file(arrays, tmp_path / "t.safetensors")
    (tmp_path / "folder").mkdir()
    for name, array in arrays.items():
        np.save(tmp_path / "folder" / f"{name}.npy", array)
    for file, name in [("stored.npz", "npz"), ("deflated.npz", "npz"), ("t.safetensors", "safetensors"), ("folder", "folder of npy")]:
        trace = read(model, tmp_path / file)
        assert (trace["format"], trace["tokens"], trace["prompt_tokens"], trace["extra"]) == (name, TOKENS, 5, [])
        assert_is(trace, wanted)
        assert {tap["dtype"] for tap in trace["taps"].values()} == {"F32"} and not any(tap["note"] for tap in trace["taps"].values())


def test_traces_of_ours(model, taps, tmp_path):
    def write(path, *arguments):
        subprocess.run([ASSAY, "trace", model, "--engine", "oracle", "--dtype", "f64", *ids(TOKENS[:4]), "-n", "3", "-o", path,
                        *arguments], check=True, capture_output=True)
    write(tmp_path / "values.safetensors")
    trace = read(model, tmp_path / "values.safetensors")
    assert trace["arithmetic"] == "f64" and trace["prompt_tokens"] == 4 and len(trace["tokens"]) == 7
    expected = Engine(Model(model)).run(trace["tokens"])
    assert trace["taps"].keys() == expected.keys() and not trace["extra"]
    for name, tap in trace["taps"].items():
        assert np.allclose(values(tap), expected[name], rtol=1e-10, atol=1e-12), name

    write(tmp_path / "statistics.safetensors", "--stats")
    trace = read(model, tmp_path / "statistics.safetensors")
    facts = {(kind, row, channel): (value, resolution) for kind, row, channel, value, resolution in trace["taps"]["blk.1.ffn_act"]["facts"]}
    for row, x in enumerate(expected["blk.1.ffn_act"]):
        wanted = {("mean", row, 0): x.mean(), ("rms", row, 0): np.sqrt((x * x).mean()), ("min", row, 0): x.min(),
                  ("max", row, 0): x.max(), ("non_finite", row, 0): 0}
        wanted |= {("value", row, channel): x[channel] for channel in (0, 1, 2, 125, 126, 127)}
        for key, value in wanted.items():
            assert facts[key][0] == pytest.approx(value, rel=1e-9, abs=1e-12) and facts[key][1] < 1e-10, key
    # Of a model of another width only what is as wide can be compared.
    other = read(tiny.make(tmp_path, "--width 96"), tmp_path / "statistics.safetensors")
    assert "embed" not in other["taps"] and "blk.0.ffn_gate" in other["taps"]
    assert "embed: rows of 64 values, the model's have 96" in other["extra"]


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", "bf16", "V2"])
def test_types(model, taps, dtype, tmp_path):
    array = taps["blk.0.q"]
    if dtype in ("bf16", "V2"):  # as uint16, and as the package ml_dtypes stores it
        bits = (array.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        expected, stored = (bits.astype(np.uint32) << 16).view(np.float32), bits if dtype == "bf16" else bits.view("V2")
    else:
        expected = stored = array.astype(dtype)
    np.savez(tmp_path / "t.npz", **{"blk.0.q": stored})
    trace = read(model, tmp_path / "t.npz", *ids())
    assert_is(trace, {"blk.0.q": expected.astype(np.float64)})
    assert ("bfloat16" in trace["taps"]["blk.0.q"]["note"]) == (dtype == "bf16")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", "CF")
def test_versions_and_orders(model, taps, version, order, tmp_path):
    (tmp_path / "d").mkdir()
    heads = taps["blk.0.q"].reshape(len(TOKENS), HEADS, HEAD_WIDTH)
    for name, array in {"blk.0.q": heads, "blk.1.out": taps["blk.1.out"]}.items():
        with open(tmp_path / "d" / f"{name}.npy", "wb") as file:
            np.lib.format.write_array(file, np.asarray(array, order=order), version=version)
    assert_is(read(model, tmp_path / "d", *ids()), {name: taps[name] for name in ("blk.0.q", "blk.1.out")})


def pad(array, *, rows=0, channels=0):
    return np.pad(array, ((0, rows), (0, channels)))


LAYOUTS = {
    "batch axis": (lambda x: x[None], ""),
    "axis in the middle": (lambda x: x[:, None], ""),
    "transposed": (lambda x: x.T, "transposed"),
    "transposed, batch axis": (lambda x: x.T[None], "transposed"),
    "flat": (lambda x: x.ravel(), "flat"),
    "heads": (lambda x: x.reshape(len(x), HEADS, -1), ""),
    "heads first": (lambda x: x.reshape(len(x), HEADS, -1).swapaxes(0, 1), "heads first"),
    "heads first, batch axis": (lambda x: x.reshape(len(x), HEADS, -1).swapaxes(0, 1)[None], "heads first"),
    "tokens last": (lambda x: x.reshape(len(x), HEADS, -1).transpose(1, 2, 0), "transposed"),
    "padded rows": (lambda x: pad(x, rows=9), "zeros"),
    "padded channels": (lambda x: pad(x, channels=5), "padded with zeros"),
    "batch of three": (lambda x: np.stack([x, -x, 2 * x]), "a batch of 3"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_by_shape(model, taps, layout, tmp_path):
    turn, note = LAYOUTS[layout]
    np.savez(tmp_path / "t.npz", **{"blk.1.q_rope": turn(taps["blk.1.q_rope"])})
    trace = read(model, tmp_path / "t.npz", *ids())
    assert_is(trace, {"blk.1.q_rope": taps["blk.1.q_rope"]})
    assert note in trace["taps"]["blk.1.q_rope"]["note"] and bool(note) == bool(trace["taps"]["blk.1.q_rope"]["note"])


@pytest.mark.parametrize("turned", [False, True])
def test_square_layouts_by_content(model, turned, tmp_path):
    tokens = [1, *range(64, 127)]
    expected = Engine(Model(model)).run(tokens)["blk.1.out"]
    noisy = expected + 0.01 * np.random.default_rng(1).normal(size=expected.shape)
    np.savez(tmp_path / "t.npz", **{"blk.1.out": noisy.T if turned else noisy})
    tap = read(model, tmp_path / "t.npz", *ids(tokens), "--reference")["taps"]["blk.1.out"]
    assert np.array_equal(values(tap), noisy)
    assert ("transposed" in tap["note"]) == turned
    # Without our values it is taken as it is written, and that is said.
    tap = read(model, tmp_path / "t.npz", *ids(tokens))["taps"]["blk.1.out"]
    assert np.array_equal(values(tap), noisy.T if turned else noisy) and "more than one way" in tap["note"]


def test_shape_written_innermost_first(model, taps, tmp_path):
    x = taps["blk.1.ffn_up"]
    np.savez(tmp_path / "t.npz", **{"blk.1.ffn_up": x.reshape(x.shape[::-1])})
    tap = read(model, tmp_path / "t.npz", *ids(), "--reference")["taps"]["blk.1.ffn_up"]
    assert np.array_equal(values(tap), x) and "innermost first" in tap["note"]


def test_one_row_and_decode_rows(model, taps, tmp_path):
    np.savez(tmp_path / "t.npz", **{"blk.0.out": taps["blk.0.out"], "logits": taps["logits"][-1], "blk.1.out@0": taps["blk.1.out"][:5],
                                    "blk.1.out@5": taps["blk.1.out"][5:6], "blk.1.out@6": taps["blk.1.out"][6]})
    for arguments in ((), ids()):
        trace = read(model, tmp_path / "t.npz", *arguments)
        assert trace["token_count"] == len(TOKENS) and not trace["extra"]
        assert trace["taps"]["logits"]["rows"] == [6] and "one row" in trace["taps"]["logits"]["note"]
        assert np.array_equal(values(trace["taps"]["logits"])[0], taps["logits"][-1])
        assert trace["taps"]["blk.1.out"]["rows"] == list(range(7))
        assert np.array_equal(values(trace["taps"]["blk.1.out"]), taps["blk.1.out"])
    # As many rows as were decoded are those, fewer ones the first.
    for rows in ([5, 6], [0, 1, 2]):
        np.savez(tmp_path / "d.npz", **{"blk.0.out": taps["blk.0.out"][rows]})
        tap = read(model, tmp_path / "d.npz", *ids(), "--prompt-tokens", 5)["taps"]["blk.0.out"]
        assert tap["rows"] == rows and f"{len(rows)} rows for 7 tokens" in tap["note"]
    # A place that no run has: nothing is taken to be there.
    np.savez(tmp_path / "n.npz", **{f"blk.0.out@{2**64 - 6}": taps["blk.0.out"][:6], f"blk.0.q@{2**64 - 1}": taps["blk.0.q"][:1]})
    for arguments in ((), ids()):
        trace = read(model, tmp_path / "n.npz", *arguments)
        assert not trace["taps"] and len(trace["extra"]) == 2
    # Of the prompt's last token, when it fits that one.
    np.savez(tmp_path / "p.npz", logits=taps["logits"][3])
    trace = read(model, tmp_path / "p.npz", *ids(), "--prompt-tokens", 4, "--reference")
    assert trace["taps"]["logits"]["rows"] == [3]


def test_not_finite_stays(model, taps, tmp_path):
    x = taps["blk.0.attn"].copy()
    x[2, 3], x[4, 5], x[6, 7] = np.nan, np.inf, -np.inf
    save_file({"blk.0.attn": x}, tmp_path / "t.safetensors")
    result = json.loads(run_dump(model, tmp_path / "t.safetensors", *ids()).stdout)["taps"][0]["values"]
    width = x.shape[1]
    assert (result[2 * width + 3], result[4 * width + 5], result[6 * width + 7]) == ("nan", "inf", "-inf")


# Our tap, and what others call it.
NAMES = {
    "embed": "inp_embd embd model.embed_tokens tok_embeddings hidden_states.0 embed_tokens CUDA0#inp_embd#0",
    "blk.1.attn_norm": "attn_norm-1 model.layers.1.input_layernorm layers/1/attention_norm blk_1_attn_norm",
    "blk.1.q": "model.layers.1.self_attn.q_proj model.layers.1.self_attn.q_proj.output layers.1.attention.wq layer1.q",
    "blk.0.k": "base_model.model.model.layers.0.self_attn.k_proj",
    "blk.0.v": "Vcur-0 model.layers.0.self_attn.v_proj",
    "blk.1.q_rope": "layers.1.q_rope l1.q_roped",
    "blk.1.attn": "kqv_out-1 kqv_merged_cont-1",
    "blk.1.attn_out": "attn_out-1 model.layers.1.self_attn.o_proj model.layers.1.self_attn.0 layers.1.attention layers.1.xb2",
    "blk.0.attn_residual": "ffn_inp-0",
    "blk.0.ffn_norm": "ffn_norm-0 model.layers.0.post_attention_layernorm",
    "blk.0.ffn_gate": "ffn_gate-0 model.layers.0.mlp.gate_proj layers.0.feed_forward.w1",
    "blk.0.ffn_up": "ffn_up-0 model.layers.0.mlp.up_proj layers.0.feed_forward.w3 hb2.0",
    "blk.0.ffn_act": "ffn_swiglu-0 ffn_gate_par-0",
    "blk.0.ffn_out": "ffn_out-0 model.layers.0.mlp.down_proj model.layers.0.mlp",
    "blk.0.out": "l_out-0 model.layers.0 hidden_states.1 model/layers/0/output",
    "final_norm": "result_norm model.norm hidden_states.2 last_hidden_state",
    "logits": "result_output lm_head output",
}


def test_names(model, taps, tmp_path):
    for turn in range(max(len(names.split()) for names in NAMES.values())):
        chosen = {names.split()[turn]: ours for ours, names in NAMES.items() if turn < len(names.split())}
        np.savez(tmp_path / "t.npz", **{theirs: taps[ours] for theirs, ours in chosen.items()})
        trace = read(model, tmp_path / "t.npz", *ids())
        assert {tap["given"]: name for name, tap in trace["taps"].items()} == chosen, trace["extra"]
        assert_is(trace, taps, chosen.values())


def test_hidden_states_in_one(model, taps, tmp_path):
    """[states, batch, tokens, channels]; the last state is after the final norm."""
    states = np.stack([taps["embed"], taps["blk.0.out"], taps["final_norm"]])[:, None]
    np.savez(tmp_path / "t.npz", hidden_states=states)
    trace = read(model, tmp_path / "t.npz", *ids())
    assert_is(trace, taps, ["embed", "blk.0.out", "final_norm"])
    assert "after the final norm" in trace["taps"]["final_norm"]["note"]
    # A part of the run each; words behind the name say nothing.
    np.savez(tmp_path / "t.npz", **{"hidden_states@0": states[:, :, :4], "hidden_states_output@4": states[:, :, 4:]})
    assert_is(read(model, tmp_path / "t.npz", *ids()), taps, ["embed", "blk.0.out", "final_norm"])


def test_known_names_without_a_tap(model, taps, tmp_path):
    names = ["kq-N", "kq_soft_max-N", "norm-N", "model.layers.0.mlp.act_fn", "cache_k_lN", "whatever"]
    dumped = [name.replace("N", number) for name in names for number in ("0", "1")]  # what every block has is said once
    np.savez(tmp_path / "t.npz", **{name: taps["embed"] for name in dumped})
    trace = read(model, tmp_path / "t.npz", *ids())
    assert not trace["taps"] and [line.split(":")[0] for line in trace["extra"]] == names
    assert "silu(gate) alone" in trace["extra"][3] and "unknown name" in trace["extra"][5]


def test_names_before_and_after(model, taps, tmp_path):
    """Qcur and llama2.c's buffers mean more than one value: content decides, or nothing."""
    dump = {"Qcur-1": taps["blk.1.q_rope"], "Kcur-0": taps["blk.0.k"], "layers.0.xb": taps["blk.0.ffn_norm"], "hb.1": taps["blk.1.ffn_act"]}
    np.savez(tmp_path / "t.npz", **{name: array.astype(np.float32) for name, array in dump.items()})
    trace = read(model, tmp_path / "t.npz", *ids())
    assert not trace["taps"] and len(trace["extra"]) == 4
    trace = read(model, tmp_path / "t.npz", *ids(), "--reference")
    assert {tap["given"]: name for name, tap in trace["taps"].items()} == {
        "Qcur-1": "blk.1.q_rope", "Kcur-0": "blk.0.k", "layers.0.xb": "blk.0.ffn_norm", "hb.1": "blk.1.ffn_act"}
    # With q there by its own name, Qcur is what is left.
    np.savez(tmp_path / "t.npz", **{"blk.1.q": taps["blk.1.q"], "Qcur-1": taps["blk.1.q_rope"]})
    assert_is(read(model, tmp_path / "t.npz", *ids()), taps, ["blk.1.q", "blk.1.q_rope"])


def test_two_names_for_one_tap(model, taps, tmp_path):
    """llama.cpp's "norm" and "ffn_down" may be a tap, unless the name that surely is it is there too."""
    np.savez(tmp_path / "t.npz", **{"norm": taps["embed"], "ffn_down-0": taps["embed"], "ffn_out-0": taps["blk.0.ffn_out"],
                                    "result_norm": taps["final_norm"]})
    trace = read(model, tmp_path / "t.npz", *ids())
    assert_is(trace, taps, ["final_norm", "blk.0.ffn_out"])
    assert trace["extra"] == ["norm: 'final_norm' is there already", "ffn_down-0: 'blk.0.ffn_out' is there already"]


def test_unknown_names_by_content(model, taps, tmp_path):
    random = np.random.default_rng(3)
    chosen = ["blk.0.q", "blk.0.q_rope", "blk.1.v", "blk.1.attn", "blk.0.ffn_act", "blk.1.out", "final_norm", "logits"]
    arrays = {f"x{i}": (taps[name] + 1e-3 * random.normal(size=taps[name].shape)).astype(np.float32) for i, name in enumerate(chosen)}
    arrays |= {"x8": random.normal(size=(len(TOKENS), 64)), "x9": np.zeros((len(TOKENS), 64)), "x10": random.normal(size=(3, 5)),
               "x11": arrays["x2"].T}
    np.savez(tmp_path / "t.npz", **arrays)
    trace = read(model, tmp_path / "t.npz", *ids(), "--reference")
    assert {tap["given"]: name for name, tap in trace["taps"].items()} == {f"x{i}": name for i, name in enumerate(chosen)}, trace["extra"]
    for tap in trace["taps"].values():
        assert 0.9 <= tap["confidence"] < 1 and "matched by content, confidence" in tap["note"]
    left = {line.split(":")[0]: line for line in trace["extra"]}
    assert left.keys() == {"x8", "x9", "x10", "x11"}
    assert "no tap well" in left["x8"] and "[3, 5]" in left["x10"] and "'blk.1.v' is there already" in left["x11"]


def test_content_that_fits_two_taps(model, taps, tmp_path):
    """Halfway between them it is neither; nearer to one, but not by far, it is not clear enough either."""
    one, other = (taps[name] / np.linalg.norm(taps[name]) for name in ("blk.1.attn_residual", "blk.1.out"))
    for share in (0.5, 0.6):
        np.savez(tmp_path / "t.npz", x=share * one + (1 - share) * other)
        trace = read(model, tmp_path / "t.npz", *ids(), "--reference")
        assert not trace["taps"] and "not clear enough" in trace["extra"][0], trace["extra"]


def test_ids_of_another_model_have_no_content(model, taps, tmp_path):
    np.savez(tmp_path / "t.npz", tokens=np.array([1, 99_999_999, 7]), whatever=taps["blk.0.out"][:3])
    for arguments in ((), ("--reference",)):
        trace = read(model, tmp_path / "t.npz", *arguments)
        assert not trace["taps"] and "an unknown name" in trace["extra"][0]


def halves(x, heads):
    """From neighbours (2i, 2i + 1) to halves (i, i + half) in each head."""
    return x.reshape(len(x), heads, -1, 2).swapaxes(2, 3).reshape(len(x), -1)


def test_order_of_channels_in_heads(model, taps, tmp_path):
    """Told where values were compared, and never converted."""
    dump = {"Qcur-0": halves(taps["blk.0.q_rope"], HEADS), "query": halves(taps["blk.1.q"], HEADS), "Kcur-1": taps["blk.1.k"]}
    np.savez(tmp_path / "t.npz", **dump, **{"blk.0.k": halves(taps["blk.0.k"], KV_HEADS)})
    trace = read(model, tmp_path / "t.npz", *ids(), "--reference")
    assert {name: tap["head_order"] for name, tap in trace["taps"].items()} == {
        "blk.0.q_rope": "other", "blk.1.q": "other", "blk.1.k": "ours", "blk.0.k": "unknown"}
    assert "other order" in trace["taps"]["blk.1.q"]["note"]
    assert np.array_equal(values(trace["taps"]["blk.1.q"]), dump["query"])


def test_map(model, taps, tmp_path):
    np.savez(tmp_path / "t.npz", **{"dec/0/Q": taps["blk.0.q"], "dec/1/Q": taps["blk.1.q"], "stepNorm_final": taps["final_norm"],
                                    "kq-0": taps["blk.0.k"], "ATTN_1": taps["blk.1.k"], "seq": np.array(TOKENS), "scratch_7": taps["embed"]})
    lines = tmp_path / "map"
    lines.write_text("# theirs = ours\ndec/N/Q = blk.N.q\n*Norm_final=final_norm\n\nkq-N = blk.N.k\nATTN_N = blk.N.k\nseq = tokens\nscratch* = -\n")
    trace = read(model, tmp_path / "t.npz", "--map", lines)
    assert trace["tokens"] == TOKENS and trace["extra"] == ["scratch_N: left out by the map"]
    assert_is(trace, taps, ["blk.0.q", "blk.1.q", "final_norm", "blk.0.k", "blk.1.k"])
    lines.write_text("a = blk.0.q\nb blk.1.q\n")
    assert "line 2" in refused(model, tmp_path / "t.npz", "--map", lines)
    lines.write_text("seq = blk.0.quu\n")
    assert "blk.0.quu" in refused(model, tmp_path / "t.npz", "--map", lines)


def test_weights(model, tmp_path):
    weights = Model(model)
    named = {"model.layers.0.self_attn.q_proj.weight": "blk.0.attn_q.weight", "blk.1.ffn_down.weight": "blk.1.ffn_down.weight",
             "layers.0.feed_forward.w3.weight": "blk.0.ffn_up.weight", "model.norm.weight": "output_norm.weight",
             "lm_head.weight": "output.weight", "tok_embeddings.weight": "token_embd.weight",
             "model.layers.1.post_attention_layernorm.weight": "blk.1.ffn_norm.weight"}
    np.savez(tmp_path / "t.npz", **{theirs: weights.weight(ours) for theirs, ours in named.items()})
    trace = read(model, tmp_path / "t.npz")
    assert {weight["given"]: weight["name"] for weight in trace["weights"]} == named and not trace["extra"]
    for weight in trace["weights"]:
        expected = weights.weight(weight["name"])
        assert weight["shape"] == list(expected.shape) and np.array_equal(np.reshape(weight["values"], expected.shape), expected)


def test_tokens_and_generated(model, taps, tmp_path):
    np.savez(tmp_path / "t.npz", input_ids=np.array([TOKENS]), generated=np.array([[*TOKENS, 5, 6]]))
    trace = read(model, tmp_path / "t.npz", *ids([9, 9]))  # the dump wins
    assert trace["tokens"] == TOKENS and trace["generated"] == [5, 6] and "began with the prompt" in trace["notes"][0]
    np.savez(tmp_path / "bad.npz", tokens=np.array([1.5]))
    assert "1.5 at index 0 is no token id" in refused(model, tmp_path / "bad.npz")


def test_logits_and_ids_alone(model, taps, tmp_path):
    logits = taps["logits"].astype(np.float32)
    logits.tofile(tmp_path / "logits.bin")
    np.save(tmp_path / "out.npy", logits)
    for file in ("logits.bin", "out.npy"):
        assert_is(read(model, tmp_path / file, *ids()), {"logits": logits})
    logits[-1].tofile(tmp_path / "last.f32")
    assert read(model, tmp_path / "last.f32", *ids())["taps"]["logits"]["rows"] == [6]
    (tmp_path / "bad.bin").write_bytes(logits.tobytes()[:-1])
    assert "no whole rows of 320" in refused(model, tmp_path / "bad.bin")
    (tmp_path / "ids.txt").write_text(", ".join(map(str, TOKENS)) + "\n")
    np.save(tmp_path / "seq.npy", np.array(TOKENS, dtype=np.int32))
    for file in ("ids.txt", "seq.npy"):
        trace = read(model, tmp_path / file)
        assert trace["tokens"] == TOKENS and trace["prompt_tokens"] == len(TOKENS) and not trace["taps"]


def npy(header, data=b"", version=b"\x01\x00"):
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + data


BAD_ARRAYS = {
    "big-endian": (lambda: np.arange(4, dtype=">f4"), "big-endian"),
    "complex": (lambda: np.zeros(4, dtype=np.complex64), "no real numbers"),
    "objects": (lambda: np.array([{}, []], dtype=object), "pickled"),
    "structured": (lambda: np.zeros(4, dtype=[("a", "<f4")]), "structured"),
    "text": (lambda: np.array(["a"]), "no real numbers"),
}


@pytest.mark.parametrize("what", BAD_ARRAYS)
def test_types_that_are_refused(model, what, tmp_path):
    make, message = BAD_ARRAYS[what]
    np.savez(tmp_path / "t.npz", good=np.zeros(3, dtype=np.float32), bad=make())
    line = refused(model, tmp_path / "t.npz")
    assert message in line and "t.npz: member 'bad.npy'" in line


BAD_FILES = {
    "empty.npy": (npy(""), "no '{'"),
    "cut.npy": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", bytes(11)), "11 bytes from byte offset"),
    "long.npy": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", bytes(13)), "13 bytes from byte offset"),
    "huge.npy": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"), "overflows"),
    "much.npy": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }"), "0 bytes from byte offset"),
    "key.npy": (npy("{'descr': '<f4', 'fortran_order': False, 'shop': (3,), }"), "key 'shop'"),
    "twice.npy": (npy("{'descr': '<f4', 'descr': '<f4', 'shape': (3,), }"), "key 'descr'"),
    "less.npy": (npy("{'descr': '<f4', 'shape': (3,), }"), "lacks"),
    "truth.npy": (npy("{'descr': '<f4', 'fortran_order': 1, 'shape': (3,), }"), "neither True nor False"),
    "minus.npy": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }"), "no number"),
    "behind.npy": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } {}"), "text behind"),
    "version.npy": (npy("{}", version=b"\x09\x00"), "version 9.0"),
    "short.npy": (b"\x93NUMPY\x01\x00\xff\xff{", "ends inside its header"),
    "model.npz": (b"GGUF" + bytes(40), "a model"),
    "zeros.npz": (bytes(100), "no format that is known"),
    "words.txt": (b"Once upon a time", "neither"),
    "cut.safetensors": (struct.pack("<Q", 20) + b'{"a":{"dtype":"F32",', "no JSON"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_files_that_are_refused(model, name, tmp_path):
    content, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    line = refused(model, tmp_path / name)
    assert message in line and name in line
    if name.endswith(".npy") and b"NUMPY" in content:
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr(name, content)
        line = refused(model, tmp_path / "a.npz")
        assert f"a.npz: member '{name}'" in line


def test_archives_that_are_refused(model, taps, tmp_path):
    np.savez_compressed(tmp_path / "good.npz", **taps)
    whole = (tmp_path / "good.npz").read_bytes()
    for end in (30, 60, 1000, len(whole) // 2):
        (tmp_path / "cut.npz").write_bytes(whole[:end])
        assert "cut.npz" in refused(model, tmp_path / "cut.npz")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logits.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (20000000,), }", bytes(80_000_000)))
    assert "unpacks to far more than 64 times the file" in refused(model, tmp_path / "bomb.npz")
    with zipfile.ZipFile(tmp_path / "torch.npz", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    assert "PyTorch" in refused(model, tmp_path / "torch.npz")
    (tmp_path / "nothing").mkdir()
    assert "without .npy" in refused(model, tmp_path / "nothing")
    assert "nowhere" in refused(model, tmp_path / "nowhere")
