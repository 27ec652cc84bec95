"""Write vasprun.xml and FHI-aims files in those programs' formats with numbers of pw.x runs.

Neither program is available here. The layout follows ASE's readers, real files of both programs
and FHI-aims' own format statements; the numbers are those of al.pwo and ni.pwo.
"""

from pathlib import Path

import numpy as np
from ase.io import read

from ase_dos.io.dft import read_frames

HERE = Path(__file__).parent


def vasprun(name, out):
    atoms, states = read_frames(HERE / f"{name}.pwo")[-1]
    kpoints = np.zeros((states.n_kpoints, 3))
    energy = read(HERE / f"{name}.pwo").get_potential_energy()

    def vectors(rows, indent):
        return "\n".join(
            " " * indent + "<v>" + "".join(f"{x:17.8f}" for x in row) + " </v>" for row in rows
        )

    def structure(label=""):
        return (
            f' <structure{label} >\n  <crystal>\n   <varray name="basis" >\n'
            f"{vectors(atoms.cell, 4)}\n   </varray>\n"
            f'   <i name="volume">{atoms.get_volume():17.8f} </i>\n  </crystal>\n'
            f'  <varray name="positions" >\n{vectors(atoms.get_scaled_positions(), 3)}\n'
            "  </varray>\n </structure>\n"
        )

    def scstep(first, shift=0.0):
        free = energy + shift
        without = free - states.entropy_term
        extra = f'    <i name="eentropy">{-9.9:17.8f} </i>\n' if first else ""
        return (
            f'  <scstep>\n   <time name="total">    0.12    0.14</time>\n   <energy>\n{extra}'
            f'    <i name="e_fr_energy">{free:17.8f} </i>\n'
            f'    <i name="e_wo_entrp">{without:17.8f} </i>\n'
            f'    <i name="e_0_energy">{(free + without) / 2:17.8f} </i>\n'
            "   </energy>\n  </scstep>\n"
        )

    spins = ""
    for s in range(states.n_spins):
        spins += f'     <set comment="spin {s + 1}">\n'
        for k in range(states.n_kpoints):
            rows = "".join(
                f"       <r>{e:11.4f}{f:11.4f} </r>\n"
                for e, f in zip(states.eigenvalues[s, k], occupations(states)[s, k], strict=True)
            )
            spins += f'      <set comment="kpoint {k + 1}">\n{rows}      </set>\n'
        spins += "     </set>\n"
    species = "".join(
        f"    <rc><c>{symbol} </c><c>   1</c></rc>\n" for symbol in atoms.get_chemical_symbols()
    )
    weights = vectors(states.weights[:, None], 3)
    (HERE / out).write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n <generator>\n'
        '  <i name="program" type="string">vasp </i>\n'
        '  <i name="version" type="string">hand-written, see README.md </i>\n </generator>\n'
        ' <kpoints>\n  <varray name="kpointlist" >\n'
        f"{vectors(kpoints, 3)}\n  </varray>\n"
        f'  <varray name="weights" >\n{weights}\n  </varray>\n </kpoints>\n'
        ' <parameters>\n  <separator name="electronic" >\n'
        f'   <i name="EDIFF">{1e-4:17.8f}</i>\n'
        f'   <i name="NELECT">{states.n_electrons:17.8f}</i>\n'
        '   <separator name="electronic smearing" >\n'
        '    <i type="int" name="ISMEAR">    -1</i>\n'
        f'    <i name="SIGMA">{states.smearing_width:17.8f}</i>\n   </separator>\n'
        '   <separator name="electronic startup" >\n'
        '    <i type="int" name="ICHARG">     2</i>\n   </separator>\n'
        '   <separator name="electronic spin" >\n'
        f'    <i type="int" name="ISPIN">     {states.n_spins}</i>\n'
        '    <i type="logical" name="LNONCOLLINEAR"> F  </i>\n   </separator>\n'
        '   <separator name="electronic convergence" >\n'
        '    <i type="int" name="NELM">    60</i>\n   </separator>\n'
        "  </separator>\n </parameters>\n"
        f" <atominfo>\n  <atoms>       {len(atoms)} </atoms>\n  <types>       1 </types>\n"
        '  <array name="atoms" >\n   <dimension dim="1">ion</dimension>\n'
        '   <field type="string">element</field>\n   <field type="int">atomtype</field>\n'
        f"   <set>\n{species}   </set>\n  </array>\n </atominfo>\n"
        + structure(' name="initialpos"')
        + " <calculation>\n"
        + scstep(True, 0.3)
        + scstep(False, 1e-6)
        + scstep(False)
        + structure()
        + f'  <energy>\n   <i name="e_fr_energy">{energy:17.8f} </i>\n'
        f'   <i name="e_wo_entrp">{energy:17.8f} </i>\n'
        f'   <i name="e_0_energy">{0:17.8f} </i>\n  </energy>\n'
        '  <eigenvalues>\n   <array>\n    <dimension dim="1">band</dimension>\n'
        '    <dimension dim="2">kpoint</dimension>\n    <dimension dim="3">spin</dimension>\n'
        "    <field>eigene</field>\n    <field>occ</field>\n    <set>\n"
        f"{spins}    </set>\n   </array>\n  </eigenvalues>\n"
        f'  <dos>\n   <i name="efermi">{states.fermi_level:17.8f} </i>\n  </dos>\n'
        " </calculation>\n" + structure(' name="finalpos"') + "</modeling>\n"
    )


