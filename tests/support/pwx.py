"""Text as pw.x prints it, composed of the parts that a test needs.

The crystal is simple cubic with 7 bohr, of two k-points with the levels that a test gives. Numbers
are chosen, not computed: four electrons, and a gap above 2 eV where the levels say nothing else.
"""

LEVELS = ((-3.0, 1.0, 4.0, 9.0), (-2.0, 2.0, 5.0, 8.0))


def doubled(levels):
    """Levels of spinors: each twice."""
    return tuple(tuple(e for e in point for _ in "ab") for point in levels)


def header(
    *lines,
    version="7.2",
    electrons="4.00",
    bands=4,
    weights=(0.5, 1.5),
    points=((0, 0, 0), (0.5, 0, 0)),
    filling="",
    atoms=(("Si", 0, 0, 0),),
    unit="alat",
    threshold="1.0E-06",
):
    """Settings, cell, atoms and k-points. ``lines`` stand among the settings."""
    rows = [
        "",
        f"     Program PWSCF v.{version} starts on  1Jan2025 at  0: 0: 0 ",
        "",
        f"     lattice parameter ({unit})  =       7.0000  a.u.",
        "     unit-cell volume          =     343.0000 (a.u.)^3",
        f"     number of atoms/cell      = {len(atoms):12d}",
        f"     number of electrons       = {electrons:>12}",
        f"     number of Kohn-Sham states= {bands:12d}",
        f"     scf convergence threshold =      {threshold}",
        *(f"     {line}" for line in lines),
        "",
        "     celldm(1)=   7.000000  celldm(2)=   0.000000  celldm(3)=   0.000000",
        "",
        f"     crystal axes: (cart. coord. in units of {unit})",
        "               a(1) = (   1.000000   0.000000   0.000000 )  ",
        "               a(2) = (   0.000000   1.000000   0.000000 )  ",
        "               a(3) = (   0.000000   0.000000   1.000000 )  ",
        "",
        f"     reciprocal axes: (cart. coord. in units 2 pi/{unit})",
        "               b(1) = (  1.000000  0.000000  0.000000 )  ",
        "               b(2) = (  0.000000  1.000000  0.000000 )  ",
        "               b(3) = (  0.000000  0.000000  1.000000 )  ",
        "",
        f"     site n.     atom                  positions ({unit} units)",
    ]
    for i, (label, *place) in enumerate(atoms, 1):
        rows.append(f"{i:10d}        {label:6s} tau({i:4d}) = ({_columns(place, '12.7f')}  )")
    rows += ["", f"     number of k points={len(weights):6d}  {filling}"]
    rows += [f"                       cart. coord. in units 2pi/{unit}"]
    for i, (weight, point) in enumerate(zip(weights, points, strict=True), 1):
        rows.append(f"        k({i:5d}) = ({_columns(point, '12.7f')}), wk ={weight:12.7f}")
    return "\n".join([*rows, "", ""])


def bands(levels=LEVELS, before="", spins=False):
    """Bands behind ``before``, the text between them and the end of the iterations."""
    text = before
    for i, point in enumerate(levels):
        if spins and i % (len(levels) // 2) == 0:
            text += f"\n ------ SPIN {'DOWN' if i else 'UP'} ------------\n\n"
        text += "\n          k = 0.0000 0.0000 0.0000 (   113 PWs)   bands (ev):\n\n"
        for start in range(0, len(point), 8):
            text += "  " + _columns(point[start : start + 8], "9.4f") + "\n"
    return text


def scf(
    levels=LEVELS,
    level="the Fermi energy is     3.0000 ev",
    end="convergence has been achieved in   5 iterations",
    accuracy="0.00000010",
    before="",
    spins=False,
):
    """One self-consistency loop, from its beginning to its last word."""
    return (
        "\n     Self-consistent Calculation\n\n     End of self-consistent calculation\n"
        + bands(levels, before, spins)
        + f"\n     {level}\n\n!    total energy              =     -10.00000000 Ry\n"
        + f"     estimated scf accuracy    <       {accuracy} Ry\n\n     {end}\n"
    )


def nscf(levels=LEVELS, level="the Fermi energy is     3.0000 ev"):
    """One calculation at fixed density."""
    return (
        "\n     Band Structure Calculation\n\n     End of band structure calculation\n"
        + bands(levels)
        + (f"\n     {level}\n" if level else "")
        + "\n     Writing output data file ./pwscf.save/\n"
    )


def moved(*rows, unit="alat", cell=""):
    """Structure of a later step."""
    return f"\n{cell}ATOMIC_POSITIONS ({unit})\n" + "\n".join(rows) + "\n\n"


DONE = "\n   JOB DONE.\n"


def _columns(numbers, form):
    return "".join(f"{number:{form}}" for number in numbers)
