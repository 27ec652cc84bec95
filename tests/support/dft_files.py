"""Outputs of DFT programs, changed as a test needs them."""


def saved(path, text):
    """Write a text and return its path."""
    path.write_text(text)
    return path


def changed(text, *changes):
    """Replace parts of a text, all of which must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def between(text, start, end):
    """Return the part of a text from one mark to the end of another."""
    begin = text.index(start)
    return text[begin : text.index(end, begin) + len(end)]
