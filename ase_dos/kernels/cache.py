"""Cache of compiled kernels on disk, which processes share."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from pathlib import Path

from numba.core.caching import FunctionCache

__all__ = ["KernelCache", "disk_cache"]


class KernelCache(FunctionCache):
    """Compiled forms of one kernel.

    Beyond what numba's own does: it goes stale when any file with kernels changes, not only that of
    the kernel, and by its content, not its date, so that it outlives an installation of the same
    release; of several processes that need the same kernel one compiles it, and the others wait for
    it; and what cannot be read or written is compiled, not an error.
    """

    def __init__(self, function):
        super().__init__(function)
        # Numba would go on using old code that was compiled into a kernel from another file.
        self._cache_file._source_stamp = _SOURCES
        self._lock = None

    def load_overload(self, sig, target_context):
        """Load a compiled form; where there is none yet, get the right to make it."""
        found = self._load(sig, target_context)
        if found is None and self._lock is None:
            self._lock = _wait_for_lock(Path(self.cache_path) / f"{self._impl.filename_base}.lock")
            found = self._load(sig, target_context)  # another process may have made it
            if found is not None:
                self._release()
        return found

    def save_overload(self, sig, data):
        """Save a compiled form, and let other processes go on."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            warnings.warn(
                f"{self.cache_path}: the compiled kernels cannot be kept ({error}); they are "
                "compiled again in the next process. NUMBA_CACHE_DIR can name another directory",
                UserWarning,
                stacklevel=2,
            )
        finally:
            self._release()

    def _load(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # of another release, or damaged: pickle raises anything
            self.flush()
            return None

    def _release(self):
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def disk_cache(function):
    """Return the cache of a kernel; None where no directory for it can be written."""
    try:
        return KernelCache(function)
    except RuntimeError:  # numba: "cannot cache function ...: no locator available"
        _warn_once()
        return None


def _digest_of_sources():
    """SHA-256 of the names and contents of all files with kernels."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(f"{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


_SOURCES = _digest_of_sources()
_warned = False


def _warn_once():
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "no directory for compiled kernels can be written, so each process compiles them anew; "
            "set NUMBA_CACHE_DIR to a directory that can be written",
            UserWarning,
            stacklevel=2,
        )


def _wait_for_lock(path):
    """Open file that no other process has locked; None where files cannot be locked."""
    try:
        import fcntl
    except ImportError:  # Windows: each process compiles for itself
        return None
    with contextlib.suppress(OSError):
        file = open(path, "ab")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            file.close()
            raise
        return file
    return None
