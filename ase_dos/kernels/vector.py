"""Short vectors of floating-point numbers for kernels: the one place that knows about SIMD.

LLVM does not turn a loop over a few lanes inside a loop over sums into vector registers that
stay put: it keeps the sums in memory and checks the arrays for overlap each time round. So the
innermost loops name the vectors themselves. `load`, `splat`, `fma` and `store` become single LLVM
instructions on a vector of numbers, which the compiler splits into whatever registers the
processor has. Outside compiled code the same functions work on numpy arrays: they are their own
plain twins.

Indices are not checked; the type of the elements is that of the array. The number of lanes has
to be a constant of the module.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload

__all__ = ["fma", "load", "splat", "store"]


def load(array, index, lanes):
    """Read numbers of a flat array from ``index`` on."""
    return array[index : index + lanes].copy()


def store(array, index, vector):
    """Write a vector to a flat array from ``index`` on."""
    array[index : index + len(vector)] = vector


def splat(number, lanes):
    """Repeat one number."""
    return np.full(lanes, number)


def fma(a, b, c):
    """Return ``a * b + c``, rounded once in compiled code."""
    return a * b + c


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


def _address(context, builder, array_type, array, index, vector):
    """Pointer to a vector in an array from ``index`` on."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


def _alignment(array_type):
    """Vectors may begin at any element."""
    return array_type.dtype.bitwidth // 8


@intrinsic(prefer_literal=True)
def _load(typing, array, index, lanes):
    def code(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        pointer = _address(context, builder, signature.args[0], args[0], args[1], kind)
        return builder.load(pointer, align=_alignment(signature.args[0]))

    return Vector(array.dtype, lanes.literal_value)(array, types.intp, lanes), code


@intrinsic
def _store(typing, array, index, vector):
    if not isinstance(vector, Vector) or vector.element != array.dtype:
        raise TypingError(f"store: expected a vector of {array.dtype}, got {vector}")

    def code(context, builder, signature, args):
        pointer = _address(context, builder, signature.args[0], args[0], args[1], args[2].type)
        builder.store(args[2], pointer, align=_alignment(signature.args[0]))
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), code


@intrinsic(prefer_literal=True)
def _splat(typing, number, lanes):
    def code(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        nothing = ir.Constant(kind, ir.Undefined)
        first = builder.insert_element(nothing, args[0], cgutils.int32_t(0))
        mask = ir.Constant(ir.VectorType(cgutils.int32_t, kind.count), [0] * kind.count)
        return builder.shuffle_vector(first, nothing, mask)

    number = types.unliteral(number)
    return Vector(number, lanes.literal_value)(number, lanes), code


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


@overload(load, inline="always", prefer_literal=True)
def _(array, index, lanes):
    return lambda array, index, lanes: _load(array, index, lanes)


@overload(store, inline="always")
def _(array, index, vector):
    return lambda array, index, vector: _store(array, index, vector)


@overload(splat, inline="always", prefer_literal=True)
def _(number, lanes):
    return lambda number, lanes: _splat(number, lanes)


@overload(fma, inline="always")
def _(a, b, c):
    return lambda a, b, c: _fma(a, b, c)
