"""Short vectors of floating-point numbers for kernels: the one place that knows about SIMD.

LLVM does not turn a loop over a few lanes inside a loop over sums into vector registers that
stay put: it keeps the sums in memory and checks the arrays for overlap each time round. So the
innermost loops name the vectors themselves. `load`, `splat`, `broadcast`, `fma`, `minimum` and
`store` become LLVM instructions on a vector of numbers, which the compiler splits into whatever
registers the processor has. Outside compiled code the same functions work on numpy arrays: they are
their own plain twins.

Indices are not checked; the type of the elements is that of the array. The number of lanes has
to be a constant of the module.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import config
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload

__all__ = [
    "REGISTER",
    "WIDTH",
    "broadcast",
    "compiles_for",
    "fma",
    "get",
    "load",
    "minimum",
    "put",
    "smallest",
    "splat",
    "store",
]

# Numbers that most kernels take at a time.
WIDTH = 8


def compiles_for(feature):
    """Return whether numba compiles for a processor with this feature, such as "avx512f".

    Without ``NUMBA_CPU_FEATURES`` these are the features of the host, whatever
    ``NUMBA_CPU_NAME`` says, but for "generic".
    """
    features = config.CPU_FEATURES  # type: ignore[attr-defined]
    if features is None:
        return bool(get_host_cpu_features().get(feature))
    return f"+{feature}" in features.split(",")


# Bytes of a vector register: sizes of blocks that have to stay in registers follow from it.
REGISTER = 64 if compiles_for("avx512f") else 32


def get(array, index):
    """Read one number of a flat array.

    Brackets do the same, but ask each time whether the index counts from the end, unless the
    compiler sees that it cannot: often more work than what is done with the number.
    """
    return array[index]


def put(array, index, number):
    """Write one number to a flat array, see `get`."""
    array[index] = number


def load(array, index, lanes):
    """Read numbers of a flat array from ``index`` on."""
    return array[index : index + lanes].copy()


def store(array, index, vector):
    """Write a vector to a flat array from ``index`` on."""
    array[index : index + len(vector)] = vector


def splat(number, lanes):
    """Repeat one number."""
    return np.full(lanes, number)


def broadcast(array, index, lanes):
    """Repeat one number of a flat array."""
    return np.full(lanes, array[index])


def fma(a, b, c):
    """Return ``a * b + c``, rounded once in compiled code."""
    return a * b + c


def minimum(a, b):
    """Return the lesser of each two numbers; those of ``b`` where there is a NaN."""
    return np.where(a < b, a, b)


def smallest(vector):
    """Return the least number of a vector without NaN, whose lanes are a power of two."""
    return vector.min()


class Vector(types.Type):
    """Some numbers of one type, in registers."""

    def __init__(self, element, lanes):
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"Vector({element}, {lanes})")


@register_default(Vector)
class VectorModel(models.PrimitiveModel):
    """An LLVM vector, passed by value."""

    def __init__(self, dmm, fe_type):
        element = dmm.lookup(fe_type.element).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(element, fe_type.lanes))


def _pointer(context, builder, array_type, array, index):
    """Pointer to a number in an array."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def _vector_pointer(context, builder, array_type, array, index, vector):
    """Pointer to a vector in an array from ``index`` on."""
    return builder.bitcast(
        _pointer(context, builder, array_type, array, index), vector.as_pointer()
    )


def _alignment(array_type):
    """Vectors may begin at any element."""
    return array_type.dtype.bitwidth // 8


@intrinsic
def _get(typing, array, index):
    def code(context, builder, signature, args):
        return builder.load(_pointer(context, builder, signature.args[0], args[0], args[1]))

    return array.dtype(array, types.intp), code


@intrinsic
def _put(typing, array, index, number):
    def code(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), code


