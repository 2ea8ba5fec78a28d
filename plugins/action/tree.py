# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import tarfile
import tempfile
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.inferhost.llm.plugins.module_utils._tree import manifest


class ActionModule(ActionBase):
    """Controller's half of the module ``tree``: reads the folder, and transfers one archive when something differs."""

    @staticmethod
    def _written(contents: dict[str, Any], folder: str) -> str:
        """``folder``, with a file for each of the contents."""
        for path, text in contents.items():
            if not isinstance(text, str):
                raise AnsibleActionFail(f"contents: {path} must be a text, not {type(text).__name__}")
            target = os.path.join(folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8") as stream:
                stream.write(text)
        return folder

    def _bundle(self, src: str, paths: list[str]) -> str:
        handle, archive = tempfile.mkstemp(suffix=".tar")
        with os.fdopen(handle, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as bundle:
            for path in paths:
                bundle.add(os.path.join(src, path), arcname=path)
        return archive

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        src, contents = self._task.args.get("src"), self._task.args.get("contents")
        if (src is None) == (contents is None):
            raise AnsibleActionFail("give either src or contents")
        if src is not None and not os.path.isdir(src):
            raise AnsibleActionFail(f"src: {src!r} is no folder on the controller")
        with tempfile.TemporaryDirectory() as folder:
            return {**result, **self._mirror(src or self._written(contents, folder), task_vars)}

    def _mirror(self, src: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        options = {name: value for name, value in self._task.args.items() if name not in ("src", "contents")}
        arguments = {**options, "manifest": manifest(src)}
        name = "inferhost.llm.tree"
        seen: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        if seen.get("failed") or not seen.get("changed") or self._task.check_mode:
            return seen
        archive = self._bundle(src, seen["brought"])
        try:
            remote = self._transfer_file(archive, self._connection._shell.join_path(self._make_tmp_path(), "tree.tar"))
            self._fixup_perms2([self._connection._shell.tmpdir, remote])
            done: dict[str, Any] = self._execute_module(module_name=name, module_args={**arguments, "archive": remote}, task_vars=task_vars)
        finally:
            os.unlink(archive)
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return done
