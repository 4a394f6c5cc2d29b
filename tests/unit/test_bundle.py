"""What goes into a function's zip."""

import io
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from local.bundle import function_zip, layer_zip, loads_here

ANOTHER_MACHINES_LIBRARY = b"\x7fELF\x02\x01" + bytes(12) + b"\xff\xff"
THIS_MACHINES_LIBRARY = Path(sys.executable).read_bytes()[:20]


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def names(packed: bytes) -> set[str]:
    return set(zipfile.ZipFile(io.BytesIO(packed)).namelist())


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return write(tmp_path / "code", {"app.py": "", "__pycache__/app.cpython-313.pyc": "x"})


def test_a_source_layer_is_where_a_built_one_would_be_mounted(code: Path, tmp_path: Path) -> None:
    layer = write(tmp_path / "core", {"avatars/model.py": ""})

    packed = function_zip(code, [layer], built=False)

    assert names(packed) == {"bootstrap", "app.py", "opt/python/avatars/model.py"}


def test_a_built_layer_has_its_python_folder_already(code: Path, tmp_path: Path) -> None:
    layer = write(tmp_path / "CoreLayer", {"python/avatars/model.py": ""})

    assert "opt/python/avatars/model.py" in names(function_zip(code, [layer], built=True))
    assert names(layer_zip(layer, built=True)) == {"python/avatars/model.py"}


@pytest.mark.parametrize(("folder", "built"), [("", False), ("web/", True)])
def test_the_page_is_mounted_beside_the_code_built_or_not(
    folder: str, built: bool, code: Path, tmp_path: Path
) -> None:
    page = write(tmp_path / "page", {f"{folder}index.html": "", f"{folder}parts/app.js": ""})

    packed = names(function_zip(code, [page], built=built))

    assert {"opt/web/index.html", "opt/web/parts/app.js"} <= packed
    assert not any(name.startswith("opt/python") for name in packed)


def test_a_build_keeps_its_bytecode(code: Path) -> None:
    assert "__pycache__/app.cpython-313.pyc" in names(function_zip(code, [], built=True))


def test_the_bootstrap_may_be_executed(code: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(function_zip(code, [], built=False)))

    assert archive.getinfo("bootstrap").external_attr >> 16 & 0o111


def test_the_same_files_make_the_same_zip(code: Path) -> None:
    first = function_zip(code, [], built=False)
    (code / "app.py").touch()

    assert function_zip(code, [], built=False) == first


def test_a_built_package_for_another_processor_is_left_to_the_environment(tmp_path: Path) -> None:
    code = write(
        tmp_path / "PrepareFunction",
        {
            "app.py": "",
            "PIL/Image.py": "",
            "PIL/_imaging.cpython-313-other-linux-gnu.so": THIS_MACHINES_LIBRARY,
            "pillow.libs/libjpeg-1.so.62.4": ANOTHER_MACHINES_LIBRARY,
            "httpx/core.py": "",
        },
    )

    assert names(function_zip(code, [], built=True)) == {"bootstrap", "app.py", "httpx/core.py"}


@pytest.mark.parametrize("name", ["_cut.abi3.so", f"_cut.{sysconfig.get_config_var('SOABI')}.so"])
def test_a_library_for_this_machine_and_python_loads_here(name: str, tmp_path: Path) -> None:
    write(tmp_path, {name: THIS_MACHINES_LIBRARY})

    assert loads_here(tmp_path / name)
