# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine a test; and for a kernel that has WireGuard one QEMU machine for all of them, made empty each time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from figures import accepting
from machine import Machine

sys.path.insert(0, str(Path(__file__).parent))

from kernel import KernelMachine
from wglab import Lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.live)


# The tools of both releases differ little, and a machine takes its time: the rest runs on both at full count.
ON_BOTH = ("test_four_calls", "test_the_next_boot", "test_fifty_peers_and_the_others_lose_nothing")
# What is about the process wireguard-go, or about a machine whose files a second process of the host writes.
WITHOUT_KERNEL = (
    "test_a_dead_daemon_is_noticed_and_repaired",
    "test_an_interface_that_does_not_come_up_leaves_nothing",
    "test_no_key_anywhere",
)
KERNEL = "kernel"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lab" in metafunc.fixturenames:
        both = accepting() or metafunc.function.__name__ in ON_BOTH
        machines = ["trixie", "bookworm"] if both else ["trixie"]
        if both and metafunc.function.__name__ not in WITHOUT_KERNEL:
            machines.append(KERNEL)
        metafunc.parametrize("lab", machines, indirect=True)


@pytest.fixture(scope="session")
def kernel_machine() -> Iterator[KernelMachine]:
    machine = KernelMachine()
    yield machine
    machine.stop()


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    if request.param == KERNEL:
        kernel: KernelMachine = request.getfixturevalue("kernel_machine")
        kernel.empty()
        yield Lab(kernel)
        return
    machine = Machine(request.param, tmp_path, "wireguard_interface")
    yield Lab(machine)
    machine.stop()
