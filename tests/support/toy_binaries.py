"""Binary trajectories as programs write them, and an unpacker of XTC in plain Python."""

import struct

import numpy as np

NM = 0.1  # of an Angstrom


def record(data, order="<", mark="i"):
    """Record of Fortran."""
    length = struct.pack(order + mark, len(data))
    return length + data + length


def dcd(
    images, first=0, interval=1, step=1.0, title=b"", order="<", mark="i", fixed=(), version=24
):
    """CHARMM, NAMD and LAMMPS; atoms that are fixed are in the first frame only."""
    numbers = [len(images), first, interval, len(images) * interval, 0, 0, 0, 0, len(fixed)]
    header = b"CORD" + struct.pack(order + "9if", *numbers, step)
    header += struct.pack(order + "10i", 1, *[0] * 8, version)
    count = len(images[0])
    free = [i for i in range(count) if i not in fixed]
    data = record(header, order, mark)
    data += record(struct.pack(order + "i", 1) + title.ljust(80), order, mark)
    data += record(struct.pack(order + "i", count), order, mark)
    if fixed:
        data += record((np.array(free) + 1).astype(order + "i4").tobytes(), order, mark)
    for index, atoms in enumerate(images):
        a, b, c, alpha, beta, gamma = atoms.cell.cellpar()
        data += record(struct.pack(order + "6d", a, gamma, b, beta, alpha, c), order, mark)
        which = free if fixed and index else range(count)
        for axis in atoms.positions[list(which)].T.astype(order + "f4"):
            data += record(axis.tobytes(), order, mark)
    return data


def trr(images, steps, times, kind="f", positions=True):
    """GROMACS, without velocities, or with nothing but them; times in ps."""
    size, data = struct.calcsize(kind), b""
    dtype = f">f{size}"
    for atoms, step, time in zip(images, steps, times, strict=True):
        part = 3 * size * len(atoms)
        sizes = [0, 0, 9 * size, 0, 0, 0, 0, part * positions, part * (not positions), 0]
        data += struct.pack(">3i", 1993, 13, 12) + b"GMX_trn_file"
        data += struct.pack(">13i", *sizes, len(atoms), step, 0)
        data += struct.pack(f">2{kind}", time, 0.0)
        for values in (atoms.cell.array, atoms.positions):
            data += (NM * values).astype(dtype).tobytes()
    return data


def xtc(images, steps, times, precision=1000.0):
    """GROMACS; no atom is stored by its distance from another."""
    data = b""
    for atoms, step, time in zip(images, steps, times, strict=True):
        count = len(atoms)
        data += struct.pack(">3if", 1995, count, step, time)
        data += (NM * atoms.cell.array).astype(">f4").tobytes() + struct.pack(">i", count)
        if count <= 9:
            data += (NM * atoms.positions).astype(">f4").tobytes()
            continue
        integers = np.rint(NM * atoms.positions * precision).astype(int)
        low, high = integers.min(axis=0), integers.max(axis=0)
        packed = pack(integers, low, high)
        data += struct.pack(">f7i", precision, *low, *high, 9) + struct.pack(">i", len(packed))
        data += packed + b"\0" * (-len(packed) % 4)
    return data


def pack(integers, low, high):
    """Bits of integers (n, 3), each row by itself."""
    sizes = [int(above - below) + 1 for below, above in zip(low, high, strict=True)]
    bits = (sizes[0] * sizes[1] * sizes[2]).bit_length()
    stream = ""
    for x, y, z in (integers - low).tolist():
        number = (x * sizes[1] + y) * sizes[2] + z
        whole, rest = divmod(bits, 8)
        digits = [f"{number >> 8 * i & 255:08b}" for i in range(whole)]
        stream += "".join(digits) + (f"{number >> 8 * whole:0{rest}b}" if rest else "") + "0"
    stream += "0" * (-len(stream) % 8)
    return int(stream, 2).to_bytes(len(stream) // 8, "big")


def unpack(data, low, high, small, ranges, count):
    """Coordinates of XTC by integers of any length; twin of the kernel."""
    stream, at = "".join(f"{byte:08b}" for byte in data), 0
    sizes = [int(above - below) + 1 for below, above in zip(low, high, strict=True)]
    bits = (sizes[0] * sizes[1] * sizes[2]).bit_length()
    out, run = [], 0

    def take(length):
        nonlocal at
        at += length
        return int(stream[at - length : at] or "0", 2)

    def joined(length, sizes):
        number = sum(take(8) << 8 * i for i in range(length // 8))
        number += take(length % 8) << 8 * (length // 8)
        number, z = divmod(number, sizes[2])
        return np.array([*divmod(number, sizes[1]), z])

    while len(out) < count:
        if max(sizes) >= 1 << 24:
            here = np.array([take(size.bit_length()) for size in sizes])
        else:
            here = joined(bits, sizes)
        here = here + low
        change = 0
        if take(1):
            run, change = divmod(take(5), 3)
            change -= 1
        near, previous = [], here
        for _ in range(run):
            previous = previous + joined(small, [ranges[small]] * 3) - ranges[small] // 2
            near.append(previous)
        out += [*near[:1], here, *near[1:]]
        small += change
    return np.array(out)


def netcdf(path, images, times, length="angstrom", time="picosecond", program="sander", **more):
    """AMBER's convention, by scipy; ``more`` are variables of one value for each atom."""
    from scipy.io import netcdf_file

    with netcdf_file(path, "w") as file:
        file.Conventions, file.program = b"AMBER", program.encode()
        file.createDimension("frame", None)
        for name, size in (("atom", len(images[0])), ("spatial", 3), ("cell_spatial", 3)):
            file.createDimension(name, size)
        variables = {
            "time": ((), time, list(times)),
            "coordinates": (("atom", "spatial"), length, [a.positions for a in images]),
            "cell_lengths": (("cell_spatial",), length, [a.cell.lengths() for a in images]),
            "cell_angles": (("cell_spatial",), "degree", [a.cell.angles() for a in images]),
        }
        for name, (dimensions, unit, values) in variables.items():
            variable = file.createVariable(name, "f4", ("frame", *dimensions))
            if unit:
                variable.units = unit.encode()
            for i, value in enumerate(values):
                variable[i] = value
        for name, values in more.items():
            file.createVariable(name, "i4", ("atom",))[:] = values
