"""The reference for chat templates: PyPI jinja2, set up the way Hugging Face's renderer sets it up, and our renderer
beside it (tests/programs/render_template.cc), which answers thousands of cases in one process."""

import copy
import datetime
import functools
import json
import os
import pathlib
import subprocess

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

NOW = 1767225600 + 14 * 3600 + 5 * 60  # a fixed clock for strftime_now


class Raised(Exception):
    """What raise_exception throws."""


class Generation(jinja2.ext.Extension):
    """{% generation %}: the block is rendered as it stands, in a scope of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

    def _pass(self, caller):
        return caller()


def environment():
    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise Raised(message)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation],
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = datetime.datetime.fromtimestamp(NOW).strftime
    return env


ENVIRONMENT = environment()
compiled = functools.lru_cache(maxsize=64)(ENVIRONMENT.from_string)


def expected(template, context):
    """("text", output), ("raised", message) or ("error", words)."""
    try:
        # A copy, because `list|indent` adds to its list.
        return "text", compiled(template).render(**copy.deepcopy(context))
    except Raised as error:
        return "raised", str(error)
    except Exception as error:  # every other failure counts alike
        return "error", f"{type(error).__name__}: {error}"


def rendered(cases):
    """Our answers to (template, context) pairs: a list of {"text"} or {"error", "hint"}."""
    program = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "render_template"
    lines = [json.dumps({"template": t, "context": c, "now": NOW}) for t, c in cases]
    run = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8",
                         timeout=300, check=True)
    answers = [json.loads(line) for line in run.stdout.split("\n") if line]
    assert len(answers) == len(cases)
    return answers


def disagreements(cases):
    """One readable line for each case where we and jinja2 differ."""
    found = []
    for (template, context), answer in zip(cases, rendered(cases)):
        kind, text = expected(template, context)
        ours = answer.get("text") if kind == "text" else answer.get("error")
        same = ours == text if kind in ("text", "raised") else ours is not None
        if not same:
            found.append(f"{template!r}\n    context {json.dumps(context)[:300]}\n    jinja2  {kind} {text!r}\n"
                         f"    ours    {answer!r}")
    return found


def assert_agreement(cases):
    found = disagreements(cases)
    assert not found, f"{len(found)} of {len(cases)} cases differ:\n" + "\n".join(found[:20])
