"""Sixteen float32 side by side, as a number that numba can compute with.

LLVM makes of them what the processor has: one register of AVX-512, two of AVX2, four of NEON.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 16
_FLOAT, _WORD = ir.FloatType(), ir.IntType(32)
_FLOATS, _WORDS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_WORD, LANES)
_FREE = ("reassoc", "contract", "nsz", "arcp")
_LOG2_E, _LN_2_HIGH, _LN_2_LOW = 1.442695040888963, 0.693359375, -2.12194440e-4
_SERIES = (1.9875691e-4, 1.3981999e-3, 8.3334519e-3, 4.1665796e-2, 1.6666666e-1, 0.5)
_LEAST = -87.0  # e to this is still a float32 with all its digits


class Lanes(types.Type):
    """The type of sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _FLOATS)


def _all(value):
    return ir.Constant(_FLOATS, [value] * LANES)


def _cells(context, builder, array_type, array, place):
    """Return a pointer to the lanes from ``place`` on, counted in numbers."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [place]), _FLOATS.as_pointer())


@intrinsic
def load(_, array, place):
    """Return the sixteen numbers of a contiguous float32 array from ``place`` on."""

    def generate(context, builder, signature, args):
        return builder.load(_cells(context, builder, signature.args[0], *args), align=4)

    return lanes(array, types.intp), generate


@intrinsic
def store(_, array, place, value):
    """Put lanes into a contiguous float32 array, from ``place`` on."""

    def generate(context, builder, signature, args):
        array, place, value = args
        builder.store(value, _cells(context, builder, signature.args[0], array, place), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@intrinsic
def spread(_, number):
    """Return a float32 sixteen times."""

    def generate(_, builder, __, args):
        first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), args[0], _WORD(0))
        zeros = ir.Constant(_WORDS, [0] * LANES)
        return builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), zeros)

    return lanes(types.float32), generate


@intrinsic
def multiply_add(_, a, b, c):
    """Return a · b + c, lane by lane."""

    def generate(_, builder, __, args):
        return builder.fadd(builder.fmul(args[0], args[1], flags=_FREE), args[2], flags=_FREE)

    return lanes(lanes, lanes, lanes), generate


@intrinsic
def larger(_, a, b):
    """Return the larger one, lane by lane; of a number and NaN the first."""

    def generate(_, builder, __, args):
        a, b = args
        is_a = builder.fcmp_unordered(">", a, b)  # also where one is NaN
        return builder.select(is_a, a, b)

    return lanes(lanes, lanes), generate


@intrinsic
def exponential_lanes(_, x):
    """Return e to ``x`` <= 0, lane by lane; source: Moshier, Cephes library, ``expf``."""

    def generate(_, builder, __, args):
        (x,) = args

        def plus_times(a, b, c):
            return builder.fadd(builder.fmul(a, b, flags=_FREE), c, flags=_FREE)

        x = builder.select(builder.fcmp_ordered("<", x, _all(_LEAST)), _all(_LEAST), x)
        whole = builder.fptosi(
            plus_times(x, _all(_LOG2_E), _all(-0.5)), _WORDS
        )  # rounds, as x <= 0
        power = builder.sitofp(whole, _FLOATS)
        rest = plus_times(power, _all(-_LN_2_HIGH), x)
        rest = plus_times(power, _all(-_LN_2_LOW), rest)
        series = _all(_SERIES[0])
        for factor in _SERIES[1:]:
            series = plus_times(series, rest, _all(factor))
        series = plus_times(series, builder.fmul(rest, rest), builder.fadd(rest, _all(1.0)))
        bits = builder.add(whole, ir.Constant(_WORDS, [127] * LANES))
        bits = builder.shl(bits, ir.Constant(_WORDS, [23] * LANES))
        return builder.fmul(series, builder.bitcast(bits, _FLOATS))

    return lanes(lanes), generate
