"""Runs the command lines of tests/cases; the format is in tests/cases/README.md."""

import json
import os
import pathlib
import re
import shlex
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parent.parent.parent
FIELDS = {"args", "stdin", "env", "exit", "stdout", "stderr", "json"}
REPEATED = {"env", "stdout", "stderr"}


def read_cases(path: pathlib.Path):
    case = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("[") and line.endswith("]"):
            if case:
                yield case
            case = {"name": f"{path.stem}: {line[1:-1]}"}
        elif line.strip() and not line.startswith("#"):
            field, _, value = line.partition(":")
            assert case is not None and field in FIELDS, f"{path.name}:{number}: not a field: {line}"
            value = value.removeprefix(" ")
            if field in REPEATED:
                case.setdefault(field, []).append(value)
            else:
                assert field not in case, f"{path.name}:{number}: '{field}' twice"
                case[field] = value
    if case:
        yield case


CASES = [case for path in sorted((ROOT / "tests" / "cases").glob("*.case")) for case in read_cases(path)]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case, tmp_path):
    def fill(text):
        return text.replace("{models}", str(ROOT / "models")).replace("{tmp}", str(tmp_path))

    environment = {**os.environ, "TERM": "xterm"}
    environment.update(fill(setting).split("=", 1) for setting in case.get("env", []))
    stdin = case.get("stdin", "").encode("latin-1").decode("unicode_escape").encode("latin-1")
    result = subprocess.run([os.environ["ASSAY_BINARY"], *shlex.split(fill(case["args"]))], input=stdin, timeout=120,
                            capture_output=True, env=environment)
    stdout, stderr = result.stdout.decode(), result.stderr.decode()
    expected_exit = int(case.get("exit", 0))
    assert result.returncode == expected_exit, stderr
    if expected_exit == 2:
        assert stdout == "" and stderr.startswith("error: ")
    for pattern in case.get("stdout", []):
        assert re.search(pattern, stdout), f"{pattern!r} is not in {stdout!r}"
    for pattern in case.get("stderr", []):
        assert re.search(pattern, stderr), f"{pattern!r} is not in {stderr!r}"
    if "json" in case:
        document = json.loads(stdout)
        for key, value in json.loads(case["json"]).items():
            assert document.get(key) == value, key
