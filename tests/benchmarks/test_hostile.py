"""What the benchmark of nasty input says of its figures."""

import pytest

from benchmarks import hostile


def test_what_is_above_the_bar_is_named() -> None:
    found = hostile.verdict("topics", [(0.2, "short"), (1.5, "long")])
    assert found["over_the_bar"] == {"long": 1.5}


def test_a_refusal_above_the_bar_counts_too() -> None:
    spent = [(1.0, "small"), (3.0, "refused: odd"), (60.0, "refused: large")]
    assert hostile.verdict("schemas", spent)["over_the_bar"] == {"refused: large": 60.0}


@pytest.mark.parametrize(("spent_ms", "code"), [(0.2, 0), (1.5, 1)])
def test_its_exit_tells_whether_the_bar_was_kept(
    monkeypatch: pytest.MonkeyPatch, spent_ms: float, code: int
) -> None:
    monkeypatch.setattr("sys.argv", ["hostile", "topics"])
    monkeypatch.setattr(hostile, "topics", lambda: [(spent_ms, "one")])
    with pytest.raises(SystemExit) as ended:
        hostile.main()
    assert ended.value.code == code
