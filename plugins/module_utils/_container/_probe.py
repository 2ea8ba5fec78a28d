# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CUDA's answer in a container: commands for Docker, and what their end means. The engine is asked through its own command line."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._container._image import PYTHON_OPTIONS
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._cuda import LIBRARY, PROBE, described, not_tried
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended

Document = t.Dict[str, t.Any]
Run = t.Callable[[t.Sequence[str]], Ended]

NO_LIBRARY = "the container has no libcuda.so.1: the host's was not mounted"
# The container ends by itself when nobody does it.
LIFE = "import time; time.sleep(%d)"
LIFE_SECONDS = 900
# How `docker run` and `docker exec` tell that it was not the program that failed.
DOCKERS_OWN = (125, 126, 127)
# A shell's way to tell of a signal.
SIGNALLED = 128


class Container(t.NamedTuple):
    """What is run: an image with Python, and how it gets the GPU."""

    name: str
    image: str
    python: str
    access: t.Tuple[str, ...]


def access(device: str, runtime: str) -> t.Tuple[str, ...]:
    """By CDI where the engine knows it; else by NVIDIA's runtime, which makes CDI's changes itself."""
    if runtime:
        return ("--runtime=%s" % runtime, "--env=NVIDIA_VISIBLE_DEVICES=all", "--env=NVIDIA_DRIVER_CAPABILITIES=compute,utility")
    return ("--device=%s" % device,)


def start(docker: str, container: Container) -> t.List[str]:
    """A container that does nothing but hold the GPU; it may not reach the network."""
    first = [docker, "run", "--detach", "--rm", "--network=none", "--name=%s" % container.name, *container.access]
    return [*first, "--entrypoint=%s" % container.python, container.image, *PYTHON_OPTIONS, "-c", LIFE % LIFE_SECONDS]


def ask(docker: str, container: Container) -> t.List[str]:
    return [docker, "exec", container.name, container.python, *PYTHON_OPTIONS, "-c", PROBE, LIBRARY]


def end(docker: str, container: Container) -> t.List[str]:
    return [docker, "rm", "--force", container.name]


def answer(ended: Ended) -> Document:
    """The answer in the shape that the host's has."""
    if ended.how == "exit" and ended.status in DOCKERS_OWN and not ended.output.strip():
        return refused(ended)
    if ended.how == "exit" and ended.status > SIGNALLED:
        return described(ended._replace(how="signal", detail="ended by signal %d" % (ended.status - SIGNALLED)), without=NO_LIBRARY)
    return described(ended, without=NO_LIBRARY)


def refused(ended: Ended) -> Document:
    """The container did not start: Docker's own words, without its advice to read its help."""
    lines = [line.strip() for line in ended.errors.splitlines() if line.strip() and not line.startswith(("Run 'docker", "See 'docker"))]
    return not_tried("not_run", ended.detail or " ".join(lines) or "docker ended with %d" % ended.status)


def proof(run: Run, docker: str, container: Container, reload: t.Optional[t.Sequence[str]]) -> t.List[Document]:
    """The answers of one container: at its start, and once more after `reload` (systemd re-applies device rules then)."""
    started = run(start(docker, container))
    if started.how != "exit" or started.status != 0:
        run(end(docker, container))
        return [dict(refused(started), asked="start")]
    try:
        answers = [dict(answer(run(ask(docker, container))), asked="start")]
        if reload and answers[0]["outcome"] == "ok":
            run(reload)
            answers.append(dict(answer(run(ask(docker, container))), asked="daemon_reload"))
    finally:
        run(end(docker, container))
    return answers


def decisive(answers: t.Sequence[Document]) -> Document:
    """The first answer that is not well, else the last."""
    return next((one for one in answers if one["outcome"] != "ok"), answers[-1])
