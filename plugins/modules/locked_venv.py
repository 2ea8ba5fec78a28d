# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: locked_venv
short_description: Create, check and repair a Python virtual environment from a lock file
version_added: 0.1.0
description:
  - Makes a virtual environment hold exactly the distributions of a hash-locked requirements file, with C(uv).
  - At every run it checks that the interpreter starts, that each distribution is there in its locked version and no other one is,
    that the files each distribution recorded are there with their sizes, and that the dependencies agree.
  - Whatever is wrong is repaired, also what an interrupted installation left behind. At the end of every run the given modules must import.
author: inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: All checks run; what would be repaired is returned.
  diff_mode:
    support: none
    description: What changes is returned in RV(changes).
  idempotent:
    support: full
    description: A healthy environment is only read.
  action:
    support: full
    description: The action plugin reads the lock file on the controller and transfers it when the host's copy is another one.
options:
  path:
    description: Folder of the environment.
    type: path
    required: true
  lock:
    description: The lock file, on the controller. Every requirement an exact pin with at least one hash.
    type: path
    required: true
  kept_lock:
    description: Where the host keeps its copy of the lock file.
    type: path
    required: true
  lock_digest:
    description: Set by the action plugin. SHA-256 of O(lock).
    type: str
  brought_lock:
    description: Set by the action plugin. Copy of O(lock) on the host, for O(kept_lock).
    type: path
  uv:
    description: Path of the uv binary.
    type: path
    required: true
  python:
    description: Interpreter, as a version (C(3.11)) or a path. uv takes one that is installed, otherwise it fetches a managed one.
    type: str
    default: "3.11"
  imports:
    description: Modules that must import; tried at every run, so name ones that load fast.
    type: list
    elements: str
    default: []
  left_out:
    description: Distributions that others require but that are left out on purpose.
    type: list
    elements: str
    default: []
  index_url:
    description: Package index; empty means uv's own default.
    type: str
    default: ""
  local_version_index_url:
    description:
      - Index asked in addition when a pin has a local version label, such as C(torch==2.13.0+cpu), which public indexes do not carry.
      - Not asked when O(find_links) holds those files.
    type: str
    default: ""
  find_links:
    description: Folders with wheels.
    type: list
    elements: path
    default: []
  shared:
    description:
      - The environment is used by other accounts too, so its interpreter must not lie in a home folder they cannot enter.
      - If the one uv finds does, uv fetches a managed one, which is kept beside the environments.
    type: bool
    default: false
  progress_file:
    description: File to report progress to.
    type: path
"""

EXAMPLES = r"""
- name: The engine's environment
  inferhost.llm.locked_venv:
    path: /opt/inferhost/venvs/vllm
    lock: "{{ role_path }}/files/vllm.lock"
    kept_lock: /opt/inferhost/etc/locks/vllm.lock
    uv: /opt/inferhost/bin/uv
    imports: [uvloop, torch]
"""

RETURN = r"""
path:
  description: Folder of the environment.
  type: str
  returned: always
digest:
  description: SHA-256 over the lock file and the interpreter asked for; it changes exactly when the wanted content does.
  type: str
  returned: success
changes:
  description: What was wrong or missing, one line each.
  type: list
  elements: str
  returned: success
needs_lock:
  description: Whether nothing was done because the host's copy of the lock file is another one. Only seen by the action plugin.
  type: bool
  returned: when true
distributions:
  description: Number of distributions the environment holds.
  type: int
  returned: success
