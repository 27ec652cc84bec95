"""Type of short vectors in compiled code, and the LLVM instructions that act on them.

`ase_dos.kernels.vector` has the functions that kernels call. Each one here says, as intrinsics of
numba do, what types such a function takes and gives, and writes its instructions.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.core.errors import TypingError
from numba.core.typeconv import Conversion
from numba.core.typing.templates import (
    AbstractTemplate,
    infer_global,
    make_intrinsic_template,
    signature,
)
from numba.extending import lower_builtin, lower_cast

# Bytes of a cache line.
LINE = 64


def compiles_to(code, *, prefer_literal=False):
    """Let kernels call a function of Python, which becomes the instructions of ``code``.

    An overload that calls an intrinsic does the same, but is compiled at every place it is called
    from: some 700 times in the kernels of a model, a fifth of the time that these take.
    """

    def register(function):
        template = make_intrinsic_template(
            function, code, function.__name__, prefer_literal=prefer_literal
        )
        infer_global(function, types.Function(template))
        return function

    return register


class Vector(types.Type):
    """Some numbers of one type, in registers.

    They are added, subtracted, multiplied and divided as arrays are, one of two may be one number.
    """

    def __init__(self, element, lanes):
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"Vector({element}, {lanes})")

    def can_convert_from(self, typing, other):
        """Let numbers stand for vectors of them."""
        return Conversion.safe if isinstance(other, types.Number) else None


@register_default(Vector)
class VectorModel(models.PrimitiveModel):
    """An LLVM vector, passed by value."""

    def __init__(self, dmm, fe_type):
        element = dmm.lookup(fe_type.element).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(element, fe_type.lanes))


def pointer_to(context, builder, array_type, array, index):
    """Pointer to a number in an array."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def vector_pointer(context, builder, array_type, array, index, vector):
    """Pointer to a vector in an array from ``index`` on."""
    return builder.bitcast(
        pointer_to(context, builder, array_type, array, index), vector.as_pointer()
    )


def alignment(array_type):
    """Vectors may begin at any element."""
    return array_type.dtype.bitwidth // 8


def get(typing, array, index):
    """Load one number."""

    def code(context, builder, signature, args):
        return builder.load(pointer_to(context, builder, signature.args[0], args[0], args[1]))

    return array.dtype(array, types.intp), code


def put(typing, array, index, number):
    """Store one number."""

    def code(context, builder, signature, args):
        pointer = pointer_to(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), code


def _lanes(lanes):
    """Lanes that a literal number says, or those of a vector."""
    return lanes.lanes if isinstance(lanes, Vector) else lanes.literal_value


def lanes_of(typing, vector):
    """Give a constant of the type."""

    def code(context, builder, signature, args):
        return context.get_constant(types.intp, vector.lanes)

    return types.intp(vector), code


def load(typing, array, index, lanes):
    """Load a vector, which may begin at any element; ``lanes`` as in `_lanes`."""

    def code(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        pointer = vector_pointer(context, builder, signature.args[0], args[0], args[1], kind)
        return builder.load(pointer, align=alignment(signature.args[0]))

    return Vector(array.dtype, _lanes(lanes))(array, types.intp, lanes), code


def store(typing, array, index, vector):
    """Store a vector."""
    if not isinstance(vector, Vector) or vector.element != array.dtype:
        raise TypingError(f"store: expected a vector of {array.dtype}, got {vector}")

    def code(context, builder, signature, args):
        pointer = vector_pointer(
            context, builder, signature.args[0], args[0], args[1], args[2].type
        )
        builder.store(args[2], pointer, align=alignment(signature.args[0]))
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), code


