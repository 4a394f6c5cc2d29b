"""What `sam build` makes is what Lambda needs: our code, its kind of wheels, ready bytecode."""

import importlib.util
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

LAYER = "CoreLayer/python"
SIGNING_LAYER = "SigningLayer/python"

LOCKS = {
    LAYER: "layers/core/requirements.txt",
    SIGNING_LAYER: "layers/signing/requirements.txt",
    "PreparePhotoFunction": "functions/prepare_photo/requirements.txt",
    "KeepAvatarsFunction": "functions/keep_avatars/requirements.txt",
    "ApiFunction": "functions/api/requirements.txt",
    "SendWebhookFunction": "functions/send_webhook/requirements.txt",
}
"""Where each artifact with packages has them from."""

LAMBDA = {"python_full_version": "3.13.0", "sys_platform": "linux"}
"""What the markers of a lock are about."""

AARCH64 = 183
"""The processor in the header of an ELF file: `e_machine`, two bytes at offset 18 (elf.h)."""

UNCHECKED_HASH = 0b01
"""The flags of bytecode that is used without a look at its source (PEP 552)."""

pytestmark = pytest.mark.timeout(300)

with_packages = pytest.mark.parametrize("artifact", LOCKS)


def test_the_layer_holds_our_package_where_lambda_looks_for_it(build: Path) -> None:
    shipped = files_in(build / LAYER / "avatars")

    assert "__init__.py" in shipped
    assert shipped == files_in(ROOT / "layers/core/avatars")


def test_the_page_is_a_layer_of_its_own(build: Path) -> None:
    assert files_in(build / "PageLayer") == {
        f"web/{file}": content for file, content in files_in(ROOT / "web").items()
    }


def test_every_function_is_built(build: Path) -> None:
    built = [path.read_text() for path in build.glob("*Function/app.py")]

    assert sorted(built) == sorted(path.read_text() for path in ROOT.glob("functions/*/app.py"))


def test_a_function_without_packages_is_a_single_file(build: Path) -> None:
    lean = [folder for folder in build.glob("*Function") if folder.name not in LOCKS]

    assert lean
    assert all(files_in(folder).keys() == {"app.py"} for folder in lean)


@with_packages
def test_the_packages_are_those_that_were_locked(build: Path, artifact: str) -> None:
    lock = (ROOT / LOCKS[artifact]).read_text()

    shipped = {path.stem for path in (build / artifact).glob("*.dist-info")}

    locked = [Requirement(line) for line in re.findall(r"^[^ #].*?==[^\\\n]+", lock, re.MULTILINE)]
    assert shipped == {
        f"{one.name.replace('-', '_')}-{str(one.specifier).removeprefix('==')}"
        for one in locked
        if not one.marker or one.marker.evaluate(LAMBDA)
    }


@with_packages
def test_nothing_ships_but_our_code_and_those_packages(build: Path, artifact: str) -> None:
    records = [path.read_text() for path in (build / artifact).glob("*.dist-info/RECORD")]
    packages = {name for text in records for name in re.findall("^[^/,]+", text, re.MULTILINE)}

    shipped = {path.name for path in (build / artifact).iterdir()}

    ours = {LAYER: {"avatars"}, SIGNING_LAYER: set()}.get(artifact, {"app.py"})
    assert shipped - packages - {"__pycache__"} == ours


def test_the_layer_leaves_boto3_to_the_runtime(build: Path) -> None:
    shipped = {path.name for path in (build / LAYER).iterdir()}

    assert "httpx" in shipped
    assert not {"boto3", "botocore"} & shipped


@pytest.mark.parametrize("function", ["PreparePhotoFunction", "KeepAvatarsFunction"])
def test_pillow_is_made_for_the_python_and_the_processor_of_lambda(
    build: Path, function: str
) -> None:
    libraries = [path for path in (build / function).rglob("*.so*") if path.is_file()]

    assert "_imaging.cpython-313-aarch64-linux-gnu.so" in {path.name for path in libraries}
    assert {processor_of(path) for path in libraries} == {AARCH64}


def test_so_is_pydantic(build: Path) -> None:
    libraries = [path for path in (build / "ApiFunction").rglob("*.so*") if path.is_file()]

    assert {path.name for path in libraries} == {"_pydantic_core.cpython-313-aarch64-linux-gnu.so"}
    assert {processor_of(path) for path in libraries} == {AARCH64}


def test_so_is_what_signs_without_what_is_only_for_linking(build: Path) -> None:
    files = [path for path in (build / SIGNING_LAYER).rglob("*") if path.is_file()]
    libraries = [path for path in files if ".so" in path.suffixes]

    assert "libc2pa_c.so" in {path.name for path in libraries}
    assert {processor_of(path) for path in libraries} == {AARCH64}
    assert not any(path.suffix == ".rlib" for path in files)


def test_every_module_has_bytecode_that_is_used_whatever_its_date(build: Path) -> None:
    sources = list(build.rglob("*.py"))

    artifacts = {folder.name for folder in build.iterdir() if folder.is_dir()}
    assert {source.relative_to(build).parts[0] for source in sources} == artifacts - {"PageLayer"}
    for source in sources:
        bytecode = Path(importlib.util.cache_from_source(str(source))).read_bytes()

        magic, flags, source_hash = bytecode[:4], bytecode[4:8], bytecode[8:16]
        assert magic == importlib.util.MAGIC_NUMBER, source
        assert int.from_bytes(flags, "little") == UNCHECKED_HASH, source
        assert source_hash == importlib.util.source_hash(source.read_bytes()), source


def test_no_bytecode_is_without_its_module(build: Path) -> None:
    modules = {importlib.util.cache_from_source(str(source)) for source in build.rglob("*.py")}

    assert modules
    assert {str(bytecode) for bytecode in build.rglob("*.pyc")} == modules


def test_tracebacks_name_no_folder_of_the_machine_that_built(build: Path) -> None:
    bytecode = [path.read_bytes() for path in build.rglob("*.pyc")]

    assert bytecode
    assert not any(str(build).encode() in code for code in bytecode)


@pytest.mark.parametrize(
    ("artifact", "megabytes"),
    [
        ("CoreLayer", 20),
        ("PreparePhotoFunction", 110),
        ("KeepAvatarsFunction", 30),
        ("SigningLayer", 50),
        ("ApiFunction", 15),
    ],
)
def test_an_artifact_stays_small_enough_for_a_quick_cold_start(
    build: Path, artifact: str, megabytes: int
) -> None:
    size = sum(path.stat().st_size for path in (build / artifact).rglob("*") if path.is_file())

    assert size < megabytes * 1_000_000


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file by its path inside the folder, without bytecode."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def processor_of(library: Path) -> int:
    header = library.read_bytes()[:20]
    assert header[:4] == b"\x7fELF", library
    return int.from_bytes(header[18:20], "little")
