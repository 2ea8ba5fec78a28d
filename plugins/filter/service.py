# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.inferhost.llm.plugins.module_utils import _secret, _service_command, _variable_names
from ansible_collections.inferhost.llm.plugins.module_utils._plan import _engine_command


def engine_command_check(plan: dict[str, Any], extra_flags: dict[str, Any], extra_environment: dict[str, Any]) -> dict[str, list[str]]:
    return _engine_command.check(plan, extra_flags, extra_environment)._asdict()


class FilterModule:
    """Command lines of services, spelling of variables, and secrets in them."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "credential_files": _service_command.credential_files,
            "engine_command_check": engine_command_check,
            "flag_words": _service_command.flag_words,
            "service_command": _service_command.with_secrets,
            "supervisor_environment": _service_command.supervisor_environment,
            "supervisor_exec": _service_command.supervisor_exec,
            "systemd_exec": _service_command.systemd_exec,
            "unknown_variables": _variable_names.unknown_variables,
            "written_secrets": _secret.written_secrets,
        }
