# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every collector and every check. A new check is a function in a module of `_checks`; a new module is a line here."""

from __future__ import annotations

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._checks import (
    _answers,
    _cards,
    _clients,
    _conversation,
    _engine,
    _environments,
    _gpu,
    _gpu_containers,
    _hub,
    _litellm,
    _memory,
    _secrets,
    _service,
    _start,
    _storage,
    _tools,
)
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect import (
    _apt,
    _behaviour,
    _client_file,
    _container,
    _docker_name,
    _endpoint,
    _engine_file,
    _engine_log,
    _growth,
    _host,
    _process,
    _secret_file,
    _venv,
)
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect import _gpu as _gpu_facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect import _hub as _hub_services
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect import _litellm as _litellm_files
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect import _service as _service_files
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect import _storage as _disks
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collector
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import Check, Registry

_CHECK_MODULES = (
    _answers,
    _cards,
    _clients,
    _conversation,
    _engine,
    _environments,
    _gpu,
    _gpu_containers,
    _hub,
    _litellm,
    _memory,
    _secrets,
    _service,
    _start,
    _storage,
    _tools,
)
_COLLECTOR_MODULES = (
    _apt,
    _behaviour,
    _client_file,
    _container,
    _disks,
    _docker_name,
    _endpoint,
    _engine_file,
    _engine_log,
    _gpu_facts,
    _growth,
    _host,
    _hub_services,
    _litellm_files,
    _process,
    _secret_file,
    _service_files,
    _venv,
)

COLLECTORS: dict[str, Collector] = {one.name: one for module in _COLLECTOR_MODULES for one in vars(module).values() if isinstance(one, Collector)}
CHECKS = Registry((one for module in _CHECK_MODULES for one in vars(module).values() if isinstance(one, Check)), COLLECTORS)
