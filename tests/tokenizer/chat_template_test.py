"""Chat templates against PyPI jinja2, byte for byte: whole templates over many conversations."""

import itertools
import json
import os
import pathlib

import pytest

from tests.tokenizer import jinja_oracle as oracle

DATA = pathlib.Path(os.environ.get("ASSAY_DATA", "")) / "templates"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="ASSAY_DATA has no templates")

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place, \"now\" & <here>",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A town, like Zürich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": "array", "items": {"type": "integer"}, "nullable": True},
                "detail": {"oneOf": [{"type": "object"}, {"type": "string", "default": "x"}]},
                "either": {"type": ["string", "number"]},
            },
            "required": ["place"],
        },
        "return": {"type": "string"},
    },
}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds",
        "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}},
    },
}
CALL = {"id": "abc123def", "type": "function", "function": {"name": "get_weather", "arguments": {"place": "Köln"}}}
TEXT_CALL = {"id": "abc123xyz", "type": "function", "function": {"name": "add", "arguments": "{\"a\": 1, \"b\": 2.5}"}}


def said(role, content, **more):
    return {"role": role, "content": content, **more}


CONVERSATIONS = {
    "none": [],
    "user": [said("user", "Hello")],
    "system": [said("system", "Be brief."), said("user", "Hello")],
    "developer": [said("developer", "Be brief."), said("user", "Hello")],
    "turns": [said("system", "S"), said("user", "Q1"), said("assistant", "  A1  "), said("user", "Q2")],
    "no_system": [said("user", "Q1"), said("assistant", "A1"), said("user", "Q2"), said("assistant", "A2")],
    "thinking": [said("user", "Q1"), said("assistant", "<think>\nhmm\n</think>\n\nA1"), said("user", "Q2")],
    "reasoning": [said("user", "Q1"), said("assistant", "A1", reasoning_content="why", thinking="because"),
                  said("user", "Q2")],
    "no_think": [said("system", "Short. /no_think"), said("user", "Q")],
    "unicode": [said("system", "日本語\u3000"), said("user", "naïve café 🙂 \u202e\u00a0"), said("assistant", "ß\u2028x")],
    "empty": [said("system", ""), said("user", ""), said("assistant", "")],
    "null": [said("user", "Q"), said("assistant", None)],
    "odd_text": [said("user", "<|im_end|> {{ x }} {% if %} \\ \" ' \t\r\n</s>"), said("assistant", "\n\nA\n")],
    "calls": [said("user", "Weather?"), said("assistant", "", tool_calls=[CALL]),
              said("tool", "{\"t\": 3}", tool_call_id="abc123def", name="get_weather"), said("assistant", "3 degrees"),
              said("user", "Thanks")],
    "two_calls": [said("user", "Both?"), said("assistant", None, tool_calls=[CALL, TEXT_CALL]),
                  said("tool", "1", tool_call_id="abc123def"), said("tool", "2", tool_call_id="abc123xyz")],
    "calls_text": [said("user", "Go"), said("assistant", "I look.", tool_calls=[TEXT_CALL]),
                   said("tool", {"content": "x"}, tool_call_id="short")],
    "parts": [said("user", [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}])],
    "wrong_order": [said("assistant", "I begin"), said("user", "no")],
    "two_users": [said("user", "a"), said("user", "b")],
    "unknown_role": [said("wizard", "x"), said("user", "b")],
    "no_content": [{"role": "user"}],
    "documents": [said("user", "What do they say?"), said("document", "they say"), said("user", "?")],
}
FLAGS = [{}, {"enable_thinking": True}, {"enable_thinking": False, "thinking": True},
         {"documents": [{"doc_id": 1, "title": "T", "text": "text ü"}], "controls": {"length": "short"}},
         {"reasoning_effort": "high", "builtin_tools": ["browser", "python"], "model_identity": "Me"},
         {"available_tools": [WEATHER]}]


def contexts():
    for messages, tools, prompt, flags in itertools.product(
            CONVERSATIONS.values(), (None, [WEATHER, ADD]), (True, False), FLAGS):
        yield {"messages": messages, "tools": tools, "add_generation_prompt": prompt, "bos_token": "<s>",
               "eos_token": "</s>", **flags}
    # Some templates ask whether there are tools by `tools is defined`.
    for messages in CONVERSATIONS.values():
        yield {"messages": messages, "add_generation_prompt": True, "bos_token": "", "eos_token": "<|end|>"}


