"""Fetching LiveKit's client for browsers: only the right archive is taken, and reasons are kept."""

import gzip
import io
import os
import sys
import tarfile
import types

import pytest

from lkexplore.notebook.page import build as building


def packed(members):
    """Return an archive as npm makes one."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return archive.getvalue()


CLIENT = packed({building.MODULE: b"export {};", building.LICENSE: b"Apache"})


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Give a function that puts an npm on the path, which runs a line of shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "client.tgz").write_bytes(CLIENT)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(line):
        script = folder / "npm"
        script.write_text(f"#!/bin/sh\nclient={tmp_path}/client.tgz\n{line}\n")
        script.chmod(0o755)

    return put


@pytest.fixture
def right(monkeypatch):
    """Have the archive of this test be the one that is wanted."""
    monkeypatch.setattr(building, "INTEGRITY", building.integrity(CLIENT))


def files(folder):
    return {path.name for path in folder.iterdir()}


def test_the_right_archive_is_unpacked_and_the_reason_of_before_goes(tmp_path, npm, right):
    folder = tmp_path / "built"
    npm("echo 'the cable is out' >&2; exit 1")
    assert building.build(folder) == "npm could not fetch it: the cable is out"
    assert (folder / building.REASON).read_text().strip().endswith("the cable is out")
    assert not building.is_there(folder)
    npm('cp "$client" here.tgz')
    assert building.build(folder) == ""
    assert files(folder) == {building.PACKED, building.LICENSE_THERE, building.STAMP}
    assert gzip.decompress((folder / building.PACKED).read_bytes()) == b"export {};"
    assert building.is_there(folder)
    # It is fetched once.
    npm("exit 1")
    assert building.build(folder) == ""


REPORT = """npm error code ENOTFOUND
npm error syscall getaddrinfo
npm error network request to there failed, reason: getaddrinfo ENOTFOUND there
npm error network This is a problem related to network connectivity.
"""


def test_of_npms_report_the_line_is_kept_that_says_why(tmp_path, npm):
    (tmp_path / "report").write_text(REPORT)
    npm(f"cat {tmp_path}/report >&2; exit 1")
    told = "network request to there failed, reason: getaddrinfo ENOTFOUND there"
    assert building.build(tmp_path / "built") == f"npm could not fetch it: {told}"


@pytest.mark.parametrize("archive", ["", "touch wrong.tgz", 'cp "$client" wrong.tgz'])
def test_a_wrong_archive_is_refused_and_the_reason_kept(tmp_path, npm, archive):
    """The last one holds all the files, but not those that are wanted."""
    npm(archive)
    folder = tmp_path / "built"
    # A stamp alone is no client.
    folder.mkdir()
    (folder / building.STAMP).write_text(f"{building.CLIENT} {building.INTEGRITY}")
    problem = building.build(folder)
    assert "not what it should be" in problem
    assert (folder / building.REASON).read_text().strip() == problem
    assert files(folder) == {building.STAMP, building.REASON}


def test_a_client_of_another_version_is_fetched_anew(tmp_path, npm, right, monkeypatch):
    folder = tmp_path / "built"
    npm('cp "$client" here.tgz')
    building.build(folder)
    newer = packed({building.MODULE: b"newer", building.LICENSE: b"Apache"})
    (tmp_path / "client.tgz").write_bytes(newer)
    monkeypatch.setattr(building, "INTEGRITY", building.integrity(newer))
    assert not building.is_there(folder)
    assert building.build(folder) == ""
    assert gzip.decompress((folder / building.PACKED).read_bytes()) == b"newer"


def test_without_an_npm_on_the_path_that_of_the_python_package_is_run(tmp_path, monkeypatch, right):
    monkeypatch.setattr(building.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, building.NODE_MODULE, None)
    assert building.build(tmp_path / "built") == "npm, which fetches it, is not on this machine"

    def run(arguments, return_completed_process=False, *, cwd, **options):
        assert arguments[-1] == building.CLIENT
        assert return_completed_process
        with open(f"{cwd}/here.tgz", "wb") as file:
            file.write(CLIENT)

    monkeypatch.setitem(sys.modules, building.NODE_MODULE, types.SimpleNamespace(npm=run))
    assert building.build(tmp_path / "built") == ""


def test_the_client_of_this_installation_is_the_one_that_is_wanted():
    if not building.is_there():
        pytest.skip("this installation was built without it")
    first, integrity = (building.BUILT / building.STAMP).read_text().split()
    assert (first, integrity) == (building.CLIENT, building.INTEGRITY)
    client = gzip.decompress((building.BUILT / building.PACKED).read_bytes())
    assert building.CLIENT.split("@")[1].encode() in client
