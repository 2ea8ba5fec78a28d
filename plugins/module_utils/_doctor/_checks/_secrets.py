# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: who can read them."""

from __future__ import annotations

import stat
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._engines import who_starts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@check("L72", "A key that others can read", ("warning", "error"), ["processes", "services", "secret_files", "engine_logs"], uses=["containers"])
def keys(facts: Facts) -> t.Iterator[Outcome]:
    for one in facts["processes"]:
        if one["secret_args"]:
            what = one["kind"] or one["argv"][0].rpartition("/")[2]
            yield _in_arguments(f"process {one['pid']} ({what})", one["secret_args"], who_starts(one["pid"]))
    for one in facts["services"]:
        if one["secret_args"]:
            edit = f"sudo systemctl edit --full {one['name']}" if one["manager"] == "systemd" else f"sudoedit {one['file']}"
            yield _in_arguments(f"{one['manager']} service {one['name']}", one["secret_args"], edit)
        if one["secret_environment"] and one["manager"] == "systemd":
            yield Seen(
                "error",
                f"systemd service {one['name']} sets {', '.join(one['secret_environment'])} with Environment=",
                "systemctl show prints the environment of a unit to every user, whatever the mode of its file",
                f"sudo systemctl edit --full {one['name']}   # EnvironmentFile= of mode 600, or LoadCredential; then make a new key",
            )
    for one in facts.values.get("containers", ()):
        if one["secret_args"]:
            edit = f"sudoedit {one['compose_files'][0]}" if one["compose_files"] else f"docker inspect {one['name']} --format '{{{{.Path}}}}'"
            yield _in_arguments(f"container {one['name']}", one["secret_args"], edit)
    for one in facts["secret_files"]:
        yield from _file(one)
    for one in facts["engine_logs"]:
        yield from _log(one)
    for gap in (*facts.gaps.get("secret_files", ()), *facts.gaps.get("services", ()), *facts.gaps.get("engine_logs", ())):
        yield Unseen(gap)


def _in_arguments(where: str, carriers: t.Sequence[str], edit: str) -> Seen:
    return Seen(
        "error",
        f"the command line of {where} carries a secret ({', '.join(carriers)})",
        "every user of the host can read command lines, and they end up in logs",
        f"{edit}   # hand the key over in a file of mode 600 (systemd: EnvironmentFile or LoadCredential), then make a new key",
    )


def _log(one: t.Mapping[str, t.Any]) -> t.Iterator[Outcome]:
    printed = any("key" in start["signs"] for start in one["starts"])
    if printed or one["keys"]:
        yield Seen(
            "error",
            f"the log of {one['where']} ({one['source']}) shows {', '.join(one['keys']) or 'the key of the API'}",
            "vLLM before 0.32 prints its arguments at the start, and with them a key that was given as --api-key",
            "ansible-playbook inferhost.llm.rotate_keys   # elsewhere: a new key in VLLM_API_KEY, from a file of mode 600; then remove the old log",
        )


def _file(one: t.Mapping[str, t.Any]) -> t.Iterator[Outcome]:
    mode, path = one["mode"], one["path"]
    what = ", ".join(one["names"])
    if mode & stat.S_IROTH:
        yield Seen("error", f"{path} (mode {mode:04o}) holds {what}, and every user can read it", "it was made with the default mode", _closed(one))
    elif mode & _OTHERS and one["own"]:
        yield Seen("warning", f"{path} (mode {mode:04o}) holds {what}, and its group can use it", "the mode was changed by hand", _closed(one))


def _closed(one: t.Mapping[str, t.Any]) -> str:
    return f"sudo chmod 600 {one['path']}"
