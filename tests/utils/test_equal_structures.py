"""Structures that a list holds more than once."""

from toy_model import toy_frames

from ase_dos.utils.equal_structures import equal_structures

FRAMES = toy_frames(8, seed=5)


def test_equal_structures():
    moved = [FRAMES[2].copy() for _ in range(3)]
    moved[0].positions += 4e-4
    moved[1].positions[0, 0] += 2e-3
    moved[2].pbc = (True, True, False)
    moved.append(FRAMES[2].copy())
    moved[3].numbers[0] = 6
    assert equal_structures([*FRAMES, *moved]) == [(2, 8)]
    assert equal_structures([]) == []
