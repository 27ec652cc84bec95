"""Silicon is melted, quenched to a glass and compressed to 20 GPa; its electrons follow.

    python examples/07_compressed_silicon/compressed_silicon.py [--atoms 512]

LAMMPS (command ``lmp``) makes the trajectory; a run that was killed goes on. The glass comes from
the Stillinger-Weber potential of Vink et al. (https://doi.org/10.1016/S0022-3093(01)00342-8),
fitted to amorphous silicon, and is compressed with EDIP
(https://doi.org/10.1103/PhysRevB.58.2539): the first gives fourfold glasses at the rates of a
simulation, the second higher coordination under pressure. Writes compressed_silicon.csv and .png
into the output directory. 512 atoms take half a minute, 4 096 some minutes, 110 592 three
quarters of an hour on one core.
"""

import argparse
import shutil
import subprocess
from pathlib import Path

import numpy as np

from ase_dos import analyze_trajectory, open_frames
from ase_dos.results.atom_plots import plot_groups
from ase_dos.results.atoms import atomic_frames
from ase_dos.results.groups import group_atoms
from ase_dos.results.local_map import fit_local_map

# Last step (2 fs) of each stage, potential, temperatures (K) and pressures (GPa) at its ends.
STAGES = [
    ("melt", 1600, "sw", 4000, 4000, 0, 0),
    ("cool", 3200, "sw", 4000, 2800, 0, 0),
    ("quench", 9200, "sw", 2800, 1000, 0, 0),
    ("freeze", 10000, "sw", 1000, 500, 0, 0),
    ("anneal", 11200, "edip", 500, 500, 0, 0),
    ("compress", 19200, "edip", 500, 500, 0, 20),
]
POTENTIALS = {
    "sw": Path(__file__).with_suffix(".sw").resolve(),
    "edip": Path("/usr/share/lammps/potentials/Si.edip"),
}
FIRST, LAST, HIGHEST = STAGES[-2][1], STAGES[-1][1], STAGES[-1][6]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--atoms", type=int, default=512)
    parser.add_argument("--output", type=Path, default=Path("compressed_silicon"))
    args = parser.parse_args()
    if shutil.which("lmp") is None or not POTENTIALS["edip"].exists():
        print("skipped: this needs LAMMPS, of Debian the packages lammps and lammps-data")
        return
    (args.output / "frames").mkdir(parents=True, exist_ok=True)
    simulate(max(2, round((args.atoms / 8) ** (1 / 3))), args.output)
    frames = open_frames(args.output / "frames" / "*.dump.gz", types=["Si"])
    result = analyze_trajectory(frames, "silicon", output=args.output / "results", local=True)
    table = tabulate(result, frames)
    rows = [",".join(f"{x:.5g}" for x in row) for row in np.transpose(list(table.values()))]
    rows = [",".join(table), *rows]
    (args.output / "compressed_silicon.csv").write_text("\n".join(rows) + "\n")
    print("\n".join(rows[:1] + rows[1::4]))
    draw(result, frames, table).savefig(args.output / "compressed_silicon.png", dpi=100)


def simulate(cells, output):
    """Run what is missing of every stage; a stage that was killed goes on from its last state."""
    begin, before = 0, "none"
    for name, end, style, t_begin, t_end, p_begin, p_end in STAGES:
        if not (output / f"{name}.restart").exists():
            print(f"{name}: {8 * cells**3} atoms, {end - begin} steps", flush=True)
            variables = {
                "cells": cells,
                "stage": name,
                "begin": begin,
                "end": end,
                "restart": newest_restart(output, before),
                "style": style,
                "potential": POTENTIALS[style],
                "t_begin": t_begin,
                "t_end": t_end,
                "p_begin": 1e4 * p_begin,
                "p_end": 1e4 * p_end,
            }
            words = [w for key, value in variables.items() for w in ("-var", key, str(value))]
            subprocess.run(
                [
                    "lmp",
                    "-in",
                    Path(__file__).with_suffix(".in").resolve(),
                    "-screen",
                    "none",
                    "-log",
                    f"{name}.log",
                    *words,
                ],
                cwd=output,
                check=True,
            )
        begin, before = end, name


def newest_restart(output, before):
    """Name of the state to go on from: a killed run's, where newer than the end of a stage."""
    files = [output / f"{name}.restart" for name in (before, "a", "b")]
    files = [file for file in files if file.exists()]
    return max(files, key=lambda file: file.stat().st_mtime).stem if files else "none"


