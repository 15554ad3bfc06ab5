# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of each tier, as data for test.py."""

from __future__ import annotations

import dataclasses

PYTEST = ("python", "-m", "pytest")


@dataclasses.dataclass(frozen=True)
class Step:
    """One command of a tier."""

    name: str
    command: tuple[str, ...]
    tail: int = 40
    environment: tuple[tuple[str, str], ...] = ()


def live(name: str, *paths: str, **environment: str) -> Step:
    return Step(name, (*PYTEST, "-x", *paths), 60, tuple(environment.items()))


def full(name: str, *paths: str, **environment: str) -> Step:
    return live(name, *paths, FABRIC_ACCEPT="1", **environment)


def on_twin(name: str, file: str, *steps: Step, once: bool = False) -> tuple[Step, ...]:
    """The twin of a file brought up, steps on it, and the twin taken away. `once`: a step runs site.yml again."""
    up = ("python", "scripts/twin.py", "up", *(("--once",) if once else ()), "--fabric", file)
    return (
        Step(f"{name}-up", up, 60),
        *steps,
        Step(f"{name}-down", ("python", "scripts/twin.py", "down", "--fabric", file)),
    )


SPINE_LEAF = "examples/spine-leaf/fabric.yml"
VMS = "examples/routed-vms/fabric.yml"
DATACENTERS = "examples/two-datacenters/fabric.yml"
HOME = "examples/wireguard-home/fabric.yml"
CEPH = "examples/ceph-l3/fabric.yml"
DEVICES = "examples/l2-over-l3/fabric.yml"
TESTS = "tests/integration"
OLDEST_CORE = ("scripts/oldest_core.sh",)
KERNEL_VXLAN = ("bond", "single_form", "tenants")  # in the small QEMU machine

# No root. Two of them at a time.
CHECK = (
    Step("sanity", ("scripts/sanity.sh",)),
    Step("unit", (*PYTEST, "tests/unit", "--ignore", "tests/unit/frr")),
    Step("unit-frr", (*PYTEST, "tests/unit/frr")),
    Step("ansible-lint", ("scripts/ansible_lint.sh",)),
    Step("mypy", ("scripts/mypy.sh",)),
    Step("docs", ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", ".")),
    Step("changelog", ("antsibull-changelog", "lint")),
    Step("ruff", ("ruff", "check", "--quiet", ".")),
    Step("ruff-format", ("ruff", "format", "--check", "--quiet", ".")),
    Step("yamllint", ("yamllint", "-s", ".")),
    Step("shellcheck", ("scripts/shellcheck.sh",)),
    Step("licences", ("reuse", "lint", "--quiet")),
)

# Root, in network namespaces of their own: two at a time.
LABS = (
    live("frr-modules", "tests/integration/frr"),
    live("agent", "tests/integration/agent"),
    live("underlay", "tests/integration/underlay"),
    live("host-routes", "tests/integration/host_route"),
    live("vxlan", "tests/integration/vxlan"),
    live("wireguard", "tests/integration/wireguard", "-k", "not kernel"),  # the kernel's own: make accept
    live("proxmox", "tests/integration/proxmox"),
    live("edge-links", "tests/integration/edge_links/test_edge_links.py"),
    live("nft-rules", "tests/integration/nft_rules"),
)

# Root: one at a time, since each brings machines of its own up on the same two cores. Ceph and Layer 2 over Layer 3
# join them when their full counts have been seen; until then by make accept.
LIVE = (
    live("twin", f"{TESTS}/twin"),
    live("pvesim", f"{TESTS}/pvesim"),
    *on_twin("demo", SPINE_LEAF, live("fabric", f"{TESTS}/fabric"), Step("oldest-core", OLDEST_CORE, 60)),
    *on_twin("vms", VMS, live("guests", f"{TESTS}/guests"), once=True),
    *on_twin(
        "overlay",
        DATACENTERS,
        live("overlay", *(f"{TESTS}/overlay/test_{name}.py" for name in ("servers", "switch_over", "losses"))),
        once=True,
    ),
    *on_twin("home", HOME, live("wireguard-home", f"{TESTS}/wireguard_home/test_traffic.py"), once=True),
    Step("foreign-project", ("scripts/foreign_project.sh",)),
    Step("importer", ("scripts/importer.sh",)),
    Step("molecule", ("scripts/molecule.sh",), 60),
)

# Two at a time: neither brings more than a handful of FRR daemons up.
ACCEPT_PARALLEL = {
    "spine": tuple(
        Step(
            f"frr-{release}",
            (*PYTEST, f"{TESTS}/frr", "-k", release),
            60,
            (("FABRIC_ACCEPT", "1"), ("FABRIC_PAIRS", "300"), ("FABRIC_RESULTS", f"results/{release}")),
        )
        for release in ("trixie", "bookworm")
    )
}


def all_on(name: str, file: str, *tests: str) -> tuple[Step, ...]:
    """Each of the tests by itself, at full count, on the twin of a file."""
    steps = []
    for test in tests:
        what = test.rpartition("/")[2].removeprefix("test_").removesuffix(".py")
        steps.append(full(f"{name}-{what}", f"{TESTS}/{test}", FABRIC_TWIN_FILE=file))
    return on_twin(name, file, *steps)


def tests_of(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/test_{name}.py" for name in names)


ACCEPT = {
    "spine": (
        full("underlay", f"{TESTS}/underlay"),
        full("twin", f"{TESTS}/twin"),
        *on_twin("demo", SPINE_LEAF, full("fabric", f"{TESTS}/fabric")),
    ),
    "guests": (
        *(full(name, f"{TESTS}/{name}") for name in ("host_route", "agent", "pvesim", "proxmox")),
        *on_twin(
            "vms",
            VMS,
            *(
                full(f"guests-{what}", f"{TESTS}/guests/test_{what}.py")
                for what in ("cluster", "faults", "bridge", "attacker", "scale", "events", "migration", "sequences")
            ),
        ),
    ),
    "evpn": (
        full("vxlan-bridge", *(f"{TESTS}/vxlan/test_{name}.py" for name in ("vxlan_bridge", "networkd"))),
        full("vxlan-evpn", f"{TESTS}/vxlan/test_evpn.py"),
        full(
            "vxlan-kernel",
            *(f"{TESTS}/vxlan/test_with_kernel_{name}.py" for name in KERNEL_VXLAN),
        ),
        *all_on("overlay-1", DATACENTERS, *tests_of("overlay", "faults", "servers", "switch_over", "losses", "vrrp")),
        *all_on(
            "overlay-2",
            "examples/two-datacenters/with-default-route.fabric.yml",
            *tests_of("overlay", "with_default_route", "losses"),
        ),
        *all_on("overlay-3", "examples/proxmox-evpn/fabric.yml", *tests_of("overlay", "proxmox")),
    ),
    "wireguard": (
        full("wireguard", f"{TESTS}/wireguard"),
        *all_on("home-1", HOME, "wireguard_home"),
        *all_on("home-2", "examples/wireguard-home/with-bgp.fabric.yml", "wireguard_home"),
    ),
    "ceph": all_on("ceph", CEPH, "ceph"),
    "l2-over-l3": (
        full("edge-links", f"{TESTS}/edge_links"),
        full("interop", f"{TESTS}/interop"),
        *all_on("devices-changes", DEVICES, "l2l3_changes"),
        *(
            step
            for name in ("fabric", "wireguard.fabric", "ssh.fabric", "direct.fabric")
            for step in all_on(f"devices-{name}", f"examples/l2-over-l3/{name}.yml", "l2l3")
        ),
    ),
}
