# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "roles/proxy/files")]

from gateway import CLIENT_KEY, ENGINE_KEY, Gateway, eventually  # noqa: E402
from real_vllm import Engine, started  # noqa: E402
from search_kit import SearchStandIn  # noqa: E402
from standin import StandIn  # noqa: E402

# How long an example takes says what else the machine does.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def standin_server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


@pytest.fixture
def standin(standin_server: StandIn) -> StandIn:
    standin_server.reset()
    return standin_server


@pytest.fixture(scope="session")
def shared_gateway(standin_server: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway") / "shared", standin_server.url)
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    assert shared_gateway.process.poll() is None, shared_gateway.log()[-2000:]
    return shared_gateway


@pytest.fixture
def start(standin: StandIn, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start a gateway of the test's own, with changes to its configuration."""
    started: list[Gateway] = []

    def begin(upstream_url: str = standin.url, **overrides: Any) -> Gateway:
        started.append(Gateway(tmp_path / f"gateway-{len(started)}", upstream_url, **overrides))
        return started[-1]

    yield begin
    for gateway in started:
        gateway.stop()


@pytest.fixture(scope="session")
def web_server() -> Iterator[SearchStandIn]:
    web = SearchStandIn()
    yield web
    web.server.close()


@pytest.fixture
def web(web_server: SearchStandIn) -> SearchStandIn:
    web_server.reset()
    return web_server


@pytest.fixture(scope="session")
def searching_gateway(web_server: SearchStandIn, standin_server: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    # Without a cache, each test asks its own stand-in.
    gateway = Gateway(tmp_path_factory.mktemp("search") / "g", standin_server.url, search=web_server.configuration(cache_seconds=0, max_uses=3))
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def searching(searching_gateway: Gateway, web: SearchStandIn) -> Gateway:
    """A gateway that searches with the stand-in."""
    return searching_gateway


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Real vLLM."""
    with started(tmp_path_factory.mktemp("vllm")) as engine:
        yield engine


@pytest.fixture(scope="session")
def front(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of it."""
    folder = tmp_path_factory.mktemp("front")
    gateway = Gateway(folder / "gateway", engine.url, models=[])
    if engine.key != ENGINE_KEY:
        (gateway.folder / "secrets/engine_key").write_text(engine.key)
        gateway.process.send_signal(signal.SIGHUP)
        eventually(lambda: '"reloaded"' in gateway.log())
    yield gateway
    gateway.stop()


@pytest.fixture(scope="session")
def model(front: Gateway) -> str:
    """The name of its model."""
    return str(front.request("GET", "/v1/models", key=CLIENT_KEY).json()["data"][0]["id"])
