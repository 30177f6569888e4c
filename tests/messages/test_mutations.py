"""A slice of ``benchmarks/fuzz_decoder.py``: damaged messages have typed answers."""

import random

import pytest

from messages.problem import ProblemCode
from tests.messages.mutator import READ, Mutator, decoded, run


def test_every_damaged_message_has_a_typed_answer() -> None:
    outcomes, untyped = run(Mutator(random.Random(0)), 8_000)
    assert untyped == []
    assert outcomes["accepted"] > 100
    assert {ProblemCode.MALFORMED_JSON, ProblemCode.SCHEMA_INVALID} <= outcomes.keys()


@pytest.mark.parametrize("name", READ)
def test_every_undamaged_sample_is_accepted_by_its_own_reader(name: str) -> None:
    corpus = Mutator(random.Random(0)).corpus
    assert any(decoded(payload, name) == "accepted" for payload in corpus)
