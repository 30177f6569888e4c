"""Where the tables of a compiled forward lie in memory."""

import numpy as np
import pytest

from planner_node.engine.cpu.tables import rows, table

LINE_BYTES = 64


@pytest.mark.parametrize("of", [np.float32, np.int16])
def test_tables_begin_at_a_line(of: type[np.generic]) -> None:
    found = [table(3, 5, of=of) for _ in range(8)]
    assert {each.ctypes.data % LINE_BYTES for each in found} == {0}
    assert {(each.shape, each.dtype.type, bool(each.any())) for each in found} == {
        ((3, 5), of, False)
    }


@pytest.mark.parametrize("width", [1, 16, 100, 384, 1_024])
def test_rows_are_wide_enough_and_an_odd_number_of_lines_apart(width: int) -> None:
    made = rows(2, 3, width)
    assert made.shape[:2] == (2, 3)
    assert made.shape[2] >= width
    assert made.strides[1] % (2 * LINE_BYTES) == LINE_BYTES
