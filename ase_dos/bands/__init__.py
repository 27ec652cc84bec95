"""Band structures from photoemission band maps."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Alignment": "theory",
        "AlignmentWarning": "alignment",
        "BandMap": "band_map",
        "BandNumber": "band_number",
        "LineProfile": "line_profile",
        "MatrixElements": "matrix_elements",
        "ReconstructedBands": "reconstructed",
        "TheoryBands": "theory",
        "read_theory": "theory_file",
        "simulate_map": "simulation",
        "compare_band_numbers": "band_number",
        "reconstruct_bands": "reconstruction",
        "uniform_axis": "axes",
        "write_theory": "theory_file",
    },
)
