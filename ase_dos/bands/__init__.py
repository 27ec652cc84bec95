"""Band structures from photoemission band maps."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "BandMap": "band_map",
        "ReconstructedBands": "reconstructed",
        "TheoryBands": "theory",
        "uniform_axis": "axes",
    },
)
