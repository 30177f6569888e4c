"""What numba has no words for: 16-bit numbers, arrays at an address, counters shared by threads."""

import os

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LINE_BYTES = 64  # of every cache
_BYTE, _INT = ir.IntType(8), ir.IntType(32)


@intrinsic
def half_as_float(_, half):
    """Return the float32 that 16 bits are as an IEEE half."""

    def generate(_, builder, __, args):
        return builder.fpext(builder.bitcast(args[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), generate


@intrinsic
def bits_as_float(_, bits):
    """Return the float32 that 32 bits are."""

    def generate(_, builder, __, args):
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def float_as_bits(_, number):
    """Return the 32 bits of a float32."""

    def generate(_, builder, __, args):
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def pointer_to(_, address, number):
    """Return an address as a pointer to numbers of the type of ``number``."""

    def generate(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(number)(address, number), generate


@intrinsic
def fetch(_, array, place):
    """Have the line of a contiguous array's number at ``place`` brought near; wait for nothing."""

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        cell = builder.bitcast(builder.gep(data, [args[1]]), _BYTE.as_pointer())
        kinds = [cell.type, _INT, _INT, _INT]
        call = ir.FunctionType(ir.VoidType(), kinds)
        name = "llvm.prefetch.p0i8"
        to_read, to_second_cache, data_not_code = _INT(0), _INT(2), _INT(1)
        builder.call(
            cgutils.get_or_insert_function(builder.module, call, name),
            [cell, to_read, to_second_cache, data_not_code],
        )
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@intrinsic
def arrive(_, counter):
    """Add one to an int64 [1]; whoever reads the sum sees all that was written before."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counter), generate


@intrinsic
def arrived(_, counter):
    """Return what is in an int64 [1] now."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.load_atomic(array.data, "seq_cst", 8)

    return types.int64(counter), generate


# Lets others run; Windows calls it otherwise.
give_way = types.ExternalFunction(
    "SwitchToThread" if os.name == "nt" else "sched_yield", types.int32()
)
