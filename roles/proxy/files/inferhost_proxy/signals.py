# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signals a process of the service acts on. They wait from its first moment on until it can act."""

from __future__ import annotations

import signal

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


def hold_back() -> None:
    """Let them wait. A process that is started, and a program that takes this one's place, begin like that."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)


def let_in() -> None:
    """Their handlers are there."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
