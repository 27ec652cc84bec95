"""Small trajectory files, and when two structures are the same."""

import numpy as np

N_FRAMES = 5


def assert_same(atoms, expected, tolerance=1e-7):
    np.testing.assert_array_equal(atoms.numbers, expected.numbers)
    np.testing.assert_allclose(atoms.positions, expected.positions, atol=tolerance)
    np.testing.assert_allclose(atoms.cell.array, expected.cell.array, atol=tolerance)
    np.testing.assert_array_equal(atoms.pbc, expected.pbc)


def assert_same_modulo_cell(atoms, expected, tolerance=1e-5):
    """The same crystal: a rotation of the cell, and whole cells between atoms, do not matter."""
    np.testing.assert_array_equal(atoms.numbers, expected.numbers)
    np.testing.assert_allclose(atoms.cell.cellpar(), expected.cell.cellpar(), atol=tolerance)
    offsets = [
        np.linalg.solve(a.cell.array.T, (a.positions - a.positions[0]).T) for a in (atoms, expected)
    ]
    difference = offsets[0] - offsets[1]
    np.testing.assert_allclose(difference, np.round(difference), atol=tolerance)


def dump(rows, columns="id type x y z", box="pp pp pp\n0 5\n0 5\n0 5", count=None, step=0, head=""):
    return (
        f"{head}ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{count or len(rows)}\n"
        f"ITEM: BOX BOUNDS {box}\nITEM: ATOMS {columns}\n" + "".join(f"{row}\n" for row in rows)
    )


ROWS = ["2 1 1.5 1.25 1.75", "1 2 0.5 0.25 0.75"]


def gro_text(atoms, title, names=None, digits=3, velocities=None):
    """One frame, in nm."""
    width = digits + 5
    lines = [title, f"{len(atoms):5d}"]
    for i, position in enumerate(atoms.positions / 10.0):
        name = names[i] if names else atoms.symbols[i] + str(i + 1)
        row = f"{1:5d}{'SOL':<5s}{name:>5s}{i + 1:5d}"
        row += "".join(f"{x:{width}.{digits}f}" for x in position)
        if velocities is not None:
            row += "".join(f"{v:{width}.{digits + 1}f}" for v in velocities[i])
        lines.append(row)
    cell = atoms.cell.array.ravel() / 10.0
    lines.append("".join(f"{cell[i]:10.5f}" for i in (0, 4, 8, 1, 2, 3, 5, 6, 7)))
    return "\n".join(lines) + "\n"
