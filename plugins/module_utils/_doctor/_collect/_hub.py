# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that fetch their model from the Hub: whether they have a token, and what the Hub said to them; and where else on the host a token is."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._secret_file import secrets_in
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._service import joined_lines, read
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._storage import cache_paths
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._flags import engine_arguments, parse
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN")
# What a login shell or `hf auth login` reads, and a service does not.
SHELL_FILES = (".bashrc", ".bash_profile", ".profile", ".zshrc", ".cache/huggingface/token")
# What huggingface_hub and transformers write where the Hub gives nothing.
REFUSALS = (
    ("gated", re.compile(r"GatedRepoError|gated repo|Access to model \S+ is restricted|awaiting a review", re.IGNORECASE)),
    ("missing", re.compile(r"RepositoryNotFoundError|Repository Not Found|not a valid model identifier", re.IGNORECASE)),
)
_LOG_BYTES = 64 * 1024


@collector("hub_services", root="helps", cost="files, journalctl", timeout_s=15, after=["services"])
def hub_services(context: Context, facts: Facts) -> Collected:
    gaps: list[str] = []
    found = []
    for one in facts["services"]:
        model = parse(engine_arguments(one["argv"]) or []).get("--model", "")
        if one["kind"] != "vllm" or not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
            continue
        places = {name: path for name, path, _set in cache_paths(one["env"])}
        kept = os.path.join(places["HF_HUB_CACHE"], "models--" + model.replace("/", "--"), "snapshots", "*", "config.json")
        found.append(
            {
                "name": one["name"],
                "argv": one["argv"],
                "model": model,
                "cached": bool(glob.glob(context.path(kept))),
                "token": _has_token(context, one, places["HF_HOME"], gaps),
                "refusal": refusal(_log(context, one, gaps)),
            }
        )
    return Collected({"services": found, "shells": _shells(context, gaps) if found else []}, gaps)


def refusal(log: str) -> str | None:
    """The last thing that a log says the Hub refused: gated or missing."""
    last = {kind: [match.start() for match in pattern.finditer(log)][-1:] for kind, pattern in REFUSALS}
    return max((kind for kind in last if last[kind]), key=lambda kind: last[kind], default=None)


def journal(unit: str) -> str:
    """The end of what a unit wrote."""
    program = shutil.which("journalctl")
    if program is None:
        return ""
    command = [program, f"--unit={unit}", "--lines=300", "--output=cat", "--no-pager", "--quiet"]
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _log(context: Context, service: t.Mapping[str, t.Any], gaps: list[str]) -> str:
    own = context.path(os.path.join(context.root, "log", service["name"].removesuffix(".service") + ".log"))
    if os.path.exists(own):
        try:
            with open(own, "rb") as handle:
                handle.seek(max(0, os.path.getsize(own) - _LOG_BYTES))
                return handle.read().decode("utf-8", "replace")
        except OSError as error:
            gaps.append(unreadable(own, error))
    # A host that tests bring has no journal.
    return journal(service["name"]) if service["manager"] == "systemd" and context.fs == "/" else ""


def _has_token(context: Context, service: t.Mapping[str, t.Any], home: str, gaps: list[str]) -> bool:
    names = set(service["secret_environment"])
    for path in service["environment_files"]:
        names.update(secrets_in(joined_lines(read(context, context.path(path), gaps) or "")))
    return bool(names & set(TOKEN_VARIABLES)) or os.path.exists(context.path(os.path.join(home, "token")))


def _shells(context: Context, gaps: list[str]) -> list[str]:
    """Files of accounts that hold a token of the Hub."""
    found = []
    homes = [context.path("/root"), *sorted(glob.glob(context.path("/home/*")))]
    for path in [os.path.join(home, name) for home in homes for name in SHELL_FILES] + sorted(glob.glob(context.path("/etc/profile.d/*.sh"))):
        if not os.path.isfile(path):
            continue
        lines = (line.strip().removeprefix("export ") for line in (read(context, path, gaps) or "").splitlines())
        if os.path.basename(path) == "token" or set(secrets_in(lines)) & set(TOKEN_VARIABLES):
            found.append("/" + os.path.relpath(path, context.fs))
    return found
