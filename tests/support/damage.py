"""Files damaged at random."""

KINDS = ("cut", "bytes", "lines", "text", "gap")


def damaged(random, data):
    """Return data that are cut off, lack some, or have other bytes or digits in some places."""
    kind, start = random.choice(KINDS), random.randrange(len(data))
    if kind == "cut":
        return data[:start]
    if kind == "gap":
        return data[:start] + data[start + random.randrange(1, 200) :]
    if kind == "lines":
        lines = data.splitlines(keepends=True)
        first = random.randrange(len(lines))
        return b"".join(lines[:first] + lines[first + random.randrange(1, 4) :])
    places = range(start, min(start + random.randrange(1, 12), len(data)))
    letters = b"0123456789 .-*eE+\n\0<>"
    if kind == "bytes":
        places, letters = random.choices(range(len(data)), k=5), bytes(range(256))
    new = bytearray(data)
    for place in places:
        new[place] = random.choice(letters)
    return bytes(new)