@intrinsic(prefer_literal=True)
def _load(typing, array, index, lanes):
    def code(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        pointer = _vector_pointer(context, builder, signature.args[0], args[0], args[1], kind)
        return builder.load(pointer, align=_alignment(signature.args[0]))

    return Vector(array.dtype, lanes.literal_value)(array, types.intp, lanes), code


@intrinsic
def _store(typing, array, index, vector):
    if not isinstance(vector, Vector) or vector.element != array.dtype:
        raise TypingError(f"store: expected a vector of {array.dtype}, got {vector}")

    def code(context, builder, signature, args):
        pointer = _vector_pointer(
            context, builder, signature.args[0], args[0], args[1], args[2].type
        )
        builder.store(args[2], pointer, align=_alignment(signature.args[0]))
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), code


def _repeat(builder, number, kind):
    """Vector of one number in all lanes."""
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, number, cgutils.int32_t(0))
    mask = ir.Constant(ir.VectorType(cgutils.int32_t, kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, nothing, mask)


@intrinsic(prefer_literal=True)
def _splat(typing, number, lanes):
    def code(context, builder, signature, args):
        return _repeat(builder, args[0], context.get_value_type(signature.return_type))

    number = types.unliteral(number)
    return Vector(number, lanes.literal_value)(number, lanes), code


@intrinsic(prefer_literal=True)
def _broadcast(typing, array, index, lanes):
    def code(context, builder, signature, args):
        number = builder.load(_pointer(context, builder, signature.args[0], args[0], args[1]))
        return _repeat(builder, number, context.get_value_type(signature.return_type))

    return Vector(array.dtype, lanes.literal_value)(array, types.intp, lanes), code


@intrinsic
def _fma(typing, a, b, c):
    if not (isinstance(a, Vector) and a == b == c and isinstance(a.element, types.Float)):
        raise TypingError(f"fma: expected three equal vectors of floats, got {a}, {b}, {c}")

    def code(context, builder, signature, args):
        kind = args[0].type
        name = f"llvm.fma.v{kind.count}f{a.element.bitwidth}"
        function = ir.FunctionType(kind, [kind] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)

    return a(a, b, c), code


def _lesser(builder, a, b):
    """Lesser numbers of two vectors, one instruction on most processors."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


@intrinsic
def _minimum(typing, a, b):
    if not (isinstance(a, Vector) and a == b and isinstance(a.element, types.Float)):
        raise TypingError(f"minimum: expected two equal vectors of floats, got {a}, {b}")

    def code(context, builder, signature, args):
        return _lesser(builder, *args)

    return a(a, b), code


@intrinsic
def _smallest(typing, vector):
    if not (isinstance(vector, Vector) and isinstance(vector.element, types.Float)):
        raise TypingError(f"smallest: expected a vector of floats, got {vector}")

    def code(context, builder, signature, args):
        (values,) = args
        while values.type.count > 1:
            half = values.type.count // 2
            low, high = (
                builder.shuffle_vector(
                    values,
                    values,
                    ir.Constant(
                        ir.VectorType(cgutils.int32_t, half), list(range(first, first + half))
                    ),
                )
                for first in (0, half)
            )
            values = _lesser(builder, low, high)
        return builder.extract_element(values, cgutils.int32_t(0))

    return vector.element(vector), code


@overload(get, inline="always")
def _(array, index):
    return lambda array, index: _get(array, index)


@overload(put, inline="always")
def _(array, index, number):
    return lambda array, index, number: _put(array, index, number)


@overload(load, inline="always", prefer_literal=True)
def _(array, index, lanes):
    return lambda array, index, lanes: _load(array, index, lanes)


@overload(store, inline="always")
def _(array, index, vector):
    return lambda array, index, vector: _store(array, index, vector)


@overload(splat, inline="always", prefer_literal=True)
def _(number, lanes):
    return lambda number, lanes: _splat(number, lanes)


@overload(broadcast, inline="always", prefer_literal=True)
def _(array, index, lanes):
    return lambda array, index, lanes: _broadcast(array, index, lanes)


@overload(fma, inline="always")
def _(a, b, c):
    return lambda a, b, c: _fma(a, b, c)


@overload(minimum, inline="always")
def _(a, b):
    return lambda a, b: _minimum(a, b)


@overload(smallest, inline="always")
def _(vector):
    return lambda vector: _smallest(vector)
