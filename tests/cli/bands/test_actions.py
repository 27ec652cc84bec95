"""Actions of ``ase-dos bands``: what they write and print, and errors of one line."""

import numpy as np
import pytest
from command_line import fails, is_png
from map_files import write_mpes
from paths import REPOSITORY

from ase_dos.bands import BandMap, ReconstructedBands, TheoryBands, read_theory, write_theory
from ase_dos.cli.main import main

WSE2 = REPOSITORY / "data" / "wse2" / "wse2.npz"


def run(*args):
    main(["bands", *map(str, args)])


def test_simulate(tmp_path, capsys):
    out = tmp_path / "map.nc"
    axes = ("--kx", -0.5, 0.5, 6, "--ky", -0.4, 0.4, 5, "--energies", -2, 0.3, 47)
    run("simulate", WSE2, "-o", out, *axes, "--bands", "12:13", "--shift", -0.2, "--step", 0.1)
    assert "wrote" in capsys.readouterr().out
    found = BandMap.read(out)
    assert found.counts
    assert found.shape == (6, 5, 47)
    assert found.values.sum(axis=-1).mean() == pytest.approx(1000, rel=0.1)
    run("simulate", WSE2, "-o", out, *axes, "--expected", "--momentum-resolution", 0.03)
    assert not BandMap.read(out).counts
    assert "kx and --ky, or --k" in fails(
        capsys, "bands", "simulate", WSE2, "-o", out, "--energies", -2, 0, 20
    )
    line = fails(capsys, "bands", "simulate", WSE2, "-o", out, *axes[:-1], 1)
    assert "--energies: expected FIRST < LAST and at least 2 points, got -2 0.3 1" in line
    line = fails(capsys, "bands", "simulate", WSE2, "-o", out, *axes, "--bands", "3:14")
    assert "--bands: expected FIRST:LAST from 0 to 13, got 3:14" in line
    line = fails(capsys, "bands", "simulate", WSE2, "-o", tmp_path / "map.h5", *axes)
    assert "--output: expected a name that ends with .nc" in line


def test_align_finds_the_shift_and_compare_sees_it(tmp_path, capsys, theory_file, map_file):
    out = tmp_path / "aligned.nc"
    run("align", map_file, theory_file, "-o", out, "--no-momentum-scale")
    printed = capsys.readouterr().out
    shift = float(printed.split()[1])
    assert shift == pytest.approx(0.1, abs=0.02)
    assert "energy scale" in printed
    aligned = read_theory(out)
    assert aligned.n_bands == 2
    run("compare", theory_file, out)
    printed = capsys.readouterr().out
    mean = float(printed.splitlines()[2].split()[1])
    assert mean == pytest.approx(-100.0, abs=15)
    run("compare", theory_file, out, "--shift", -shift)
    last = capsys.readouterr().out.splitlines()[-1]
    assert float(last.split("worst ")[1].split()[0]) < 20
    assert "--bands: the first has 2 bands, the other 14" in fails(
        capsys, "bands", "compare", theory_file, WSE2
    )
    run("compare", theory_file, WSE2, "--bands", "12:13")
    line = fails(capsys, "bands", "align", map_file, theory_file, "-o", theory_file)
    assert "is an input of this command" in line


def test_number_of_bands(tmp_path, capsys, band_theory, map_file):
    """Two bands in the map; theories of one, two and three."""
    more = np.concatenate([band_theory.energies, band_theory.energies[:1] - 0.4])
    path = tmp_path / "three.nc"
    write_theory(TheoryBands(more, band_theory.momenta), path)
    given = ("number", map_file, path, "--shift", 0.1, "--align", "no")
    run(*given, "--bands", "2:2", "--bands", "1:2", "--bands", "0:2")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[2] for row in rows] == ["1", "2", "3"]
    assert [row[-1] == "this" for row in rows] == [False, True, False]
    assert float(rows[0][3]) > 100
    assert "--bands: expected several choices" in fails(capsys, "bands", *given)


def test_similarity_of_shapes(tmp_path, capsys, bands_file, theory_file):
    out = tmp_path / "matrix.png"
    aside = ("--bands", "12:13", "--square", 5.0, "--functions", 20, "-o", out)
    run("similarity", bands_file, theory_file, WSE2, *aside)
    rows = capsys.readouterr().out.splitlines()
    near, far = (float(row.split()[3]) for row in rows[1:3])
    assert near < 20 < far
    assert is_png(out)
    line = fails(capsys, "bands", "similarity", bands_file, theory_file, "--hexagonal", 500)
    assert "no momentum is left at which all bands are known" in line


def test_info_knows_what_a_file_is(capsys, theory_file, map_file):
    run("info", map_file)
    printed = capsys.readouterr().out
    assert "photoemission map of raw counts" in printed
    assert "counts per EDC         79" in printed
    assert "counts_per_edc         800" in printed
    run("info", theory_file)
    assert "2 calculated bands" in capsys.readouterr().out


