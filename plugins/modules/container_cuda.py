# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_cuda
short_description: Call C(cuInit) inside a container
version_added: 0.1.0
description:
  - Starts a container that is given the host's GPUs, calls CUDA in it, and tells the answer in the shape of M(inferhost.llm.gpu_info).
  - An answer that CUDA does not work is a result and no failure of the task; M(inferhost.llm.gpu_verify) says what it means.
  - The image is made of the host's own Python and libraries, so that nothing is downloaded.
  - The container reaches no network and is removed at the end.
author:
  - inferhost contributors (@inferhost)
attributes:
  check_mode:
    support: full
    description: Runs no container, and says whether an image would be made or removed.
  diff_mode:
    support: none
    description: An image is not shown.
  idempotent:
    support: full
    description: The image is made again only when the files that it is made of changed.
options:
  image:
    description:
      - Image to use in place of the one that is made here. It has to be there or to be had, and to have Python.
      - Empty makes one.
    type: str
    default: ""
  python:
    description: Python inside O(image).
    type: str
    default: python3
  device:
    description: CDI device that the container is given.
    type: str
    default: nvidia.com/gpu=all
  runtime:
    description:
      - Runtime of Docker that gives the GPU in place of O(device), for an engine before 25, which has no CDI.
    type: str
    default: ""
  daemon_reload:
    description:
      - Whether to call C(systemctl daemon-reload) while the container runs, and CUDA once more afterwards.
    type: bool
    default: false
  timeout:
    description: Seconds that each step may take.
    type: float
    default: 60.0
  state:
    description: V(absent) removes the images that were made here.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Call CUDA in a container
  inferhost.llm.container_cuda:
    daemon_reload: true
  register: container

- name: Judge the answer
  inferhost.llm.gpu_verify:
    container_cuda: "{{ container.cuda }}"
    expect:
      container_cuda_init: true
"""

RETURN = r"""
cuda:
  description: The answer that decides, the first that is not well. None in check mode.
  returned: O(state=present)
  type: dict
  contains:
    outcome:
      description: C(ok), C(error), C(crash), C(hang), C(absent) without a library, or C(not_run) where the container did not start.
      type: str
    code:
      description: Code of CUDA.
      type: int
    name:
      description: Its name.
      type: str
    cause:
      description: What it means, or what Docker said.
      type: str
    asked:
      description: C(start), or C(daemon_reload) for the call after it.
      type: str
answers:
  description: Every answer, in their order.
  returned: O(state=present)
  type: list
  elements: dict
image:
  description: The image that was used.
  returned: O(state=present)
  type: str
removed:
  description: Images that were removed.
  returned: O(state=absent)
  type: list
  elements: str
"""

import os
import shutil
import sys
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._container import _image as images
from ansible_collections.inferhost.llm.plugins.module_utils._container import _probe as probe
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended, run_bounded


class Docker:
    """The engine behind its command."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self.path = str(module.get_bin_path("docker", required=True))

    def run(self, command: t.Sequence[str]) -> Ended:
        return run_bounded(command, self._module.params["timeout"])

    def must(self, *arguments: str) -> str:
        """Output of a command that has to work."""
        ended = self.run([self.path, *arguments])
        if ended.how != "exit" or ended.status != 0:
            said = ended.detail or ended.errors.strip() or "status %d" % ended.status
            self._module.fail_json(msg="docker %s: %s" % (arguments[0], said))
        return ended.output

    def ours(self) -> t.List[str]:
        """Images that this module made."""
        return sorted(self.must("image", "ls", "--format={{.Repository}}:{{.Tag}}", images.REPOSITORY).split())


def remove(module: AnsibleModule, docker: t.Optional[Docker]) -> None:
    """Take the images away again; without Docker there are none."""
    there = docker.ours() if docker is not None else []
    if there and docker is not None and not module.check_mode:
        docker.must("image", "rm", "--force", *there)
    module.exit_json(changed=bool(there), removed=there)


def make(docker: Docker, made_of: images.Parts) -> None:
    """The image, in place of those of earlier files."""
    old = docker.ours()
    folder = tempfile.mkdtemp(prefix="cuda-probe-")
    try:
        archive = os.path.join(folder, "image.tar")
        images.write(made_of, os.path.join(folder, "root"), archive)
        docker.must("import", archive, made_of.name)
    finally:
        shutil.rmtree(folder)
    if old:
        docker.must("image", "rm", "--force", *old)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "default": ""},
            "python": {"type": "str", "default": "python3"},
            "device": {"type": "str", "default": "nvidia.com/gpu=all"},
            "runtime": {"type": "str", "default": ""},
            "daemon_reload": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 60.0},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["state"] == "absent":
        remove(module, Docker(module) if module.get_bin_path("docker") else None)
    if module.check_mode and module.get_bin_path("docker") is None:
        module.exit_json(changed=True, cuda=None, answers=[], image=params["image"])
    docker = Docker(module)
    image, python, changed = params["image"], params["python"], False
    if not image:
        try:
            made_of = images.parts(sys.executable, os.uname().machine)
        except ValueError as error:
            module.fail_json(msg="%s. Name an image with Python in container_cuda's image." % error)
        image, python = made_of.name, made_of.python
        changed = image not in docker.ours()
        if changed and not module.check_mode:
            make(docker, made_of)
    if module.check_mode:
        module.exit_json(changed=changed, cuda=None, answers=[], image=image)
    container = probe.Container("inferhost-cuda-%d" % os.getpid(), image, python, probe.access(params["device"], params["runtime"]))
    reload = [str(module.get_bin_path("systemctl", required=True)), "daemon-reload"] if params["daemon_reload"] else None
    answers = probe.proof(docker.run, docker.path, container, reload)
    module.exit_json(changed=changed, cuda=probe.decisive(answers), answers=answers, image=image)


if __name__ == "__main__":
    main()
