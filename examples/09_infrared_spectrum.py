"""Infrared spectrum of water from a trajectory, with the dipole moments of a density model.

The trajectory (data/water) is one of GFN2-xTB at 300 K without rotation: three runs of 5 ps. A
model of the electron density gives the dipole moment of every frame; the spectrum is that of its
time derivative. Bend and stretch lie where normal modes of the same potential have them. Writes
water.zarr, water_spectrum.csv and water_spectrum.png into the current directory, in under a minute
on one core.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.markers import CARETUPBASE

from ase_dos import analyze_trajectory
from ase_dos.results import trajectory_spectrum
from ase_dos.results.dipole_plots import plot_infrared

HERE = Path(__file__).resolve().parent
MODES = HERE.parent / "data" / "water" / "normal_modes.json"


def main():
    result = analyze_trajectory(
        HERE / "water.extxyz.xz",
        density_model="water-density",
        members=8,
        output="water.zarr",
        progress=False,
    )
    print(result.summary())
    spectrum = trajectory_spectrum(result, temperature=300.0, resolution=20.0)
    print(spectrum.table())
    spectrum.write_csv("water_spectrum.csv")

    modes = json.loads(MODES.read_text())["wavenumber_per_cm"]
    bend, stretch, *_ = spectrum.bands()
    for name, band, expected in (("bend", bend, modes[:1]), ("stretch", stretch, modes[1:])):
        mean = sum(expected) / len(expected)
        print(f"{name}: {band.wavenumber:.0f} 1/cm, normal modes {mean:.0f} 1/cm")
        assert abs(band.wavenumber / mean - 1) < 0.02

    plot(spectrum, modes, (bend, stretch), "water_spectrum.png")


def plot(spectrum, modes, bands, path):
    """Draw the whole spectrum, and each band from close by."""
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.6), width_ratios=(2, 1, 1), layout="constrained"
    )
    for ax in axes:
        plot_infrared(spectrum, ax).set_ylabel("")
        ax.get_legend().remove()
        ax.plot(modes, [0] * 3, ls="", marker=CARETUPBASE, color="black", label="normal modes")
    axes[0].set_ylabel("Intensity (km/mol per 1/cm)")
    for ax, band, name in zip(axes[1:], bands, ("bend", "stretches"), strict=True):
        shown = abs(spectrum.wavenumbers - band.wavenumber) < 70
        top = (spectrum.values + spectrum.error)[shown].max()
        ax.set(xlim=(band.wavenumber - 70, band.wavenumber + 70), ylim=(0, 1.05 * top), title=name)
        for text in list(ax.texts):  # as in the first panel
            text.remove()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