def occupations(states):
    x = (states.eigenvalues - states.fermi_level) / states.smearing_width
    return 1 / (1 + np.exp(np.clip(x, -500, 500)))


def aims(name, out):
    atoms, states = read_frames(HERE / f"{name}.pwo")[-1]
    two = states.n_spins == 2
    weights = "".join(
        f"  | k-point: {k + 1:4d} at {0:12.6f}{0:12.6f}{k / 100:12.6f}  , weight: {w:12.8f}\n"
        for k, w in enumerate(states.weights)
    )
    table = ""
    occupied = occupations(states) * states.spin_degeneracy
    for k in range(states.n_kpoints):
        for s in range(states.n_spins):
            if two:
                table += f"\n  Spin-{('up', 'down')[s]} eigenvalues: \n"
            table += f"  K-point:{k + 1:8d} at{0:12.6f}{0:12.6f}{k / 100:12.6f}"
            table += " (in units of recip. lattice)\n\n"
            table += "  State    Occupation    Eigenvalue [Ha]    Eigenvalue [eV]\n"
            for n, e in enumerate(states.eigenvalues[s, k]):
                table += f"  {n + 1:5d}      {occupied[s, k, n]:8.5f}     {e / 27.211386:14.6f}"
                table += f"    {e:15.5f}\n"
            table += "\n"
    free = read(HERE / f"{name}.pwo").get_potential_energy()
    energy = free - states.entropy_term
    lattice = "".join("  |" + "".join(f"{x:18.8f}" for x in row) + "\n" for row in atoms.cell)
    sites = "".join(
        f"  |{i + 1:5d}: Species {a.symbol:2s} " + "".join(f"{x:18.8f}" for x in a.position) + "\n"
        for i, a in enumerate(atoms)
    )
    column = "|  density,  spin     | eigen (eV) |" if two else "|  density  | eigen (eV) |"
    (HERE / out).write_text(
        "------------------------------------------------------------\n"
        "          Invoking FHI-aims ...\n"
        "  (hand-written file in this format; see README.md)\n\n"
        f"  Occupation type: Fermi broadening, width = {states.smearing_width:14.8E} eV.\n"
        "  Basic array size parameters:\n"
        "  | Number of species                 :        1\n"
        f"  | Number of atoms                   : {len(atoms):8d}\n"
        f"  | Number of spin channels           : {states.n_spins:8d}\n\n"
        "  Input geometry:\n  | Unit cell:\n"
        f"{lattice}  | Atomic structure:\n"
        "  |       Atom                x [A]            y [A]            z [A]\n"
        f"{sites}\n"
        f"  The structure contains {len(atoms):8d} atoms,  and a total of "
        f"{states.n_electrons:15.3f} electrons.\n"
        f"  | Number of Kohn-Sham states (occupied + empty): {states.n_bands:8d}\n\n"
        "          Begin self-consistency loop: Initialization.\n\n"
        "  Initializing the k-points\n"
        f"  | Number of k-points                             : {states.n_kpoints:9d}\n"
        f"  | K-points in task   0: {states.n_kpoints:9d}\n{weights}"
        "  | Chemical potential (Fermi level):    -9.39880369 eV\n"
        f"  Writing Kohn-Sham eigenvalues.\n{table}"
        "          Begin self-consistency iteration #    1\n"
        f"  Convergence:    q app. {column} Etot (eV) | forces (eV/A) |\n"
        f"  | Chemical potential (Fermi level): {states.fermi_level:14.8f} eV\n"
        f"  Writing Kohn-Sham eigenvalues.\n{table}"
        "  What follows are estimated values for band gap, HOMO, LUMO, etc.\n\n"
        "  Self-consistency cycle converged.\n\n"
        "  Energy and forces in a compact form:\n"
        f"  | Total energy uncorrected      : {energy:29.15E} eV\n"
        f"  | Total energy corrected        : {(energy + free) / 2:29.15E} eV  <-- do not rely\n"
        f"  | Electronic free energy        : {free:29.15E} eV\n\n"
        "          Have a nice day.\n"
        "------------------------------------------------------------\n"
    )


vasprun("al", "al_vasprun.xml")
vasprun("ni", "ni_vasprun.xml")
aims("al", "al_aims.out")
aims("ni", "ni_aims.out")