def constant(number_of):
    """Give a whole number that follows from the type of an array."""

    def constant_of_type(typing, array):
        def code(context, builder, signature, args):
            return context.get_constant(types.intp, number_of(array.dtype.bitwidth // 8))

        return types.intp(array), code

    return constant_of_type


def shuffled(builder, a, b, places):
    """Vector of the numbers at some places of two vectors, one after the other."""
    mask = ir.Constant(ir.VectorType(cgutils.int32_t, len(places)), places)
    return builder.shuffle_vector(a, b, mask)


def repeated(builder, number, kind):
    """Vector of one number in all lanes."""
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, number, cgutils.int32_t(0))
    return shuffled(builder, first, nothing, [0] * kind.count)


def splat(typing, number, lanes):
    """Repeat a number."""

    def code(context, builder, signature, args):
        return repeated(builder, args[0], context.get_value_type(signature.return_type))

    number = types.unliteral(number)
    return Vector(number, _lanes(lanes))(number, lanes), code


def broadcast(typing, array, index, lanes):
    """Load a number and repeat it."""

    def code(context, builder, signature, args):
        number = builder.load(pointer_to(context, builder, signature.args[0], args[0], args[1]))
        return repeated(builder, number, context.get_value_type(signature.return_type))

    return Vector(array.dtype, _lanes(lanes))(array, types.intp, lanes), code


def prefetch(typing, array, index):
    """Ask for the cache line of a number."""

    def code(context, builder, signature, args):
        byte = ir.IntType(8).as_pointer()
        pointer = pointer_to(context, builder, signature.args[0], args[0], args[1])
        flags = [ir.Constant(ir.IntType(32), flag) for flag in (0, 3, 1)]  # read, keep, data
        kind = ir.FunctionType(ir.VoidType(), [byte, *[flag.type for flag in flags]])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(function, [builder.bitcast(pointer, byte), *flags])
        return context.get_dummy_value()

    return types.none(array, types.intp), code


def zeros(size):
    """Fill a register of ``size`` bytes with zeros."""

    def zero_register(typing, array):
        kind = Vector(array.dtype, size * 8 // array.dtype.bitwidth)

        def code(context, builder, signature, args):
            return ir.Constant(context.get_value_type(kind), None)

        return kind(array), code

    return zero_register


def fma(typing, a, b, c):
    """Multiply and add, rounded once."""
    if not (isinstance(a, Vector) and a == b == c and isinstance(a.element, types.Float)):
        raise TypingError(f"fma: expected three equal vectors of floats, got {a}, {b}, {c}")

    def code(context, builder, signature, args):
        kind = args[0].type
        name = f"llvm.fma.v{kind.count}f{a.element.bitwidth}"
        function = ir.FunctionType(kind, [kind] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)

    return a(a, b, c), code


@lower_cast(types.Number, Vector)
def _(context, builder, number_type, vector_type, number):
    number = context.cast(builder, number, number_type, vector_type.element)
    return repeated(builder, number, context.get_value_type(vector_type))


def _add_operator(operation, instruction, result=None):
    """Let an operator act on two vectors, or on one and a number.

    It gives numbers of the same type, or of the type ``result``.
    """

    @infer_global(operation)
    class Template(AbstractTemplate):
        def generic(self, args, kws):
            vectors = [one for one in args if isinstance(one, Vector)]
            if len(args) == 2 and vectors and vectors[0] == vectors[-1]:
                of = vectors[0]
                return signature(Vector(result or of.element, of.lanes), of, of)

    @lower_builtin(operation, Vector, Vector)
    def code(context, builder, kinds, args):
        return instruction(builder, *args)


for _operation, _instruction in (
    (operator.add, ir.IRBuilder.fadd),
    (operator.sub, ir.IRBuilder.fsub),
    (operator.mul, ir.IRBuilder.fmul),
    (operator.truediv, ir.IRBuilder.fdiv),
    (operator.and_, ir.IRBuilder.and_),
):
    _add_operator(_operation, _instruction)
_add_operator(operator.lt, lambda builder, a, b: builder.fcmp_ordered("<", a, b), types.boolean)
_add_operator(operator.gt, lambda builder, a, b: builder.fcmp_ordered(">", a, b), types.boolean)
_add_operator(operator.eq, lambda builder, a, b: builder.fcmp_ordered("==", a, b), types.boolean)


def _elementwise(name):
    """Make vectors go through an LLVM function of single numbers."""

    def call(typing, vector):
        if not (isinstance(vector, Vector) and isinstance(vector.element, types.Float)):
            raise TypingError(f"{name}: expected a vector of floats, got {vector}")

        def code(context, builder, signature, args):
            kind = args[0].type
            full = f"llvm.{name}.v{kind.count}f{vector.element.bitwidth}"
            function = ir.FunctionType(kind, [kind])
            return builder.call(
                cgutils.get_or_insert_function(builder.module, function, full), args
            )

        return vector(vector), code

    return call


sqrt, floor = _elementwise("sqrt"), _elementwise("floor")


def cast(typing, vector, array):
    """Convert to the type of an array."""

    def code(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        before, after = vector.element.bitwidth, array.dtype.bitwidth
        if before == after:
            return args[0]
        return (builder.fptrunc if after < before else builder.fpext)(args[0], kind)

    return Vector(array.dtype, vector.lanes)(vector, array), code


def lesser(builder, a, b):
    """Lesser numbers of two vectors, one instruction on most processors."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def minimum(typing, a, b):
    """Compare and select."""
    if not (isinstance(a, Vector) and a == b and isinstance(a.element, types.Float)):
        raise TypingError(f"minimum: expected two equal vectors of floats, got {a}, {b}")

    def code(context, builder, signature, args):
        return lesser(builder, *args)

    return a(a, b), code
