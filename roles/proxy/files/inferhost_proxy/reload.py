# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reload: the configuration is read and checked again, and only one that can be used takes the place of the one before."""

from __future__ import annotations

import logging

from .app import App
from .config import Config, ConfigError
from .keys import KeyFileError, Load
from .logs import LOG, event


def changed(before: Config, after: Config) -> list[str]:
    """The top-level keys whose values differ."""
    return [name for name in Config.__struct_fields__ if getattr(before, name) != getattr(after, name)]


async def reload(app: App, load: Load) -> bool:
    """Whether the configuration is another now; if not, everything is as before and the log says why."""
    try:
        config, keys = load()
        different = changed(app.config, config)
        await app.replace(config, keys)
    except (ConfigError, KeyFileError) as exc:
        event(logging.ERROR, "reload refused", cause=str(exc))
        return False
    except Exception:
        # Whatever it is, this process goes on with what it has.
        LOG.exception("reload refused")
        return False
    # What was asked for is always answered, also by a log that says little before or after.
    LOG.setLevel(logging.INFO)
    event(logging.INFO, "reloaded", changed=different)
    LOG.setLevel(config.log_level.upper())
    return True
