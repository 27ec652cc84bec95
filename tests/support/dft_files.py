"""Outputs of DFT programs, changed as a test needs them."""


def saved(path, text):
    """Write a text and return its path."""
    path.write_text(text)
    return path
