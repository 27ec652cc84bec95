"""Map files damaged at random: what comes out is a map, or a ValueError that names the file."""

import gc
import os
import warnings
from pathlib import Path
from random import Random

import numpy as np
import pytest
from damage import damaged
from map_files import toy_array, write_mpes, write_nexus, write_sed

from ase_dos.bands import BandMap

TRIES = 60
WRITERS = {
    "mpes": write_mpes,
    "sed": write_sed,
    "nexus": write_nexus,
    "netcdf": lambda path: toy_array().to_netcdf(path, engine="h5netcdf"),
    "netcdf3": lambda path: toy_array().to_netcdf(path, engine="scipy"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_maps(tmp_path, name):
    path = tmp_path / "map.h5"
    WRITERS[name](path)
    data, random = path.read_bytes(), Random(name)
    found = [0, 0]
    for number in range(TRIES):
        path = tmp_path / f"{number}.h5"
        path.write_bytes(damaged(random, data) or b" ")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                band_map = BandMap.read(path, energy="relative")
                assert np.isfinite(band_map.values[band_map.valid]).all()
                found[0] += 1
            except ValueError as error:
                text = str(error)
                assert path.name in text
                assert "\n" not in text
                found[1] += 1
    assert min(found) > 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="a list of open files of Linux")
def test_a_damaged_map_is_closed(tmp_path):
    path = tmp_path / "map.nc"
    WRITERS["netcdf3"](path)
    path.write_bytes(path.read_bytes()[:-1000])
    gc.disable()  # it would close the file, some time
    try:
        with pytest.raises(ValueError, match=r"map\.nc: "):
            BandMap.read(path, energy="relative")
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert str(path) not in [os.readlink(link) for link in links]
    finally:
        gc.enable()
