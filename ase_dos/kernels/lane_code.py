"""LLVM instructions between the lanes of vectors: numbers change places, are added up or chosen.

As in `ase_dos.kernels.vector_code`, each function says what types it takes and gives, and writes
its instructions.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from ase_dos.kernels.vector_code import (
    Vector,
    alignment,
    lesser,
    repeated,
    shuffled,
    vector_pointer,
)


def repeat(typing, array, index, count, lanes):
    """Load numbers and repeat them in turn."""

    def code(context, builder, signature, args):
        kind = context.get_value_type(signature.return_type)
        some = ir.VectorType(kind.element, count.literal_value)
        pointer = vector_pointer(context, builder, signature.args[0], args[0], args[1], some)
        numbers = builder.load(pointer, align=alignment(signature.args[0]))
        return shuffled(builder, numbers, numbers, [i % some.count for i in range(kind.count)])

    return Vector(array.dtype, lanes.literal_value)(array, types.intp, count, lanes), code


def interleave(typing, a, b):
    """Shuffle two vectors into one."""
    if not (isinstance(a, Vector) and a == b):
        raise TypingError(f"interleave: expected two equal vectors, got {a}, {b}")

    def code(context, builder, signature, args):
        return shuffled(
            builder, args[0], args[1], [i // 2 + i % 2 * a.lanes for i in range(2 * a.lanes)]
        )

    return Vector(a.element, 2 * a.lanes)(a, b), code


def add_groups(typing, vector, count):
    """Add numbers at even and odd places until one of every group is left."""
    if not (isinstance(vector, Vector) and isinstance(vector.element, types.Float)):
        raise TypingError(f"add_groups: expected a vector of floats, got {vector}")
    left = vector.lanes // count.literal_value

    def code(context, builder, signature, args):
        (values, _) = args
        while (lanes := values.type.count) > left:
            even, odd = (
                shuffled(builder, values, values, list(range(first, lanes, 2))) for first in (0, 1)
            )
            values = builder.fadd(even, odd)
        return values

    return Vector(vector.element, left)(vector, count), code


def add_parts(typing, vector, lanes):
    """Add the halves until one part is left."""
    if not (isinstance(vector, Vector) and isinstance(vector.element, types.Float)):
        raise TypingError(f"add_parts: expected a vector of floats, got {vector}")

    def code(context, builder, signature, args):
        (values, _) = args
        while (half := values.type.count // 2) >= lanes.literal_value:
            low, high = (
                shuffled(builder, values, values, list(range(first, first + half)))
                for first in (0, half)
            )
            values = builder.fadd(low, high)
        return values

    return Vector(vector.element, lanes.literal_value)(vector, lanes), code


def store_parts(typing, array, index, step, vector, lanes):
    """Store parts of a vector apart."""
    if not isinstance(vector, Vector) or vector.element != array.dtype:
        raise TypingError(f"store_parts: expected a vector of {array.dtype}, got {vector}")

    def code(context, builder, signature, args):
        at, count = args[1], lanes.literal_value
        kind = ir.VectorType(args[3].type.element, count)
        for first in range(0, vector.lanes, count):
            part = shuffled(builder, args[3], args[3], list(range(first, first + count)))
            pointer = vector_pointer(context, builder, signature.args[0], args[0], at, kind)
            builder.store(part, pointer, align=alignment(signature.args[0]))
            at = builder.add(at, args[2])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector, lanes), code


def rising(typing, first, lanes):
    """Add 0, 1, 2 and so on to a number."""
    kind = Vector(types.float64, lanes.literal_value)

    def code(context, builder, signature, args):
        vector = context.get_value_type(kind)
        steps = ir.Constant(vector, [float(i) for i in range(vector.count)])
        return builder.fadd(repeated(builder, args[0], vector), steps)

    return kind(types.float64, lanes), code


def count(typing, chosen):
    """Count bits."""
    if not (isinstance(chosen, Vector) and chosen.element == types.boolean):
        raise TypingError(f"count: expected a vector of truth values, got {chosen}")

    def code(context, builder, signature, args):
        (chosen,) = args
        bits = builder.bitcast(chosen, ir.IntType(chosen.type.count))
        return builder.zext(builder.ctpop(bits), ir.IntType(64))

    return types.intp(chosen), code


def pack(avx512, avx2):
    """Write chosen numbers by an instruction of its own, where there is one, or one by one."""

    def pack_numbers(typing, array, index, vector, chosen):
        if not isinstance(vector, Vector) or chosen != Vector(types.boolean, vector.lanes):
            raise TypingError(
                f"pack: expected a vector and as many choices, got {vector}, {chosen}"
            )
        in_fours = avx2 and vector.element == types.float64 and vector.lanes % 4 == 0
        write = _pack_at_once if avx512 else _pack_fours if in_fours else _pack_one_by_one

        def code(context, builder, signature, args):
            array, at, values, chosen = args
            array_type = signature.args[0]

            def pointer(at, kind):
                return vector_pointer(context, builder, array_type, array, at, kind)

            write(builder, at, values, chosen, pointer, alignment(array_type))
            return context.get_dummy_value()

        return types.void(array, types.intp, vector, chosen), code

    return pack_numbers


def _pack_at_once(builder, at, values, chosen, pointer, align):
    """Compress the vector, as AVX-512 does."""
    kind = values.type
    bits = 64 if kind.element == ir.DoubleType() else 32
    name = f"llvm.x86.avx512.mask.compress.v{kind.count}f{bits}"
    function = ir.FunctionType(kind, [kind, kind, chosen.type])
    function = cgutils.get_or_insert_function(builder.module, function, name)
    packed = builder.call(function, [values, ir.Constant(kind, None), chosen])
    builder.store(packed, pointer(at, kind), align=align)


def _pack_fours(builder, at, values, chosen, pointer, align):
    """Permute four numbers in double precision at a time, as AVX2 does with halves of them."""
    halves, four = ir.VectorType(cgutils.int32_t, 8), ir.VectorType(ir.DoubleType(), 4)
    function = ir.FunctionType(halves, [halves, halves])
    function = cgutils.get_or_insert_function(builder.module, function, "llvm.x86.avx2.permd")
    for first in range(0, values.type.count, 4):
        lanes = list(range(first, first + 4))
        bits = builder.bitcast(shuffled(builder, chosen, chosen, lanes), ir.IntType(4))
        choice = builder.zext(bits, at.type)
        places = builder.load(builder.gep(_places_table(builder.module), [at.type(0), choice]))
        numbers = builder.bitcast(shuffled(builder, values, values, lanes), halves)
        packed = builder.bitcast(builder.call(function, [numbers, places]), four)
        builder.store(packed, pointer(at, four), align=align)
        at = builder.add(at, builder.ctpop(choice))


def _places_table(module):
    """Halves of the chosen ones of four numbers, one after the other, for all sixteen choices."""
    name = "places_of_chosen_halves"
    if name in module.globals:
        return module.globals[name]
    rows = []
    for choice in range(16):
        places = [2 * lane + half for lane in range(4) if choice >> lane & 1 for half in (0, 1)]
        rows.append(places + [0] * (8 - len(places)))
    kind = ir.ArrayType(ir.VectorType(cgutils.int32_t, 8), 16)
    table = cgutils.global_constant(module, name, ir.Constant(kind, rows))
    table.unnamed_addr = True
    return table


def _pack_one_by_one(builder, at, values, chosen, pointer, align):
    """Write every number, over again by the next one where it was not chosen."""
    for lane in map(cgutils.int32_t, range(values.type.count)):
        number = builder.extract_element(values, lane)
        builder.store(number, pointer(at, number.type))
        at = builder.add(at, builder.zext(builder.extract_element(chosen, lane), at.type))


def smallest(typing, vector):
    """Halve the vector until one number is left."""
    if not (isinstance(vector, Vector) and isinstance(vector.element, types.Float)):
        raise TypingError(f"smallest: expected a vector of floats, got {vector}")

    def code(context, builder, signature, args):
        (values,) = args
        while values.type.count > 1:
            half = values.type.count // 2
            low, high = (
                shuffled(builder, values, values, list(range(first, first + half)))
                for first in (0, half)
            )
            values = lesser(builder, low, high)
        return builder.extract_element(values, cgutils.int32_t(0))

    return vector.element(vector), code
