"""The wheel holds the packages and nothing else, the source distribution each tracked file, and both make the same wheel.

Without `LONGTAKE_DIST`, a folder with one wheel and one source distribution, both are built here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINKED = ("flows/", "tasks/", "blocks/")
"""Folders of the repository that links in longtake/ lead to: both distributions hold their files once, under `longtake/`."""
OF_THE_REPOSITORY = (".ci/", ".github/", ".gitignore")
"""Tracked, but not in the source distribution."""
MADE = {"PKG-INFO", "setup.cfg"}
METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt", "licenses/LICENSE"}


def listed():
    """What git tracks: files and links."""
    try:
        found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only a clone knows its tracked files")
    return {name for name in found.split("\0") if name and os.path.lexists(ROOT / name)}


def tracked():
    """Tracked files as the distributions name them: those of a folder that is a link under the link's name."""
    names = listed()
    for link in [name for name in names if (ROOT / name).is_symlink() and (ROOT / name).is_dir()]:
        names.remove(link)
        target = (ROOT / link).resolve().relative_to(ROOT).as_posix()
        names |= {f"{link}{name.removeprefix(target)}" for name in names if name.startswith(f"{target}/")}
    return {name for name in names if not name.startswith(LINKED)}


def build(source, into, *words):
    """Build with the setuptools of this environment; gives what is new in the folder."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", into, *words, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def names_in(path):
    """Names of the files of a wheel, or of a source distribution without its folder."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(path) as archive:
        return {str(PurePosixPath(*PurePosixPath(one.name).parts[1:])) for one in archive if not one.isdir()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder with the wheel and the source distribution."""
    if given := os.environ.get("LONGTAKE_DIST"):
        return Path(given)
    pytest.importorskip("build", reason="`make test` installs it")
    source, into = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in listed():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    build(source, into)  # the wheel is built from the source distribution
    return into


@pytest.fixture(scope="module")
def wheel(dist):
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(dist):
    (found,) = dist.glob("*.tar.gz")
    return found


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_nothing_else(wheel):
    info = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info/"
    found = names_in(wheel)
    packages = {name for name in tracked() if name.startswith("longtake/")}
    assert {name.removeprefix(info) for name in found if name.startswith(info)} == METADATA
    assert {name for name in found if not name.startswith(info)} == packages
    for shipped in ("longtake/py.typed", "longtake/catalog/catalog.yaml", "longtake/cli/project/README.md"):
        assert shipped in found


def test_the_source_distribution_holds_each_tracked_file(sdist):
    found = {name for name in names_in(sdist) if ".egg-info/" not in name} - MADE
    assert found == {name for name in tracked() if not name.startswith(OF_THE_REPOSITORY)}


@pytest.mark.slow
def test_a_wheel_from_the_source_distribution_holds_the_same_bytes(wheel, sdist, tmp_path):
    pytest.importorskip("build", reason="`make test` installs it")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    build(source, tmp_path / "again", "--wheel")
    (again,) = (tmp_path / "again").glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {i.filename: i.CRC for i in one.infolist()} == {i.filename: i.CRC for i in other.infolist()}


def test_the_metadata_lists_what_a_user_can_install_and_where_it_runs(wheel):
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_string(file.read(name).decode())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # What tests and builds need is in dependency groups.
    assert metadata.get_all("Provides-Extra") == list(project["optional-dependencies"])
    wanted = [one for one in metadata.get_all("Requires-Dist") if "extra ==" not in one]
    assert len(wanted) == len(project["dependencies"])
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 15)} <= set(
        metadata.get_all("Classifier")
    )
