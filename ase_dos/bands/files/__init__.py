"""Readers of band maps: HDF5 files of mpes, fuller and sed, NXmpes, NetCDF and zarr."""

from ase_dos.bands.files.reading import read_map

__all__ = ["read_map"]
