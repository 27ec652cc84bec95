"""Checksums of structures and of arrays.

They are taken of given numbers, never of computed ones, whose last bits depend on the processor.
"""

from __future__ import annotations

import hashlib

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

__all__ = ["checksum", "fingerprint", "structure_arrays", "structure_checksum"]

DIGITS = 16


def checksum(*arrays: ArrayLike, header: str = "") -> str:
    """First 16 hexadecimal digits of the SHA-256 of a text and of the bytes of arrays."""
    digest = hashlib.sha256(header.encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:DIGITS]


def structure_arrays(atoms: Atoms) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Atomic numbers, positions, cell and periodicity: all that a prediction depends on."""
    return atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc


def structure_checksum(atoms: Atoms) -> str:
    """Checksum of `structure_arrays`."""
    return checksum(*structure_arrays(atoms))


def fingerprint(atoms: Atoms) -> int:
    """`structure_checksum` as the unsigned integer of 64 bits in stored results."""
    return int.from_bytes(bytes.fromhex(structure_checksum(atoms)), "little")