"""

import glob
import hashlib
import os
import shutil
import subprocess

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._lock_file import LockError, held_in, local_pins, parse_lock
from ansible_collections.inferhost.llm.plugins.module_utils._progress import Progress
from ansible_collections.inferhost.llm.plugins.module_utils._tree import digest as digest_of
from ansible_collections.inferhost.llm.plugins.module_utils._tree import write_file
from ansible_collections.inferhost.llm.plugins.module_utils._venv_state import (
    distributions,
    planned_changes,
    unexpected_conflicts,
)
from ansible_collections.inferhost.llm.plugins.module_utils._watched_run import run_watched


def _enterable(path: str) -> bool:
    """Whether every folder on the way to a file may be entered by any account."""
    folder = os.path.dirname(path)
    while folder != "/":
        if not os.stat(folder).st_mode & 0o001:
            return False
        folder = os.path.dirname(folder)
    return True


class Venv:
    """One environment on disk and the uv that serves it."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self.path = module.params["path"]
        self.interpreter = os.path.join(self.path, "bin", "python")
        self._uv = module.params["uv"]
        self._lock = module.params["kept_lock"]

    def _environment(self) -> dict[str, str]:
        pythons = os.path.join(os.path.dirname(os.path.dirname(self.path)), "python")
        return {**os.environ, "UV_PYTHON_INSTALL_DIR": pythons, "UV_NO_CONFIG": "1"}

    def uv(self, *arguments: str, fail: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([self._uv, *arguments], capture_output=True, text=True, check=False, env=self._environment())
        if fail and done.returncode != 0:
            self._module.fail_json(msg=f"uv {arguments[0]} failed for {self.path}: {done.stderr.strip()[-2000:]}", path=self.path, rc=done.returncode)
        return done

    def starts(self) -> bool:
        if not os.path.isfile(os.path.join(self.path, "pyvenv.cfg")):
            return False
        try:
            return subprocess.run([self.interpreter, "-c", ""], capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    @property
    def site(self) -> str:
        found = glob.glob(os.path.join(self.path, "lib", "python3*", "site-packages"))
        return found[0] if found else ""

    def create(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        python = self._module.params["python"]
        self.uv("venv", "--quiet", "--python", python, self.path)
        if self._module.params["shared"] and not _enterable(os.path.realpath(self.interpreter)):
            self.uv("venv", "--quiet", "--clear", "--managed-python", "--python", python, self.path)

    def _sources(self) -> list[str]:
        params = self._module.params
        arguments: list[str] = []
        if params["index_url"]:
            arguments += ["--default-index", params["index_url"]]
        files: list[str] = []
        for folder in params["find_links"]:
            if os.path.isdir(folder):
                arguments += ["--find-links", folder]
                files += os.listdir(folder)
        with open(self._lock, encoding="utf-8") as stream:
            local = local_pins(parse_lock(stream.read()))
        if params["local_version_index_url"] and not all(held_in(pin, files) for pin in local):
            # uv looks for a distribution in the first index that has it; the public one has torch too, in other builds.
            arguments += ["--index", params["local_version_index_url"], "--index-strategy", "unsafe-best-match"]
        return arguments

    def sync(self, *extra: str, fail: bool = True) -> subprocess.CompletedProcess[str]:
        return self.uv("pip", "sync", "--require-hashes", "--python", self.interpreter, *self._sources(), *extra, self._lock, fail=fail)

    def sync_with_progress(self, progress: Progress, total: int) -> None:
        command = [self._uv, "pip", "sync", "--quiet", "--require-hashes", "--python", self.interpreter, *self._sources(), self._lock]
        status, output = run_watched(command, self._environment(), lambda: progress.report(len(glob.glob(os.path.join(self.site, "*.dist-info"))), total))
        progress.clear()
        # uv lets everybody write, and so hold, its lock.
        lock_file = os.path.join(self.path, ".lock")
        if os.path.exists(lock_file):
            os.chmod(lock_file, 0o644)
        if status != 0:
            self._module.fail_json(
                msg=(
                    f"the packages of {self.path} could not be installed; what is there is kept and a second run goes on from it. "
                    f"uv says: {output.strip()[-2000:]}"
                ),
                path=self.path,
                rc=status,
            )

    def require_imports(self, names: list[str]) -> None:
        code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"
        done = subprocess.run([self.interpreter, "-c", code, *names], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            self._module.fail_json(msg=f"not all of {', '.join(names)} import in {self.path}: {reason}", path=self.path, rc=done.returncode)


def _inspect(venv: Venv, left_out: list[str]) -> tuple[list[str], list[str], int]:
    """What is wrong with an environment that starts: (lines to show, metadata folders to drop, number of distributions)."""
    found = distributions(venv.site)
    damaged = [dist for dist in found if not dist.healthy]
    lines = [f"!{dist.name}=={dist.version}: {len(dist.damaged)} of its files missing or changed, first {dist.damaged[0]}" for dist in damaged]
    healthy = {dist.name for dist in found if dist.healthy}
    dry_run = venv.sync("--offline", "--dry-run", fail=False)
    if dry_run.returncode == 0:
        lines += planned_changes(dry_run.stderr + dry_run.stdout, healthy)
    else:
        # Offline, uv can only fail for want of a distribution that is not installed.
        lines.append("+ " + (dry_run.stderr.strip().splitlines() or ["distributions missing"])[-1].strip())
    if not lines:
        check = venv.uv("pip", "check", "--python", venv.interpreter, fail=False)
        lines += [f"?{line}" for line in unexpected_conflicts(check.stdout + check.stderr, left_out)]
    return lines, [dist.metadata_dir for dist in damaged], len(found)


def require_lock(module: AnsibleModule) -> None:
    """End here, and say so, when the wanted lock file is neither kept on the host nor brought along."""
    params = module.params
    if params["brought_lock"] or (os.path.isfile(params["kept_lock"]) and digest_of(params["kept_lock"]) == params["lock_digest"]):
        return
    # In check mode this is the answer; otherwise the action plugin brings the file and asks again.
    changes = ["the environment would be brought in line with another lock file"]
    module.exit_json(changed=True, needs_lock=True, path=params["path"], digest="", changes=changes, distributions=0)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "lock": {"type": "path", "required": True},
            "kept_lock": {"type": "path", "required": True},
            "lock_digest": {"type": "str"},
            "brought_lock": {"type": "path"},
            "uv": {"type": "path", "required": True},
            "python": {"type": "str", "default": "3.11"},
            "imports": {"type": "list", "elements": "str", "default": []},
            "left_out": {"type": "list", "elements": "str", "default": []},
            "index_url": {"type": "str", "default": ""},
            "local_version_index_url": {"type": "str", "default": ""},
            "find_links": {"type": "list", "elements": "path", "default": []},
            "shared": {"type": "bool", "default": False},
            "progress_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    venv = Venv(module)
    if not params["lock_digest"]:
        module.fail_json(msg="lock_digest is missing: this module works through its action plugin, not by itself")
    require_lock(module)
    try:
        with open(params["brought_lock"] or params["kept_lock"], encoding="utf-8", newline="") as stream:
            text = stream.read()
        pins = parse_lock(text)
    except (OSError, LockError) as error:
        module.fail_json(msg=f"lock file {params['lock']}: {error}", path=venv.path)
    if params["brought_lock"]:
        write_file(params["kept_lock"], text.encode(), 0o644)
    if module.check_mode and not os.path.isfile(params["uv"]):
        module.exit_json(changed=True, path=venv.path, digest="", changes=["the environment would be created"], distributions=0)
    digest = hashlib.sha256(f"{params['python']}\n{text}".encode()).hexdigest()

    changes: list[str] = []
    stale: list[str] = []
    count = 0
    fresh = not venv.starts()
    if fresh:
        changes.append("the environment was missing or its interpreter did not start")
    else:
        changes, stale, count = _inspect(venv, params["left_out"])
    if module.check_mode and changes:
        module.exit_json(changed=True, path=venv.path, digest=digest, changes=changes, distributions=count)
    if not changes:
        venv.require_imports(params["imports"])
        module.exit_json(changed=bool(params["brought_lock"]), path=venv.path, digest=digest, changes=[], distributions=count)

    if fresh:
        venv.create()
    for folder in stale:
        # uv cannot uninstall by a record that lies, and would take the distribution for installed.
        shutil.rmtree(folder)
    progress = Progress(params["progress_file"], f"installing packages into {os.path.basename(venv.path)}", "packages")
    venv.sync_with_progress(progress, len(pins))
    left, _stale, count = _inspect(venv, params["left_out"])
    if left:
        module.fail_json(msg=f"{venv.path} is still not what the lock says after the repair: {'; '.join(left)[:2000]}", path=venv.path)
    venv.require_imports(params["imports"])
    module.exit_json(changed=True, path=venv.path, digest=digest, changes=changes, distributions=count)


if __name__ == "__main__":
    main()
