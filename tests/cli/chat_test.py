"""assay chat: over a pipe, and on a terminal (a pty) with Ctrl-C. The model is kingjames with a chat template added."""

import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter

from tests.tokenizer import peers

ROOT = pathlib.Path(__file__).parent.parent.parent
TEMPLATE = ("{% if tools %}{{ '[tools] ' + tools|tojson }}{% endif %}{% for message in messages %}{{ '[' + message['role'] + '] ' + message['content'] + ' ' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """kingjames as it is, with a template."""
    path = tmp_path_factory.mktemp("chat") / "chat.gguf"
    reader = GGUFReader(ROOT / "models" / "kingjames-7m.f16.gguf")
    writer = GGUFWriter(path, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        types = field.types
        if types[0] == GGUFValueType.ARRAY:
            writer.add_key_value(field.name, field.contents(), GGUFValueType.ARRAY, types[-1])
        else:
            writer.add_key_value(field.name, field.contents(), types[0])
    writer.add_chat_template(TEMPLATE)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def converse(model, lines, *arguments, count=12):
    result = subprocess.run([os.environ["ASSAY_BINARY"], "chat", model, "--temp", "0", "-n", str(count), "--json", *arguments],
                            input="".join(line + "\n" for line in lines), text=True, capture_output=True, timeout=120)
    return result, [json.loads(line) for line in result.stdout.splitlines()]


def test_the_template_is_applied(model):
    result, answers = converse(model, ["Who is the king?"], "--system", "Be brief.")
    assert result.returncode == 0, result.stderr
    run = subprocess.run([os.environ["ASSAY_BINARY"], "run", model, "--temp", "0", "-n", "12", "--json", "-p",
                          "[system] Be brief. [user] Who is the king? [assistant]"], capture_output=True, timeout=60)
    assert answers[0]["tokens"] == json.loads(run.stdout)["tokens"]
    chat = subprocess.run([os.environ["ASSAY_BINARY"], "run", model, "--temp", "0", "-n", "12", "--json", "--chat", "--system",
                           "Be brief.", "-p", "Who is the king?"], capture_output=True, timeout=60)
    assert json.loads(chat.stdout)["prompt_tokens"] == json.loads(run.stdout)["prompt_tokens"]


def run_with_tools(model, tools, tmp_path):
    (tmp_path / "tools.json").write_text(tools)
    return subprocess.run([os.environ["ASSAY_BINARY"], "run", model, "-n", "0", "--json", "--chat", "-p", "Go", "--tools",
                           tmp_path / "tools.json"], capture_output=True, text=True, timeout=60)


def test_tools_reach_the_template(model, tmp_path):
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"z": 1, "a": "ä"}}}
    with_tools = run_with_tools(model, json.dumps([tool]), tmp_path)
    text = "[tools] " + json.dumps([tool], ensure_ascii=False) + "[user] Go [assistant]"
    plain = subprocess.run([os.environ["ASSAY_BINARY"], "run", model, "-n", "0", "--json", "-p", text], capture_output=True, timeout=60)
    assert json.loads(with_tools.stdout)["prompt_tokens"] == json.loads(plain.stdout)["prompt_tokens"]
    for wrong in ["{}", "[1]", "[", '"tools"']:
        refused = run_with_tools(model, wrong, tmp_path)
        assert refused.returncode == 2 and "tools.json: not a list of tools" in refused.stderr


def test_tools_need_a_place(tmp_path):
    template = peers.string_pair("tokenizer.chat_template", "{{ messages[0].content }}")
    source = ROOT / "models" / "kingjames-7m.f16.gguf"
    none = run_with_tools(peers.with_pairs(source, tmp_path / "none.gguf", [template]), "[]", tmp_path)
    assert none.returncode == 2 and "has no place for tools" in none.stderr
    special = peers.string_pair("tokenizer.chat_template.tool_use", "{{ tools|length }} tools")
    own = run_with_tools(peers.with_pairs(source, tmp_path / "own.gguf", [template, special]), "[{}, {}]", tmp_path)
    plain = subprocess.run([os.environ["ASSAY_BINARY"], "run", "-n", "0", "--json", "-p", "2 tools"], capture_output=True, timeout=60)
    assert json.loads(own.stdout)["prompt_tokens"] == json.loads(plain.stdout)["prompt_tokens"]


def test_only_what_is_new_is_evaluated(model):
    lines = ["Who is the king?", "And who is the prophet?"]
    result, answers = converse(model, lines)
    assert result.returncode == 0, result.stderr
    first, second = answers
    assert first["reused_tokens"] == 0 and second["reused_tokens"] > first["timing"]["prompt_tokens"] - 2
    # The same answer as when everything is evaluated again.
    history = f"[user] {lines[0]} [assistant] {first['text']} [user] {lines[1]} [assistant]"
    run = subprocess.run([os.environ["ASSAY_BINARY"], "run", model, "--temp", "0", "-n", "12", "--json", "-p", history],
                         capture_output=True, timeout=60)
    whole = json.loads(run.stdout)
    assert second["tokens"] == whole["tokens"]
    assert second["reused_tokens"] + second["timing"]["prompt_tokens"] == len(whole["prompt_tokens"])


def test_save_load_clear(model, tmp_path):
    path = tmp_path / "conversation.json"
    result, answers = converse(model, ["/system Be brief.", "Who is the king?", f"/save {path}", "/clear", "Who is the king?"])
    assert result.returncode == 0, result.stderr
    assert answers[0]["tokens"] == answers[1]["tokens"]
    saved = json.loads(path.read_text())
    assert saved == {"version": 1, "messages": [{"role": "system", "content": "Be brief."},
                                                {"role": "user", "content": "Who is the king?"},
                                                {"role": "assistant", "content": answers[0]["text"]}]}
    _, direct = converse(model, ["/system Be brief.", "Who is the king?", "And then?"])
    _, loaded = converse(model, [f"/load {path}", "And then?"])
    assert loaded[0]["tokens"] == direct[1]["tokens"]


@pytest.mark.parametrize("line, words", [("/frobnicate", "there is no /frobnicate"), ("/load nosuch.json", "nosuch.json: cannot open"),
                                         ("/save", "needs a file name")])
def test_a_mistake_over_a_pipe_ends_it(model, line, words):
    result, answers = converse(model, [line, "Hello"])
    assert result.returncode == 2 and words in result.stderr and answers == []


def test_a_conversation_that_is_none(model, tmp_path):
    path = tmp_path / "bad.json"
    for content in ("", "{}", "[1]", '[{"role": "user"}]', "[" * 100000):
        path.write_text(content)
        result, _ = converse(model, [f"/load {path}"])
        assert result.returncode == 2 and str(path) in result.stderr


def test_a_message_that_is_not_utf8(model):
    result = subprocess.run([os.environ["ASSAY_BINARY"], "chat", model], input=b"ab\xff\n", capture_output=True, timeout=60)
    assert result.returncode == 2 and b"byte 0xff at offset 2" in result.stderr


def test_a_context_that_is_full(model):
    result, answers = converse(model, ["Who is the king?"], "--ctx", "24", count=-1)
    assert result.returncode == 0 and answers[0]["finish"] == "context_full" and "the context of 24 positions is full" in result.stderr
    result, _ = converse(model, ["Who is the king? " * 20], "--ctx", "24")
    assert result.returncode == 2 and "but the context holds 24" in result.stderr


class Terminal:
    """The program on a pty."""

    def __init__(self, *arguments):
        master, slave = pty.openpty()
        self.process = subprocess.Popen([os.environ["ASSAY_BINARY"], *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave,
                                        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"}, preexec_fn=os.setsid)
        os.close(slave)
        self.master = master
        self.text = ""

    def expect(self, pattern, timeout=30):
        end = time.monotonic() + timeout
        while not (match := re.search(pattern, self.text)):
            assert time.monotonic() < end, f"{pattern!r} did not come: {self.text!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode(errors="replace")
                except OSError:  # the other side is closed
                    assert re.search(pattern, self.text), f"{pattern!r} did not come: {self.text!r}"
        self.text = self.text[match.end():]
        return match

    def type(self, text):
        os.write(self.master, text.encode())

    def interrupt(self):
        os.kill(self.process.pid, signal.SIGINT)


def test_ctrl_c_stops_the_answer_and_not_the_program(model):
    # The oracle is slow enough to be interrupted.
    terminal = Terminal("chat", model, "--engine", "oracle", "--temp", "1", "--ctx", "1000")
    terminal.expect("/help lists")
    terminal.expect("> ")
    terminal.type("Who is the king?\n")
    terminal.expect(r"king\?\r\n.*\w+")
    terminal.interrupt()
    terminal.expect("note: stopped")
    terminal.expect("> ")
    terminal.type("/stats\n")
    terminal.expect(r"note: oracle.* \d+ of 1000 positions used")
    terminal.expect("> ")
    terminal.interrupt()
    terminal.expect("Ctrl-D or /exit leaves")
    terminal.expect("> ")
    terminal.type("/frobnicate\n")
    terminal.expect("there is no /frobnicate")
    terminal.expect("> ")
    terminal.type("\x04")
    assert terminal.process.wait(timeout=10) == 0


def test_ctrl_c_ends_run(model):
    terminal = Terminal("run", model, "--engine", "oracle", "-n", "-1", "-p", "In the beginning")
    terminal.expect(r"beginning.*\w+ \w+")
    terminal.interrupt()
    assert terminal.process.wait(timeout=10) == 130