def tabulate(result, frames):
    """Pressure (that of the ramp), structure and electrons, a column each."""
    coordination = [frames[i].arrays["c_coordination"] for i in result.frames]
    energies, dos = result.aligned_dos()
    near = np.abs(energies) < 1.5
    table = {
        "pressure_GPa": HIGHEST * (result.md_step - FIRST) / (LAST - FIRST),
        "volume_A3_per_atom": result.volume / result.n_atoms,
        "coordination": np.array([c.mean() for c in coordination]),
        "fermi_level_above_band_bottom_eV": result.fermi_level - result.band_bottom,
        "dos_at_fermi_level_per_eV_atom": result.dos_at_fermi_level / result.n_atoms,
        "smallest_dos_within_1.5_eV": dos[:, near].min(axis=1),
    }
    for n in (4, 5, 6):
        table[f"fraction_{n}fold"] = np.array([(c == n).mean() for c in coordination])
    return table


def draw(result, frames, table):
    """DOS and g(E_F) under pressure; local DOS by coordination, as mean and as a map."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
    draw_dos(axes[0, 0], result, table["pressure_GPa"])
    draw_series(axes[0, 1], table)
    draw_coordinations(axes[1, 0], result, frames)
    draw_map(axes[1, 1], result, frames)
    for letter, ax in zip("abcd", axes.flat, strict=True):
        ax.set_title(letter, loc="left", fontweight="bold")
    return figure


def draw_dos(ax, result, pressure):
    import matplotlib.pyplot as plt

    energies, dos = result.aligned_dos()
    for p, row in list(zip(pressure, dos, strict=True))[::4]:
        ax.plot(energies, row, color=plt.cm.viridis(p / HIGHEST), label=f"{p:.0f} GPa")
    ax.axvline(0, color="grey", lw=0.8, ls=":")
    ax.set(xlim=(-13, 5), ylim=(0, None), xlabel="$E - E_F$ (eV)", ylabel="DOS (states/eV/atom)")
    ax.legend(fontsize=8)


def draw_series(ax, table):
    pressure, smallest = table["pressure_GPa"], table["smallest_dos_within_1.5_eV"]
    ax.plot(pressure, table["dos_at_fermi_level_per_eV_atom"], "o-", ms=3, label="$g(E_F)$")
    ax.plot(pressure, smallest, "s-", ms=3, label="smallest DOS within 1.5 eV of $E_F$")
    ax.set(xlabel="Pressure (GPa)", ylabel="DOS (states/eV/atom)", ylim=(0, None))
    ax.legend(loc="lower left", fontsize=8)
    right = ax.twinx()
    right.plot(pressure, table["coordination"], "k--", lw=1)
    right.set(ylabel="Mean coordination (dashed)", ylim=(3.5, None))


def draw_coordinations(ax, result, frames):
    """Mean local DOS of the atoms of one coordination, over all frames from 10 GPa on."""
    compressed = result.md_step >= (FIRST + LAST) / 2
    neighbors = (frames[int(i)].arrays["c_coordination"].astype(int) for i in result.frames)
    groups = group_atoms(result, neighbors, weights=compressed.astype(float), by="neighbours")
    plot_groups(groups, ax, min_share=1e-3)
    ax.set(xlim=(-13, 5), ylim=(0, None), ylabel="Local DOS (states/eV), 10 to 20 GPa")


def draw_map(ax, result, frames, per_frame=2000):
    """Principal components of the local DOS of some atoms of every frame, by coordination."""
    local_map = fit_local_map(result)
    scores, kinds = [], []
    for frame in atomic_frames(result):
        some = np.random.default_rng(0).permutation(len(frame.coefficients))[:per_frame]
        scores.append(local_map.scores(frame)[some])
        kinds.append(frames[frame.index].arrays["c_coordination"][some])
    (x, y), kinds = np.concatenate(scores).T, np.concatenate(kinds)
    cells = ax.hexbin(x, y, C=kinds, gridsize=55, mincnt=5, vmin=3.5, vmax=5.5, cmap="coolwarm")
    ax.figure.colorbar(cells, ax=ax, label="Mean coordination", shrink=0.8)
    first, second = 100 * local_map.explained
    ax.set(
        xlabel=f"Component 1 of the local DOS ({first:.0f} % of the variance)",
        ylabel=f"Component 2 ({second:.0f} %)",
    )


if __name__ == "__main__":
    main()
