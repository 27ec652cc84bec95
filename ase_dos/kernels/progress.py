"""Line and bar that say that kernels are compiled: the first time on a machine, for seconds."""

from __future__ import annotations

import sys

from numba.core import event
from tqdm import tqdm

__all__ = ["announce", "silence"]

# Functions that the larger kernels consist of: only to tell how far it is.
FUNCTIONS = 80
# Seconds on one core of what begins with a kernel: all for a first DOS, the DOS alone, forces.
SECONDS = {"sort_into_bins": 10, "regress_atoms": 7, "differentiate_parts": 8}
OTHERS = 3


class _Progress(event.Listener):
    """Hears of every function that numba compiles; speaks of those of kernels."""

    def __init__(self):
        self.depth = 0
        self.bar = None
        self.silent = False

    def on_start(self, event):
        function = event.data["dispatcher"].py_func
        if not self.depth and not function.__module__.startswith("ase_dos.kernels"):
            return
        self.depth += 1
        if self.bar is None and not self.silent:
            seconds = SECONDS.get(function.__name__, OTHERS)
            print(
                f"ase_dos: compiling kernels once, about {seconds} s "
                "(`ase-dos compile` does it ahead)",
                file=sys.stderr,
                flush=True,
            )
            # A bar on terminals only: batch systems collect stderr in files.
            self.bar = tqdm(
                total=FUNCTIONS,
                desc="compiling",
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}",
                file=sys.stderr,
                leave=False,
                disable=not sys.stderr.isatty(),
            )

    def on_end(self, event):
        if not self.depth:
            return
        self.depth -= 1
        if self.bar is not None and self.bar.n < FUNCTIONS - 1:
            self.bar.update()
        if self.bar is not None and not self.depth:
            self.bar.clear()


_progress = _Progress()


def announce() -> None:
    """Speak of kernels that are compiled from now on; once in a process."""
    event.register("numba:compile", _progress)


def silence(silent: bool = True) -> None:
    """Say nothing of kernels that are compiled, or speak again."""
    _progress.silent = silent
