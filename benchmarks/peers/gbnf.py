"""The language of one tool call in the notation of llama.cpp, which xgrammar reads too.

It is the language of our own grammar to the letter - separators, order of keys, escapes, lengths -
so that no engine spends tokens on white space and all of them have the same choices.
"""

import json
from collections.abc import Mapping
from typing import Any

# What JSON lets stand in a string by itself, and the escapes of ``planner_node.grammar.document``.
_RULES = 'char ::= [^"\\\\\\x00-\\x1F\\x7F] | "\\\\" ["\\\\nt]\n'


def call_gbnf(name: str, parameters: Mapping[str, Any]) -> str:
    """Return the grammar of a call whose one parameter ``tasks`` is a list of flat objects."""
    tasks = parameters["properties"]["tasks"]
    most, least = tasks["maxItems"], tasks["minItems"]
    head = _literal(f'{{"name": {json.dumps(name)}, "parameters": {{"tasks": [')
    more = f'(", " item){{{least - 1},{most - 1}}}'
    rules = [f'root ::= {head} item {more} "]}}}}"', f"item ::= {_item(tasks['items'])}"]
    rules += [f"{key} ::= {_value(field)}" for key, field in tasks["items"]["properties"].items()]
    return "\n".join(rules) + "\n" + _RULES


def _item(item: Mapping[str, Any]) -> str:
    keys = list(item["properties"])
    parts = []
    for place, key in enumerate(keys):
        parts += [_literal(f"{', ' if place else '{'}{json.dumps(key)}: "), key]
    return " ".join([*parts, '"}"'])


def _value(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(_literal(_quoted(value)) for value in field["enum"])
    return f'"\\"" char{{{field["minLength"]},{field["maxLength"]}}} "\\""'


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _literal(text: str) -> str:
    """Return a literal of the notation; its escapes are JSON's."""
    return _quoted(text)
