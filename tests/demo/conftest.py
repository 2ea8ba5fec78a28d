# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from demo import Demo


@pytest.fixture(scope="session")
def first_run(demo_and_output: tuple[Demo, str]) -> str:
    """What `make demo` printed in a fresh folder."""
    return demo_and_output[1]


@pytest.fixture(scope="session")
def demo(demo_and_output: tuple[Demo, str]) -> Demo:
    return demo_and_output[0]


@pytest.fixture(scope="session")
def demo_and_output() -> Iterator[tuple[Demo, str]]:
    """One running demo for all tests. The client tests find it through the environment."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="inferhost-demo-"))
    root.rmdir()
    demo = Demo.at(root)
    done = demo.make("demo")
    assert done.returncode == 0, done.stdout[-6000:]
    os.environ.update(
        INFERHOST_TEST_ENDPOINT=demo.endpoint,
        INFERHOST_TEST_KEY_FILE=str(demo.key_file),
        INFERHOST_TEST_CLIENTS_DIR=str(root / "clients"),
    )
    yield demo, done.stdout
    stopped = demo.make("demo-clean")
    assert stopped.returncode == 0, stopped.stdout
    assert not root.exists()


@pytest.fixture
def fresh() -> Iterator[Demo]:
    """A demo that was never started; what a test starts in it is stopped."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="inferhost-fresh-"))
    root.rmdir()
    demo = Demo.at(root)
    yield demo
    demo.make("demo-clean")
    shutil.rmtree(root, ignore_errors=True)
