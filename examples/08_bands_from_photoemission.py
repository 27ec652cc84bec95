"""Bands of tungsten diselenide from a simulated photoemission map, with error bars.

The truth is known here: four calculated bands, changed by what theory gets wrong (a shift, a width
that is too small, and smooth local errors), make a map with Poisson counts. From this map and the
unchanged calculation the bands are found again: aligned, reconstructed, compared with the truth.
Last, counts set aside tell how many bands the map shows. Writes bands.nc and
bands_from_photoemission.png into the current directory, in 40 s on one core.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ase_dos.bands import (
    LineProfile,
    MatrixElements,
    TheoryBands,
    compare_band_numbers,
    plot_cut,
    read_theory,
    reconstruct_bands,
    simulate_map,
)

WSE2 = Path(__file__).resolve().parents[1] / "data" / "wse2" / "wse2.npz"
COUNTS = 600  # electrons per energy distribution curve


def calculated():
    """Bands of the calculation on momenta a little beyond those of the map."""
    wide = np.linspace(-1.0, 1.0, 49)
    return read_theory(WSE2, momenta=(wide, wide))


def true_bands(theory):
    """Give the bands of the sample: the calculation with errors of the usual size."""
    kx, ky = np.meshgrid(*theory.momenta, indexing="ij")
    local = [0.04 * np.cos(3 * kx + b) * np.cos(2 * ky - 2 * b) for b in range(theory.n_bands)]
    energies = 1.04 * theory.energies - 0.2 + np.array(local)
    return TheoryBands(np.sort(energies, axis=0), theory.momenta)


def plot(band_map, found, theory, truth, path):
    """Draw a cut, a constant-energy map, and what the map changed in the highest band."""
    kx, ky = band_map.momenta
    row, level = ky.size // 2, -1.0
    figure, axes = plt.subplots(2, 2, figsize=(9, 7.4), layout="constrained")
    cut, surface, change, line = axes.flat

    corners = [(kx[0], ky[row]), (kx[-1], ky[row])]
    plot_cut(band_map, found, theory, points=corners, ax=cut)
    cut.set_xlabel(f"$k$ along $k_x$ at $k_y$ = {ky[row]:.2f} (1/Å)")

    image = band_map.constant_energy(level, 0.05)
    surface.pcolormesh(kx, ky, image.values.T, cmap="Greys", rasterized=True)
    for here, exact in zip(found.energies, truth.on(band_map), strict=True):
        surface.contour(kx, ky, here.T, [level], colors="#0072B2", linewidths=1.2)
        surface.contour(
            kx, ky, exact.T, [level], colors="black", linewidths=1.2, linestyles="dotted"
        )
    surface.plot([], [], color="#0072B2", label="reconstructed")
    surface.plot([], [], ":", color="black", label="truth")
    surface.legend(loc="lower right", fontsize=8, framealpha=0.9)
    surface.set(
        xlabel="$k_x$ (1/Å)", ylabel="$k_y$ (1/Å)", title=f"$E - E_F$ = {level} eV", aspect="equal"
    )

    correction = 1000 * found.correction[-1]
    most = np.abs(correction).max()
    image = change.pcolormesh(
        kx, ky, correction.T, cmap="RdBu_r", vmin=-most, vmax=most, rasterized=True
    )
    figure.colorbar(image, ax=change, label="change from aligned theory (meV)")
    change.set(xlabel="$k_x$ (1/Å)", ylabel="$k_y$ (1/Å)", title="highest band", aspect="equal")

    exact = truth.on(band_map)[-1, :, row] - found.theory[-1, :, row]
    line.plot(kx, 1000 * exact, ":", color="black", label="truth")
    line.plot(kx, correction[:, row], color="#0072B2", lw=1, label="reconstructed, 1 and 2 std")
    for times in (1, 2):
        wide = 1000 * times * found.std[-1, :, row]
        low, high = correction[:, row] - wide, correction[:, row] + wide
        line.fill_between(kx, low, high, color="#0072B2", alpha=0.25, lw=0)
    line.axhline(0, color="0.6", lw=0.8)
    line.legend(loc="upper right", fontsize=8)
    line.set(
        xlabel="$k_x$ (1/Å)",
        ylabel="change (meV)",
        title=f"highest band at $k_y$ = {ky[row]:.2f} 1/Å",
    )
    figure.savefig(path, dpi=110)


def main():
    every = calculated()
    theory = every.select(range(10, 14))
    truth = true_bands(theory)
    k = np.linspace(-0.8, 0.8, 28)
    band_map = simulate_map(
        truth,
        np.linspace(-3.2, 0.3, 141),
        LineProfile(gaussian=0.06, lorentzian=0.05),
        counts_per_edc=COUNTS,
        amplitudes=MatrixElements(4, strength=0.3),
        step=0.05,
        temperature=80.0,
        seed=1,
        kx=k,
        ky=k,
    )
    print(band_map)

    alignment = theory.align(band_map)
    print(alignment)
    found = reconstruct_bands(band_map, alignment.theory)
    found.to_netcdf("bands.nc")

    exact = truth.on(band_map)
    for name, energies in (
        ("theory", theory.on(band_map)),
        ("aligned", alignment.theory.on(band_map)),
        ("reconstructed", found.energies),
    ):
        rms = 1000 * np.sqrt(np.nanmean((energies - exact) ** 2, axis=(1, 2)))
        print(f"{name:<14} RMS of each band (meV): {', '.join(f'{one:.1f}' for one in rms)}")
    pulls = np.abs(found.energies - exact)[found.mask] / found.std[found.mask]
    print(f"truth within 1 and 2 std: {(pulls < 1).mean():.2f}, {(pulls < 2).mean():.2f}")

    plot(band_map, found, theory, truth, "bands_from_photoemission.png")

    candidates = [every.select(range(first, 14)) for first in (11, 10, 9)]
    aligned = [
        one.scaled(alignment.energy_scale, alignment.momentum_scale).shifted(alignment.shift)
        for one in candidates
    ]
    for one in compare_band_numbers(band_map, aligned):
        print(f"{one.n_bands} bands: loss {one.held_out:.0f}{'  <- best' if one.best else ''}")


if __name__ == "__main__":
    main()
