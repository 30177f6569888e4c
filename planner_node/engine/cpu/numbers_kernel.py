"""What a number in memory is as float32, and what a float32 becomes that is put there.

The type tells: uint16 are halves, int16 are bfloat16. A model that computes in bfloat16 rounds
every result; here that is done where torch does it, and sums stay float32 until then.
"""

import numpy as np
from numba import njit, types
from numba.extending import overload

from planner_node.engine.cpu.intrinsics_kernel import bits_as_float, float_as_bits, half_as_float

_NAN = np.int16(0x7FC0)


def widen(number):
    """Return a number in memory as float32."""
    raise NotImplementedError(number)


@overload(widen)
def _widen(number):
    if number == types.uint16:
        return lambda number: half_as_float(number)
    if number == types.int16:
        return lambda number: bits_as_float(np.int32(number) << np.int32(16))
    return lambda number: number


@njit(error_model="numpy")
def _as_bfloat16(number):
    """Return the nearest bfloat16, of two the even one."""
    bits = float_as_bits(number)
    nearest = bits + np.int32(0x7FFF) + ((bits >> np.int32(16)) & np.int32(1))
    return _NAN if np.isnan(number) else np.int16(nearest >> np.int32(16))


def narrow(number, like):
    """Return a float32 as it is put beside numbers such as ``like``: as bfloat16, or itself."""
    raise NotImplementedError(number, like)


@overload(narrow)
def _narrow(number, like):
    if like == types.int16:
        return lambda number, like: _as_bfloat16(number)
    return lambda number, like: number


@njit(error_model="numpy")
def rounded(number, like):
    """Return a float32 after ``narrow``: what a model of such numbers goes on with."""
    return widen(narrow(number, like))
