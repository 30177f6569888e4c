"""Sixteen float32 side by side, as a number that numba can compute with.

LLVM makes of them what the processor has: one register of AVX-512, two of AVX2, four of NEON.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
_FLOAT, _WORD = ir.FloatType(), ir.IntType(32)
_FLOATS, _WORDS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_WORD, LANES)
_SHORTS = ir.VectorType(ir.IntType(16), LANES)
_UPPER, _NAN = 0xFFFF0000, 0x7FC00000
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


def _words(value):
    return ir.Constant(_WORDS, [value] * LANES)


def _bits(builder, value):
    return builder.bitcast(value, _WORDS)


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
        return builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), _words(0))

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
def upper(_, x):
    """Return each lane's upper 16 bits with zeros behind: the bfloat16 below it."""

    def generate(_, builder, __, args):
        return builder.bitcast(builder.and_(_bits(builder, args[0]), _words(_UPPER)), _FLOATS)

    return lanes(lanes), generate


@intrinsic
def nearest(_, x):
    """Return each lane's nearest bfloat16, of two the even one."""

    def generate(_, builder, __, args):
        (x,) = args
        bits = _bits(builder, x)
        is_odd = builder.and_(builder.lshr(bits, _words(16)), _words(1))
        rounded = builder.add(builder.add(bits, _words(0x7FFF)), is_odd)
        is_nan = builder.fcmp_unordered("uno", x, x)
        whole = builder.select(is_nan, _words(_NAN), builder.and_(rounded, _words(_UPPER)))
        return builder.bitcast(whole, _FLOATS)

    return lanes(lanes), generate


def rounded_lanes(x, like):
    """Return lanes as ``rounded`` does a number."""
    raise NotImplementedError(x, like)


@overload(rounded_lanes)
def _rounded_lanes(x, like):
    return (lambda x, like: nearest(x)) if like == types.int16 else (lambda x, like: x)


@intrinsic
def store_upper(_, array, place, value):
    """Put each lane's upper 16 bits into a contiguous int16 array, from ``place`` on."""

    def generate(context, builder, signature, args):
        array, place, value = args
        upper = builder.lshr(_bits(builder, value), _words(16))
        data = context.make_array(signature.args[0])(context, builder, array).data
        cells = builder.bitcast(builder.gep(data, [place]), _SHORTS.as_pointer())
        builder.store(builder.trunc(upper, _SHORTS), cells, align=2)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


def _plus_times(builder, a, b, c):
    return builder.fadd(builder.fmul(a, b, flags=_FREE), c, flags=_FREE)


def _exponential(builder, x):
    """Return e to ``x`` <= 0; source: Moshier, Cephes library, ``expf``."""
    x = builder.select(builder.fcmp_ordered("<", x, _all(_LEAST)), _all(_LEAST), x)
    shifted = _plus_times(builder, x, _all(_LOG2_E), _all(-0.5))
    whole = builder.fptosi(shifted, _WORDS)  # rounds, as x <= 0
    power = builder.sitofp(whole, _FLOATS)
    rest = _plus_times(builder, power, _all(-_LN_2_HIGH), x)
    rest = _plus_times(builder, power, _all(-_LN_2_LOW), rest)
    series = _all(_SERIES[0])
    for factor in _SERIES[1:]:
        series = _plus_times(builder, series, rest, _all(factor))
    square = builder.fmul(rest, rest)
    series = _plus_times(builder, series, square, builder.fadd(rest, _all(1.0)))
    bits = builder.shl(builder.add(whole, _words(127)), _words(23))
    return builder.fmul(series, builder.bitcast(bits, _FLOATS))


@intrinsic
def exponential_lanes(_, x):
    """Return e to ``x`` <= 0, lane by lane."""

    def generate(_, builder, __, args):
        return _exponential(builder, args[0])

    return lanes(lanes), generate


@intrinsic
def silu(_, x):
    """Return x / (1 + e to -x), lane by lane."""

    def generate(_, builder, __, args):
        (x,) = args
        is_negative = builder.fcmp_ordered("<", x, _all(0.0))
        small = _exponential(builder, builder.select(is_negative, x, builder.fneg(x)))
        share = builder.select(is_negative, small, _all(1.0))
        is_least = builder.fcmp_ordered("<", x, _all(_LEAST))  # as far as ``small`` goes
        share = builder.select(is_least, _all(0.0), share)
        return builder.fdiv(builder.fmul(x, share), builder.fadd(small, _all(1.0)), flags=_FREE)

    return lanes(lanes), generate
