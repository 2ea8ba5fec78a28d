# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.inferhost.llm.plugins.module_utils._tree import digest


class ActionModule(ActionBase):
    """Controller's half of the module ``locked_venv``: transfers the lock file when the host's copy is another one."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        lock = self._task.args.get("lock")
        if not lock or not os.path.isfile(lock):
            raise AnsibleActionFail(f"lock: {lock!r} is no file on the controller")
        arguments = {**self._task.args, "lock_digest": digest(lock)}
        name = "inferhost.llm.locked_venv"
        done = self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        if done.get("needs_lock") and not self._task.check_mode:
            try:
                remote = self._transfer_file(lock, self._connection._shell.join_path(self._make_tmp_path(), "requirements.lock"))
                self._fixup_perms2([self._connection._shell.tmpdir, remote])
                done = self._execute_module(module_name=name, module_args={**arguments, "brought_lock": remote}, task_vars=task_vars)
            finally:
                self._remove_tmp_path(self._connection._shell.tmpdir)
        done.pop("needs_lock", None)
        return {**result, **done}
