"""Band structures from photoemission band maps."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Alignment": "theory",
        "AlignmentWarning": "alignment",
        "BandLine": "self_energy",
        "BandMap": "band_map",
        "BandNumber": "band_number",
        "BrillouinZone": "zone",
        "CompressedBands": "zone",
        "LineProfile": "line_profile",
        "MatrixElements": "matrix_elements",
        "ReconstructedBands": "reconstructed",
        "SimilarityMatrix": "similarity",
        "StackedSpectrum": "edc_stack",
        "TheoryBands": "theory",
        "ZoneBasis": "zone",
        "band_line": "self_energy",
        "band_rmse": "similarity",
        "compare_band_numbers": "band_number",
        "plot_constant_energies": "plane_plots",
        "plot_corrections": "plane_plots",
        "plot_cut": "plots",
        "plot_similarity": "plots",
        "plot_stacked_spectrum": "plots",
        "plot_surfaces": "plane_plots",
        "read_theory": "theory_file",
        "reconstruct_bands": "reconstruction",
        "similarity_matrix": "similarity",
        "simulate_map": "simulation",
        "stacked_spectrum": "edc_stack",
        "uniform_axis": "axes",
        "write_theory": "theory_file",
    },
)