def test_preparation_of_maps(tmp_path, capsys, map_file):
    prepare = ("--crop", "eV=-1.5:0.2", "--bin", "eV=2", "--symmetrize", 4, "--center", 0.0)
    run("info", map_file, *prepare)
    printed = capsys.readouterr().out
    assert "intensities, no counts" in printed
    assert "symmetrized(rotation=4, mirror=None, center=[0.0, 0.0])" in printed
    assert "eV                     -1.488 to 0.1625 eV, 34 points" in printed
    for option, message in {
        "--bin=eV=2.5": "--bin: eV: expected an integer, got 2.5",
        "--bin=kq=2": "no axis kq: expected one of kx, ky, eV",
        "--crop=eV=3": "argument --crop: expected NAME=LOW:HIGH, got 'eV=3'",
        "--select=x": "argument --select: expected NAME=NUMBER, got 'x'",
    }.items():
        assert message in fails(capsys, "bands", "info", map_file, option)


def test_the_sign_of_energies_is_asked_for(tmp_path, capsys):
    path = tmp_path / "map.h5"
    write_mpes(path)
    line = fails(capsys, "bands", "info", path)
    assert "map.h5: energies from -2 to 0.3 eV: the file does not say what they are" in line
    run("info", path, "--energy", "relative", "--counts")
    assert "raw counts" in capsys.readouterr().out
    assert "argument ACTION: invalid choice: 'nonsense'" in fails(capsys, "bands", "nonsense")
    assert "required: MAP" in fails(capsys, "bands", "info")
    absent = fails(capsys, "bands", "info", tmp_path / "absent.nc")
    assert "absent.nc: no such file" in absent


def test_momenta_of_meshes_reach_beyond_the_map(tmp_path, capsys, map_file):
    out = tmp_path / "aligned.nc"
    run("align", map_file, WSE2, "--bands", "12:13", "-o", out)
    assert "is at its limit" in capsys.readouterr().out  # they are others
    aligned = read_theory(out)
    here = BandMap.read(map_file).momenta
    assert all(np.ptp(a) > np.ptp(b) for a, b in zip(aligned.momenta, here, strict=True))


def test_reconstruct(tmp_path, capsys, bands_file, theory_file, map_file, band_theory):
    found = ReconstructedBands.load(bands_file)
    exact = band_theory.shifted(0.1).on(BandMap.read(map_file))
    assert np.sqrt(np.mean((found.energies - exact)[found.mask] ** 2)) < 0.01
    assert not bands_file.with_name("bands.nc.checkpoint").exists()
    run("info", bands_file)
    assert "2 reconstructed bands" in capsys.readouterr().out
    run("compare", bands_file, theory_file, "--shift", 0.1)
    assert "within 1, 2 std" in capsys.readouterr().out
    out = tmp_path / "bands.nc"
    line = fails(capsys, "bands", "reconstruct", map_file, theory_file, "-o", tmp_path / "b.txt")
    assert "--output: expected a name that ends with .nc" in line
    line = fails(capsys, "bands", "reconstruct", map_file, theory_file, "-o", out, "--shift", 9)
    assert "window" in line or "map" in line


def test_the_published_procedure(tmp_path, capsys, theory_file, map_file):
    out = tmp_path / "bands.nc"
    published = ("--likelihood", "log-intensity", "--prior", "dispersion", "--optimizer", "icm")
    run("reconstruct", map_file, theory_file, "-o", out, *published, "--eta", 0.5)
    printed = capsys.readouterr().out
    assert "no error bars" in printed
    assert ReconstructedBands.load(out).std is None


def test_a_reconstruction_that_is_killed_goes_on(tmp_path, capsys, theory_file, map_file):
    """A file of another task is refused by name, and stays."""
    out = tmp_path / "bands.nc"
    kept = out.with_name("bands.nc.checkpoint")
    kept.write_bytes(b"something")
    line = fails(capsys, "bands", "reconstruct", map_file, theory_file, "-o", out)
    assert "bands.nc.checkpoint: no checkpoint of a reconstruction, or damaged" in line
    assert kept.exists()


def test_plot(tmp_path, capsys, bands_file, theory_file, map_file):
    run("plot", bands_file, "-o", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corrections.png", "surfaces.png"]
    cut = ("--point", -0.4, 0, "--point", 0, 0, "--point", 0.3, 0.3, "--energies", -0.5)
    run("plot", bands_file, map_file, "-o", tmp_path, *cut, "--stack", 1)
    names = {path.name for path in tmp_path.iterdir() if is_png(path)}
    assert names == {
        *("corrections.png", "surfaces.png", "cut.png", "constant_energies.png", "spectrum.png")
    }
    line = fails(capsys, "bands", "plot", bands_file, "-o", tmp_path, "--stack", 0)
    assert "MAP: is needed for --point, --energies and --stack" in line
    line = fails(capsys, "bands", "plot", bands_file, map_file, "-o", tmp_path, "--stack", 2)
    assert "spectrum: " in line
    assert "other figures are in" in line
    assert "theory.nc: expected reconstructed bands" in fails(capsys, "bands", "plot", theory_file)
