"""Compiler of functions that exist only inside the kernels that call them.

Numba optimises every function, and turns it into machine code, before it links a copy into what
calls it, where all is done again. Kernels consist of functions that call functions, five deep, so
that this took a third of the time of compiling. Here it is left out: code is optimised once, in
the kernel. Most functions also do without the count of references to arrays that numba writes
around each use of one: those that they are given live on in the kernel.
"""

from __future__ import annotations

from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering

__all__ = ["InlinedCompiler"]


class _InlinedLibrary(JITCodeLibrary):
    """Code as numba wrote it, to be linked into others."""

    def _optimize_final_module(self):
        """Leave this to the kernel."""

    def _finalize_final_module(self):
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _InlinedLowering(NativeLowering):
    """Write the code, and no more."""

    _name = "inlined_lowering"

    def run_pass(self, state):
        context, name = state.targetctx, state.func_id.func_qualname
        if not _owns_arrays(state):
            context = state.targetctx = context.subtarget(enable_nrt=False)
        state.library = _InlinedLibrary(context.codegen(), name)
        state.flags.no_compile = state.flags.no_cpython_wrapper = True
        # Copies in several kernels, each optimised with what is around it, would round differently,
        # and a process uses the one that it meets first.
        state.flags.forceinline = True
        super().run_pass(state)
        code = state["cr"]
        # What stands for the function in the code of others; Python cannot call it.
        handle = _dynfunc.make_function(
            code.fndesc.lookup_module(), name, "", 0, code.env, (state.library,)
        )
        context.insert_user_function(handle, code.fndesc, [state.library])
        state["cr"] = code._replace(cfunc=handle)
        return True


# What gives a part of an array, and not a new one.
_PARTS = {"getitem", "static_getitem", "getiter", "iternext"}


def _owns_arrays(state):
    """Whether a function makes arrays, calls what returns some, or returns one itself."""
    made = [
        signature.return_type
        for expression, signature in state.calltypes.items()
        if signature is not None and getattr(expression, "op", None) not in _PARTS
    ]
    models = state.targetctx.data_model_manager
    return any(models[kind].contains_nrt_meminfo() for kind in (state.return_type, *made))


class InlinedCompiler(CompilerBase):
    """Steps of numba, but for the last."""

    def define_pipelines(self):
        """Give the steps."""
        whole = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps = PassManager("inlined")
        for step, text in whole.passes:
            steps.add_pass(_InlinedLowering if step is NativeLowering else step, text)
        steps.finalize()
        return [steps]