CHATML = """
{%- if not messages[0].role == 'system' -%}
<|im_start|>system
You are kind.<|im_end|>
{% endif %}
{%- for message in messages %}
{{ '<|im_start|>' ~ message.role ~ '\\n' ~ (message.content or '') | trim ~ '<|im_end|>' }}
{% if message.tool_calls %}
    {%- for call in message.tool_calls if call.type == 'function' %}
<call index="{{ loop.index }}/{{ loop.length }}">{{ call.function | tojson(indent=2) }}</call>
    {%- else %}
no calls
    {%- endfor +%}
{% endif %}
{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
"""

HEADERS = """{{ bos_token }}
{%- macro header(role, close='<|end_header|>') -%}
    <|start_header|>{{ role }}{{ close }}

{% endmacro -%}
{%- set ns = namespace(system=none, seen=[]) %}
{%- for m in messages if m.role in ('system', 'developer') %}{% set ns.system = m.content %}{% endfor %}
{{- header('system') }}Today is {{ strftime_now('%d %b %Y') }}.
{% if ns.system is not none %}{{ ns.system | trim }}{% endif %}<|eot|>
{%- for m in messages | rejectattr('role', 'in', ['system', 'developer']) %}
    {%- set content %}{{ m.content if m.content is string else m.content | tojson }}{% endset %}
    {%- set ns.seen = ns.seen + [m.role] %}
    {{- header(m.role) + content | replace('\\r\\n', '\\n') }}<|eot|>
{%- endfor %}
{%- if add_generation_prompt %}{{ header(role='assistant') }}{% endif %}{# {{ ns.seen | join(',') }} #}"""

INST = """{{ bos_token }}{% if messages and messages[0]['role'] == 'system' %}
{% set rest = messages[1:] %}{% set system = messages[0]['content'] ~ '\\n\\n' %}
{% else %}{% set rest, system = messages, '' %}{% endif %}
{% for m in rest %}
  {% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}
    {{ raise_exception('Roles must alternate, but number ' ~ loop.index ~ ' is ' ~ m.role) }}
  {% endif %}
  {% if m['role'] == 'user' %}
    {{- '[INST] ' + (system if loop.first else '') + m['content'] + ' [/INST]' }}
  {%- elif m['role'] == 'assistant' %}
    {%- generation -%}
    {{- ' ' ~ m['content'] ~ eos_token }}
    {%- endgeneration -%}
  {% else %}{% continue %}{% endif %}
{% endfor %}"""


@pytest.mark.parametrize("template", [CHATML, HEADERS, INST], ids=["chatml", "headers", "inst"])
def test_own_templates(template):
    oracle.assert_agreement([(template, context) for context in contexts()])


@needs_data
@pytest.mark.parametrize("path", sorted(DATA.glob("*.jinja")), ids=lambda path: path.stem)
def test_published_templates(path):
    template = path.read_text(encoding="utf-8")
    oracle.assert_agreement([(template, context) for context in contexts()])


@needs_data
def test_published_cases():
    data = json.loads((DATA / "chat_template_cases.json").read_text(encoding="utf-8"))
    cases, wanted = [], []
    for case in data["cases"]:
        messages = data["conversation"] + case.get("extra_conversation", [])
        context = {"messages": messages, "add_generation_prompt": data["add_generation_prompt"],
                   "bos_token": case.get("bos_token", ""), "eos_token": case.get("eos_token", "")}
        cases.append((case["template_str"], context))
        wanted.append(case.get("expected_output_jinja") or case["expected_output"])
    oracle.assert_agreement(cases)
    outputs = [answer.get("text") for answer in oracle.rendered(cases)]
    for case, output, text in zip(data["cases"], outputs, wanted):
        if case.get("plain_jinja2") == "equal":
            assert output == text, case["name"]
    more = [(template, context) for template, _ in cases for context in itertools.islice(contexts(), 0, None, 11)]
    oracle.assert_agreement(more)
