# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real .deb files from plain data, and a signed apt repository of them: the stand-in for the repositories of publishers.

Needs `dpkg-deb` and `gpg`, and nothing of the network. A test host reads the folder over HTTP: from `server_command` on its own
loopback, or from `serve` on this machine's.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import http.server
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

RELATIONS = ("pre_depends", "depends", "recommends", "conflicts", "breaks", "provides", "replaces")


@dataclass(frozen=True)
class Deb:
    """One binary package.

    `files`: absolute path to content and mode; `scripts`: maintainer scripts and other control files; `conffiles`: which of the files are configuration.
    """

    name: str
    version: str
    architecture: str = "all"
    depends: tuple[str, ...] = ()
    pre_depends: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    files: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    conffiles: tuple[str, ...] = ()
    source: str = ""
    section: str = "misc"
    description: str = "Stand-in for a package of this name, made for a test"

    @property
    def filename(self) -> str:
        """As publishers name it: no epoch."""
        return f"{self.name}_{self.version.partition(':')[2] or self.version}_{self.architecture}.deb"

    def control(self) -> str:
        """The control file, also the beginning of the package's entry in the repository's index."""
        lines = [f"Package: {self.name}", f"Version: {self.version}", f"Architecture: {self.architecture}"]
        lines += [f"Source: {self.source}"] if self.source else []
        lines += ["Maintainer: inferhost tests <tests@example.invalid>", f"Section: {self.section}", "Priority: optional"]
        for relation in RELATIONS:
            names = getattr(self, relation)
            if names:
                lines.append(f"{relation.replace('_', '-').title()}: {', '.join(names)}")
        return "\n".join([*lines, f"Description: {self.description}"]) + "\n"


def build(deb: Deb, folder: Path) -> Path:
    """The package as a file in `folder`."""
    target = folder / deb.filename
    with tempfile.TemporaryDirectory(prefix="deb-") as temporary:
        root = Path(temporary) / "root"
        control = root / "DEBIAN"
        control.mkdir(parents=True, mode=0o755)
        root.chmod(0o755)
        (control / "control").write_text(deb.control(), encoding="utf-8")
        if deb.conffiles:
            (control / "conffiles").write_text("".join(f"{path}\n" for path in deb.conffiles), encoding="utf-8")
        for name, text in deb.scripts.items():
            _write(control / name, text.encode(), 0o755)
        for path, (content, mode) in deb.files.items():
            _write(root / path.lstrip("/"), content, mode)
        for path, points_to in deb.links.items():
            link = root / path.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(points_to)
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(root), str(target)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return target


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


class SigningKey:
    """A key made for one test repository. `folder` keeps it; asking again for the same folder gives the same key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "fingerprint").exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            self._gpg("--quick-generate-key", "--passphrase", "", "inferhost test repository <tests@example.invalid>", "ed25519", "sign", "never")
            listing = self._gpg("--list-keys", "--with-colons").decode()
            fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
            (folder / "fingerprint").write_text(fingerprint, encoding="ascii")
            self._stop_agent()
        self.fingerprint = (folder / "fingerprint").read_text(encoding="ascii")

    def public(self, armoured: bool = False) -> bytes:
        """The public key, as `signed-by` takes it or as publishers show it."""
        return self._gpg(*(["--armor"] if armoured else []), "--export", self.fingerprint)

    def clearsign(self, text: bytes) -> bytes:
        """The text with a signature around it."""
        signed = self._gpg("--digest-algo", "SHA512", "--local-user", self.fingerprint, "--clearsign", "--output", "-", given=text)
        self._stop_agent()
        return signed

    def _gpg(self, *arguments: str, given: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.folder), "--batch", "--quiet", "--pinentry-mode", "loopback", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def _stop_agent(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.folder), "--kill", "all"], check=False, capture_output=True)


def keyring_package(name: str, version: str, key: SigningKey, source_name: str, url: str, suite: str = "/", keyring: str = "") -> Deb:
    """What publishers give to begin with: a package that brings the key and the source entry."""
    path = keyring or f"/usr/share/keyrings/{name}.gpg"
    entry = f"deb [signed-by={path}] {url} {suite}\n"
    listing = f"/etc/apt/sources.list.d/{source_name}.list"
    return Deb(name, version, files={path: (key.public(), 0o644), listing: (entry.encode(), 0o644)}, conffiles=(listing,))


def write_repository(folder: Path, debs: Iterable[Deb], key: SigningKey, origin: str = "inferhost tests", label: str = "") -> dict[str, str]:
    """A flat repository in `folder`, as NVIDIA's are: the packages, Packages, Packages.gz, Release and InRelease, and the key in both forms.

    Called again with other packages it replaces the index; files that are there stay, so that a newer branch can appear under the same address.
    Gives the SHA-256 of each package by its file's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(debs)
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda deb: (folder / deb.filename).exists() or build(deb, folder), wanted))
    index = "\n".join(_entry(deb, folder) for deb in wanted).encode()
    (folder / "Packages").write_bytes(index)
    (folder / "Packages.gz").write_bytes(gzip.compress(index, mtime=0))
    release = _release(folder, ("Packages", "Packages.gz"), origin, label or origin)
    (folder / "Release").write_bytes(release)
    (folder / "InRelease").write_bytes(key.clearsign(release))
    (folder / "key.gpg").write_bytes(key.public())
    (folder / "key.asc").write_bytes(key.public(armoured=True))
    return {deb.filename: hashlib.sha256((folder / deb.filename).read_bytes()).hexdigest() for deb in wanted}


def _entry(deb: Deb, folder: Path) -> str:
    content = (folder / deb.filename).read_bytes()
    return f"{deb.control()}Filename: ./{deb.filename}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"


def _release(folder: Path, names: Iterable[str], origin: str, label: str) -> bytes:
    lines = [f"Origin: {origin}", f"Label: {label}", f"Date: {formatdate(usegmt=True)}", "SHA256:"]
    for name in names:
        content = (folder / name).read_bytes()
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}")
    return ("\n".join(lines) + "\n").encode()


def server_command(folder: str, port: int) -> list[str]:
    """What serves a folder on a host's own loopback, with Python alone."""
    return ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, str(port)]


@contextlib.contextmanager
def serve(folder: Path, address: str = "127.0.0.1") -> Iterator[str]:
    """The folder over HTTP from this process, at a free port; gives the address with a slash at its end."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((address, 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{address}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
