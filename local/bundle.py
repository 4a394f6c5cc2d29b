"""What a function is deployed as: its code, its layers and the way to start it, in one zip."""

import io
import shlex
import sys
import sysconfig
import zipfile
from collections.abc import Iterable
from pathlib import Path

SITE_PACKAGES = f"{sysconfig.get_path('purelib')}:{sysconfig.get_path('platlib')}"
SOABI = sysconfig.get_config_var("SOABI")

# AWS's runtime client, in this very Python. Without `site` (-S) no editable install is found: a
# function sees what its zip brings, then the environment's packages, and nothing else.
BOOTSTRAP = f"""#!/bin/sh
export PYTHONPATH="$LAMBDA_TASK_ROOT:$LAMBDA_TASK_ROOT/opt/python:"{shlex.quote(SITE_PACKAGES)}
export AWS_EXECUTION_ENV=AWS_Lambda_python3.13 PYTHONUNBUFFERED=1
exec {shlex.quote(sys.executable)} -S -m awslambdaric "$_HANDLER"
"""

PAGE = "index.html"
"""What the folder of the page has, and no folder of Python's path."""

# Paths inside a zip, and what is there.
Files = dict[str, bytes]


def function_zip(code: Path, layers: Iterable[Path], *, built: bool) -> bytes:
    """Zip a function's folder, with its layers in `opt/`: the engine mounts no layers."""
    files = {"bootstrap": BOOTSTRAP.encode()}
    for layer in layers:
        files |= {f"opt/{name}": content for name, content in layer_files(layer, built).items()}
    return zipped(files | packable_files(code, built))


def layer_zip(layer: Path, *, built: bool) -> bytes:
    """Zip a layer as it would be on AWS."""
    return zipped(layer_files(layer, built))


def layer_files(layer: Path, built: bool) -> Files:
    """The files of a layer under `python/` or `web/`: a build has put them there, a source not."""
    name = "web" if (layer / "web" if built else layer / PAGE).exists() else "python"
    folder = layer / name if built else layer
    return {f"{name}/{file}": content for file, content in packable_files(folder, built).items()}


def packable_files(folder: Path, built: bool) -> Files:
    """The files of a folder of Python's path, less what cannot be used here.

    From sources that is bytecode. From a build it is every package with a library for another
    processor or Python: the environment's copy, which the locks keep at the same version, is
    imported in its place.
    """
    unusable = foreign_packages(folder) if built else set(folder.rglob("__pycache__"))
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and unusable.isdisjoint([path, *path.parents])
    }


def foreign_packages(folder: Path) -> set[Path]:
    """The entries of a folder of Python's path with a compiled library that does not load here."""
    libraries = [path for path in folder.rglob("*") if ".so" in path.suffixes]
    return {
        folder / path.relative_to(folder).parts[0] for path in libraries if not loads_here(path)
    }


def loads_here(library: Path) -> bool:
    """Whether a compiled library is for this processor and, if its name says so, this Python."""
    pythons = [part for part in library.name.split(".") if part.startswith("cpython-")]
    return pythons in ([], [SOABI]) and _machine(library) == _machine(Path(sys.executable))


def _machine(binary: Path) -> bytes:
    """Where the ELF header says which kind of file this is, and for which processor."""
    with binary.open("rb") as file:
        header = file.read(20)
    return header[:6] + header[18:]


def zipped(files: Files) -> bytes:
    """Zip *files* so that the same files make the same zip, and so no new deployment."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name == "bootstrap" else 0o644) << 16
            archive.writestr(entry, content)
    return packed.getvalue()
