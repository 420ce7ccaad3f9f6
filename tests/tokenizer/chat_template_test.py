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


# Templates of our own that do what those of the families do: gemma's turns, llama 3's tools, DeepSeek's thoughts, GLM's macros,
# Mistral's checks.
TURNS = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set prefix = "" -%}{%- set turns = messages -%}
{%- endif -%}
{%- for message in turns -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Turns must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- set role = "model" if (message['role'] == 'assistant') else message['role'] -%}
    {{ '<turn>' + role + '\n' + (prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}{{ '<image>' }}{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}{{ raise_exception("Invalid content type") }}{%- endif -%}
    {{ '<end>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<turn>model\n' }}{%- endif -%}"""

FUNCTIONS = """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}
{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|head|>system<|/head|>\n\n" }}
{%- if builtin_tools is defined or tools is not none %}{{- "Environment: ipython\n" }}{%- endif %}
{%- if builtin_tools is defined %}{{- "Tools: " + builtin_tools | reject('equalto', 'python') | join(", ") + "\n\n" }}{%- endif %}
{{- "Today Date: " + date_string + "\n\n" }}
{%- if tools is not none %}{%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\n\n" }}{%- endfor %}{%- endif %}
{{- system_message }}{{- "<|eot|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|head|>' + message['role'] + '<|/head|>\n\n'+ message['content'] | trim + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}{{- raise_exception("This model only supports single tool-calls at once!") }}{%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {%- if builtin_tools is defined and call.name in builtin_tools %}
            {{- "<|python|>" + call.name + ".call(" }}
            {%- for name, value in call.arguments | items %}{{- name + '="' + value + '"' }}{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}
            {{- ")" }}
        {%- else %}
            {{- '{"name": "' + call.name + '", ' }}{{- '"parameters": ' }}{{- call.arguments | tojson }}{{- "}" }}
        {%- endif %}
        {{- "<|eom|>" if builtin_tools is defined else "<|eot|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|head|>ipython<|/head|>\n\n" }}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
        {{- "<|eot|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|head|>assistant<|/head|>\n\n' }}{%- endif %}"""

THOUGHTS = """{% if not thinking is defined %}{% set thinking = false %}{% endif %}
{%- set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system='', last_user=-1) %}
{%- for m in messages %}
    {%- if m.role == 'system' %}{% set ns.system = ns.system + ('\n\n' if ns.system else '') + m.content %}{% endif %}
    {%- if m.role == 'user' %}{% set ns.last_user = loop.index0 %}{% endif %}
{%- endfor %}
{{- bos_token }}{{ ns.system }}
{%- for message in messages %}
    {%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{ '<U>' + message['content'] }}{%- endif %}
    {%- if message['role'] == 'assistant' and message['tool_calls'] is defined and message['tool_calls'] %}
        {%- set ns.is_tool = false -%}
        {%- for tool in message['tool_calls'] %}
            {%- if not ns.is_first %}
                {{- '<A>' + (message['content'] or '') + '<CALLS>' + tool['function']['name'] + '\n```json\n'
                    ~ tool['function']['arguments'] ~ '\n```' }}
                {%- set ns.is_first = true -%}
            {%- else %}{{ '\n' + '<CALL>' + tool['type'] }}{%- endif %}
        {%- endfor %}{{ '<END>' }}
    {%- elif message['role'] == 'assistant' %}
        {%- if ns.is_tool %}{{ '<OUTPUTS/>' + message['content'] + '<END>' }}{%- set ns.is_tool = false -%}
        {%- else %}
            {%- set content = message['content'] -%}{%- set thought = message.reasoning_content if message.reasoning_content is string else '' %}
            {%- if content and '</think>' in content %}
                {%- set thought = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
                {%- set content = content.split('</think>') | last | trim %}
            {%- endif %}
            {{- '<A>' + ('<think>' ~ thought ~ '</think>' if thinking and loop.index0 > ns.last_user else '') ~ content ~ '<END>' }}
        {%- endif %}
    {%- endif %}
    {%- if message['role'] == 'tool' %}
        {%- set ns.is_tool = true -%}{{ '<OUTPUTS>' if ns.is_output_first }}{{ '<OUTPUT>' ~ message['content'] }}{%- set ns.is_output_first = false %}
    {%- endif %}
{%- endfor -%}
{% if ns.is_tool %}{{ '<OUTPUTS/>' }}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{ '<A>' }}{{ '<think>\n' if thinking }}{% endif %}"""

MACROS = """[x]<sop>
{%- if tools -%}<|system|>
# Tools
{% for tool in tools %}{{ (tool.function if 'function' in tool else tool) | tojson(ensure_ascii=False) }}
{% endfor %}{%- endif -%}
{%- macro visible_text(content) -%}
    {%- if content is string -%}{{- content }}
    {%- elif content is iterable and content is not mapping -%}
        {%- for item in content -%}
            {%- if item is mapping and item.type == 'text' -%}{{- item.text }}{%- elif item is string -%}{{- item }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}{{- content }}{%- endif -%}
{%- endmacro -%}
{%- set ns = namespace(last=-1) %}
{%- for m in messages %}{%- if m.role == 'user' %}{% set ns.last = loop.index0 -%}{%- endif %}{%- endfor %}
{% for m in messages %}
{%- if m.role == 'user' -%}<|user|>
{{ visible_text(m.content) }}
{{- '/nothink' if (enable_thinking is defined and not enable_thinking and not visible_text(m.content).endswith("/nothink")) else '' -}}
{%- elif m.role == 'assistant' -%}<|assistant|>
{%- set content = visible_text(m.content) %}
{{- '\n' + content.strip() if content.strip() -}}
{% if m.tool_calls %}{% for tc in m.tool_calls %}{%- if tc.function %}{%- set tc = tc.function %}{%- endif %}
{{ '\n<call>' + tc.name }}
{% set args = tc.arguments %}{% if args is mapping %}{% for k, v in args.items() %}
<key>{{ k }}</key>
<value>{{ v | tojson(ensure_ascii=False) if v is not string else v }}</value>
{% endfor %}{% endif %}</call>{% endfor %}{% endif %}
{%- elif m.role == 'tool' -%}
{%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|observation|>' }}{% endif %}
{{- '\n<response>\n' }}{{- m.content }}{{- '\n</response>' }}{{ loop.previtem.role if loop.previtem is defined }}
{%- elif m.role == 'system' -%}<|system|>
{{ visible_text(m.content) }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{{- '\n<think></think>' if (enable_thinking is defined and not enable_thinking) else '' -}}{%- endif -%}"""

CHECKS = """{%- set today = strftime_now("%Y-%m-%d") %}
{%- set default_system = "You know " + today + ".\n" %}
{{- bos_token }}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] if messages[0]['content'] is string else messages[0]['content'][0]['text'] %}
    {%- set rest = messages[1:] %}
{%- else %}{%- set system_message = default_system %}{%- set rest = messages %}{%- endif %}
{%- set user_messages = rest | selectattr("role", "equalto", "user") | list %}
{{- '[SYSTEM]' + system_message + '[/SYSTEM]' }}
{%- for message in rest %}
    {%- if message['role'] == 'user' %}
        {%- if tools is not none and tools is defined and (message == user_messages[-1]) %}
            {{- "[TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}{%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}{%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}{{- "[/TOOLS]" }}
        {%- endif %}
        {%- if message['content'] is string %}{{- '[INST]' + message['content'] + '[/INST]' }}
        {%- else %}{{- '[INST]' }}{%- for block in message['content'] | sort(attribute='type') %}{{- block.text if block.type == 'text' else '[IMG]' }}{%- endfor %}{{- '[/INST]' }}{%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS][" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}{{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}{{- ", " if not loop.last else "]" + eos_token }}
        {%- endfor %}
    {%- elif message['role'] == 'assistant' %}{{- ' ' + message['content']|trim + eos_token }}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {%- set content = message.content.content if message.content is mapping and message.content.content is defined else message.content %}
        {{- '[RESULTS]{"content": ' + content|string + ', "call_id": "' + message.tool_call_id + '"}[/RESULTS]' }}
    {%- else %}{{- raise_exception("Only user, system and assistant roles are supported, not " + message['role'] + "!") }}{%- endif %}
{%- endfor %}"""


@pytest.mark.parametrize("template", [CHATML, HEADERS, INST], ids=["chatml", "headers", "inst"])
def test_own_templates(template):
    oracle.assert_agreement([(template, context) for context in contexts()])


@pytest.mark.parametrize("template", [TURNS, FUNCTIONS, THOUGHTS, MACROS, CHECKS],
                         ids=["turns", "functions", "thoughts", "macros", "checks"])
def test_templates_like_those_of_the_families(template):
    cases = [(template, context) for context in itertools.islice(contexts(), 0, None, 2)]
    oracle.assert_agreement(cases)
    assert sum("text" in answer for answer in oracle.rendered(cases)) > 60


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
