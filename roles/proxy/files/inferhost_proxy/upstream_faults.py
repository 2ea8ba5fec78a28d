# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failures of connections to model servers, named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from .errors import Fault


@contextmanager
def named_failures(broken: str) -> Iterator[None]:
    """Turn the client library's exceptions into faults; `broken` is the kind of a connection that ends too early.

    Beside the type's name nothing of the exception is kept, since the parser's messages quote the answer.
    """
    try:
        yield
    except (TimeoutError, aiohttp.ConnectionTimeoutError) as exc:
        raise Fault("upstream_connect_timeout", type(exc).__name__) from exc
    except aiohttp.ClientConnectorError as exc:
        raise Fault("upstream_refused", exc.strerror or type(exc).__name__) from exc
    except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, ConnectionError) as exc:
        raise Fault(broken, type(exc).__name__) from exc
    except aiohttp.ClientError as exc:
        raise Fault("upstream_protocol", type(exc).__name__) from exc
