"""Hot electrons soften silicon: lattice constant and phonons against electronic temperature.

The Tersoff potential is the crystal with cold electrons, the shipped model adds the free energy of
hot ones; at every temperature the lattice is relaxed first. Writes silicon_softening.png into the
current directory, in a minute on one core.

Density functional theory finds that the transverse acoustic modes at the zone boundary lose their
stability when the electrons are hot, and that silicon then melts without being heated: Stampfli
and Bennemann, Phys. Rev. B 42, 7163 (1990); Recoules et al., Phys. Rev. Lett. 96, 055503 (2006);
Zijlstra et al., Phys. Rev. X 3, 011005 (2013). With Tersoff's potential these frequencies are a
third to a half too high before any heating. What the electrons change is omega^2; so the dashed
lines add the computed change to what was measured on cold crystals (G. Nilsson and G. Nelin,
Phys. Rev. B 6, 3777 (1972)).
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk
from ase.calculators.tersoff import Tersoff, TersoffParameters
from ase.phonons import Phonons
from ase.units import GPa, _e, _hplanck
from scipy.optimize import brentq

from ase_dos import DOSCalculator

TEMPERATURES = np.array([0.0, 4000.0, 6000.0, 8000.0, 10_000.0, 12_000.0])  # K
MODES = {"LTO($\\Gamma$)": ("G", 3), "TA(X)": ("X", 0), "TA(L)": ("L", 0)}
MEASURED = {"G": [15.53], "X": [4.49, 12.32, 13.90], "L": [3.43, 11.35, 12.60, 14.68]}  # THz
THZ = 1e-12 * _e / _hplanck  # in one eV

# J. Tersoff, Phys. Rev. B 39, 5566 (1989)
COLD = Tersoff(
    {
        ("Si", "Si", "Si"): TersoffParameters(
            m=3,
            gamma=1.0,
            lambda3=0.0,
            c=1.0039e5,
            d=16.217,
            h=-0.59825,
            n=0.78734,
            beta=1.1e-6,
            lambda2=1.7322,
            B=471.18,
            R=2.85,
            D=0.15,
            lambda1=2.4799,
            A=1830.8,
        )
    }
)


def relaxed(calculator):
    """Diamond crystal without pressure, and the pressure (GPa) that held it at a_0 = 5.432."""

    def crystal(a):
        atoms = bulk("Si", a=a)
        atoms.calc = calculator
        return atoms

    def tension(a):
        return crystal(a).get_stress()[:3].mean()

    return crystal(brentq(tension, 5.3, 5.8, xtol=1e-6)), -tension(5.432) / GPa


def phonons(crystal):
    """Phonons from force constants in 250 atoms, which reach as far as the forces do."""
    with tempfile.TemporaryDirectory() as folder:
        result = Phonons(
            bulk("Si", a=crystal.cell.lengths()[0] * np.sqrt(2)),
            crystal.calc,
            supercell=(5, 5, 5),
            delta=0.02,
            name=Path(folder) / "phonons",
        )
        result.run()
        result.read(acoustic=True)
    return result


def main():
    constants, at_points, bands = [], [], {}
    print("T_e (K)   a (Angstrom)  pressure at 5.432 (GPa)  novelty  " + "  ".join(MODES))
    for temperature in TEMPERATURES:
        hot = DOSCalculator("silicon", ground_state=COLD, electronic_temperature=temperature)
        crystal, pressure = relaxed(hot)
        novelty = hot.model.predict(crystal).novelty.max()
        vibrations = phonons(crystal)
        points = crystal.cell.bandpath("LGX", npoints=0).special_points

        def frequencies(path, vibrations=vibrations):
            # Imaginary ones come as negative numbers.
            return THZ * vibrations.band_structure(path, verbose=False)

        values = [frequencies([points[point]])[0, branch] for point, branch in MODES.values()]
        constants.append(crystal.cell.lengths()[0] * np.sqrt(2))
        at_points.append(values)
        path = crystal.cell.bandpath("LGX", npoints=101)
        bands[temperature] = path, frequencies(path.kpts)
        print(
            f"{temperature:7.0f}   {constants[-1]:12.4f}  {pressure:23.2f}  {novelty:7.2f}  "
            + "  ".join(f"{v:9.2f}" for v in values)
        )
    at_points = np.array(at_points)
    changes = at_points**2 - at_points[0] ** 2
    real = np.array([MEASURED[point][0] for point, _ in MODES.values()])
    moved = real**2 + changes
    shifted = np.sign(moved) * np.sqrt(np.abs(moved))
    print("measured frequencies with the computed change of omega^2 (THz):")
    for temperature, row in zip(TEMPERATURES, shifted, strict=True):
        print(f"{temperature:7.0f}   " + "  ".join(f"{v:9.2f}" for v in row))
    assert (np.diff(at_points[1:], axis=0) < 0).all()  # it softens, beyond the errors at 4000 K
    assert (at_points[-1] < at_points[0]).all()
    draw(bands, np.array(constants), at_points, shifted)


def draw(bands, constants, at_points, shifted):
    """Dispersion relations, frequencies and lattice constant."""
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.6), layout="constrained", width_ratios=[1.3, 1, 1]
    )
    colors = plt.get_cmap("inferno")(np.linspace(0.0, 0.75, len(TEMPERATURES)))
    kilokelvin = TEMPERATURES / 1000
    for (temperature, (path, values)), color in zip(bands.items(), colors, strict=True):
        x, ticks, labels = path.get_linear_kpoint_axis()
        x, ticks = x / x[-1], ticks / x[-1]  # each lattice has its own reciprocal one
        if temperature in (0.0, 8000.0, 12_000.0):
            lines = axes[0].plot(x, values, color=color, lw=1.1)
            lines[0].set_label(f"{temperature / 1000:g}")
    for tick, label in zip(ticks, labels, strict=True):
        known = MEASURED[label]
        axes[0].plot(
            [tick] * len(known),
            known,
            "o",
            mfc="none",
            color="C0",
            ms=5,
            clip_on=False,
            label="measured" if label == "G" else None,
        )
        axes[0].axvline(tick, color="0.8", lw=0.8, zorder=0)
    axes[0].set(
        xlim=(ticks[0], ticks[-1]),
        ylim=(0, None),
        ylabel="frequency (THz)",
        xticks=ticks,
        xticklabels=[s.replace("G", r"$\Gamma$") for s in labels],
    )
    axes[0].legend(title="$T_e$ (1000 K)", fontsize=8, title_fontsize=8)
    for i, name in enumerate(MODES):
        axes[1].plot(kilokelvin, at_points[:, i], "o-", color=f"C{i}", ms=4, label=name)
        axes[1].plot(kilokelvin, shifted[:, i], "--", color=f"C{i}")
    axes[1].plot([], [], "k--", label="measured + change")
    axes[1].set(xlabel="$T_e$ (1000 K)", ylabel="frequency (THz)", ylim=(0, None))
    axes[1].legend(fontsize=8, loc="center right", bbox_to_anchor=(1.0, 0.6))
    axes[2].plot(kilokelvin, constants, "o-", color="C3", ms=4)
    for axis, letter in zip(axes, "abc", strict=True):
        axis.set_title(f"({letter})", loc="left", fontsize=10)
    axes[2].set(xlabel="$T_e$ (1000 K)", ylabel="lattice constant ($\\mathrm{\\AA}$)")
    figure.savefig("silicon_softening.png", dpi=150)


if __name__ == "__main__":
    main()
