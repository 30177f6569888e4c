"""How large a tool's schema may be; everything is counted before anything is compiled."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchemaLimits:
    """Bounds on the work of compiling and of masking.

    With the 128k-token vocabulary of Llama 3.1 a schema is to be compiled or refused within 50 ms
    (``benchmarks.hostile``). No kind of part comes that far by itself, but many together could:
    ``max_work_us`` is for their sum.
    """

    max_tools: int = 16
    max_values: int = 4_096  # JSON values in all schemas of one request, keys not counted
    max_depth: int = 24  # levels of nesting; a hand-written tool has fewer than ten
    max_text_chars: int = 65_536  # keys and strings of all schemas together, descriptions included
    max_properties: int = 64  # of one object
    max_choices: int = 64  # branches of one anyOf or oneOf
    max_enum_values: int = 512
    max_literal_chars: int = 256  # a name, or a value of enum or const (no text: as JSON)
    max_length: int = 10_000  # the largest minLength or maxLength
    max_items: int = 1_000  # the largest minItems, maxItems, minProperties or maxProperties
    max_pattern_chars: int = 512
    max_pattern_depth: int = 8  # groups within groups
    max_pattern_size: int = 1_000  # single characters after unrolling every {m,n}
    max_patterns: int = 32  # in all schemas of one request: reading one takes half a millisecond
    max_work_us: int = 40_000  # what compiling all of it is thought to take (work.py)
    # The remainders of every multipleOf, added up: an automaton keeps a state for each of them, and
    # 1,000,003 took ten seconds.
    max_multiples: int = 4_096
