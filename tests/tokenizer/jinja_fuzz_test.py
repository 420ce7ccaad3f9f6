"""Random expressions and random white space against PyPI jinja2."""

import random

from tests.tokenizer import jinja_oracle as oracle
from tests.tokenizer.jinja_snippets_test import CONTEXT

NAMES = ["i", "n", "z", "f", "h", "t", "b", "o", "s", "e", "u", "w", "m", "l", "ls", "lm", "el", "d", "ed", "us", "x"]
LITERALS = ["0", "1", "-1", "2", "3.5", "1e3", "'a'", "'é'", "''", "'a b'", "true", "false", "none", "[]", "{}", "()", "[1, 'a']",
            "(2, 1)", "{'a': 1}", "range(4)|list", "['b', 'a', 'B']", "[0.5, 2, true]"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "iterable", "sequence",
         "odd", "even", "true", "false", "lower", "upper", "divisibleby 2", "in l", "eq 1", "gt(1)", "not none", "not string"]
FILTERS = ["length", "string", "upper", "lower", "title", "capitalize", "trim", "first", "last", "list", "join", "join('-')", "sort",
           "reverse|list", "unique|list", "int", "float", "abs", "round", "round(1)", "sum", "min", "max", "tojson", "tojson(indent=2)",
           "default('D')", "d('D', true)", "replace('a', 'b')", "map('string')|list", "map('upper')|list", "select|list", "reject|list",
           "map('length')|list", "map(attribute='name')|list", "selectattr('name')|list", "select('string')|list", "batch(2)|list",
           "items|list", "dictsort", "e", "safe", "indent(2)", "wordcount", "truncate(5)", "center(9)", "slice(2)|list", "map('int')|list"]
METHODS = ["upper()", "strip()", "split()", "split('a')", "title()", "items()|list", "keys()|list", "get('a')", "startswith('a')",
           "endswith('a')", "find('a')", "replace('a', 'xy')", "count('a')", "splitlines()", "lstrip()", "rstrip('a')", "name", "a", "b",
           "rsplit(none, 1)", "partition(' ')", "index(1)", "isalpha()", "zfill(6)", "join(ls)", "swapcase()"]
SUBSCRIPTS = ["[0]", "[-1]", "[1:]", "[:-1]", "[::-1]", "[::2]", "['a']", "['name']", "[1:3]", "[-3::-2]", "[5]"]


def expression(rng, depth):
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(NAMES if rng.random() < 0.6 else LITERALS)
    inner = expression(rng, depth - 1)
    kind = rng.randrange(9)
    if kind <= 2:
        return f"({inner} {rng.choice(BINARY)} {expression(rng, depth - 1)})"
    if kind == 3:
        return f"({inner})|{rng.choice(FILTERS)}"
    if kind == 4:
        return f"({inner} is {rng.choice(TESTS)})"
    if kind == 5:
        return f"({inner}).{rng.choice(METHODS)}"
    if kind == 6:
        part = rng.choice(SUBSCRIPTS)
        # Folding constants, jinja2 makes the slice of a constant that has none undefined; at run time it is an error.
        return f"({rng.choice(NAMES) if ':' in part else inner}){part}"
    if kind == 7:
        return rng.choice([f"(not {inner})", f"(-{inner})", f"[{inner}, {expression(rng, depth - 1)}]", f"{{'k': {inner}}}"])
    return f"({inner} if {expression(rng, depth - 1)} else {expression(rng, depth - 1)})"


def loose(rng, depth):
    """Operators without parentheses, for precedence. No negative constants: jinja2 loses their parentheses before **."""
    parts = [rng.choice(["i", "n", "2", "3", "f", "t", "7", "not b", "i|abs", "-n|abs", "i is odd", "l|length"])]
    for _ in range(depth):
        parts += [rng.choice(BINARY + ["**", "-", "+", "*"]), rng.choice(["i", "n", "2", "f", "t", "+3", "n|string|length", "[1, 2]"])]
    return " ".join(parts)


# What cannot be compared: addresses of objects, integers past 64 bits, complex numbers.
def comparable(template):
    kind, text = oracle.expected(template, CONTEXT)
    return " at 0x" not in text and "j)" not in text and not any(
        len(word) > 18 and word.lstrip("-").isdigit() for word in text.replace(",", " ").replace("]", " ").split())


def test_random_expressions():
    rng = random.Random(20)
    cases = ["{{ " + expression(rng, rng.randint(1, 4)) + " }}" for _ in range(4000)]
    cases += ["{{ " + loose(rng, rng.randint(1, 4)) + " }}" for _ in range(1500)]
    oracle.assert_agreement([(case, CONTEXT) for case in cases if comparable(case)])


def test_random_white_space():
    rng = random.Random(21)
    pieces = ["a", " ", "  ", "\n", "\t", "\r\n", "{{ i }}", "{{- i }}", "{{ i -}}", "{# c #}", "{#- c -#}", "{#+ c #}", "{# c +#}",
              "{% set q = 1 %}", "{%- set q = 1 %}", "{% set q = 1 -%}", "{%+ set q = 1 %}", "{% set q = 1 +%}", "{% if t %}",
              "{%- if t -%}", "{% if t +%}", "{% endif %}", "{%- endif %}", "{% endif -%}", "{%+ endif +%}", "{% raw %}", "{%- raw -%}",
              "{% endraw %}", "{%- endraw -%}", "{%+ endraw +%}", "\u00a0", "{", "}", "%", "#}"]
    cases = ["".join(rng.choice(pieces) for _ in range(rng.randint(2, 9))) for _ in range(3000)]
    oracle.assert_agreement([(case, CONTEXT) for case in cases])
