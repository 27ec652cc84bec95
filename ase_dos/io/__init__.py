"""Files in and out: DFT outputs, trajectories, data sets, model files."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Dataset": "dataset",
        "load_dataset": "dataset",
        "open_frames": "frames",
        "read_dos_frames": "dft",
        "read_frames": "dft",
        "read_states": "dft",
        "save_dataset": "dataset",
        "shipped_models": "model_file",
    },
)
