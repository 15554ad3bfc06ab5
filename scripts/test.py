#!/usr/bin/env python3
"""Run a tier of the tests and say, in the end, what passed and how long each part took.

    test.py check          no root; quick
    test.py test           everything, fixed seeds, small counts; root
    test.py accept PART    the full counts of one part; resumable

A step is a command: it passed when its exit status is 0. Its whole output is kept in build/test/STEP.log; a failed
step's last lines are printed. There is no way for a step to be skipped: what cannot run has failed.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"
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


# No root. Two of them at a time.
CHECK = (
    Step("sanity", ("scripts/sanity.sh",)),
    Step("unit", (*PYTEST, "tests/unit")),
    Step("ansible-lint", ("ansible-lint", "--offline", "-q")),
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
    live("wireguard", "tests/integration/wireguard"),
    live("proxmox", "tests/integration/proxmox"),
    live("edge-links", "tests/integration/edge_links"),
)

# Root: one at a time, since each brings machines of its own up on the same two cores.
LIVE = (
    live("twin", "tests/integration/twin"),
    live("pvesim", "tests/integration/pvesim"),
    Step("demo", ("python", "scripts/twin.py", "up", "--fabric", "examples/spine-leaf/fabric.yml"), 60),
    live("fabric", "tests/integration/fabric"),
    Step("oldest-core", ("scripts/oldest_core.sh",), 60),
    Step("demo-down", ("python", "scripts/twin.py", "down", "--fabric", "examples/spine-leaf/fabric.yml")),
    Step("vms", ("python", "scripts/twin.py", "up", "--fabric", "examples/routed-vms/fabric.yml"), 60),
    live("guests", "tests/integration/guests"),
    Step("vms-down", ("python", "scripts/twin.py", "down", "--fabric", "examples/routed-vms/fabric.yml")),
    Step("devices-up", ("python", "scripts/twin.py", "up", "--fabric", "examples/l2-over-l3/fabric.yml"), 60),
    live("devices", "tests/integration/l2l3", "-k", "not second_run and not learned and not allowed"),
    Step("devices-down", ("python", "scripts/twin.py", "down", "--fabric", "examples/l2-over-l3/fabric.yml")),
    Step("foreign-project", ("scripts/foreign_project.sh",)),
    Step("importer", ("scripts/importer.sh",)),
    Step("molecule", ("scripts/molecule.sh",), 60),
)

# Two at a time: neither brings more than a handful of FRR daemons up.
ACCEPT_PARALLEL = {
    "spine": tuple(
        Step(
            f"frr-{release}",
            (*PYTEST, "tests/integration/frr", "-k", release),
            60,
            (("FABRIC_ACCEPT", "1"), ("FABRIC_PAIRS", "300"), ("FABRIC_RESULTS", f"results/{release}")),
        )
        for release in ("trixie", "bookworm")
    )
}
GUESTS = ("bridge", "attacker", "scale", "events", "migration", "sequences")
EVPN = (
    "examples/two-datacenters/fabric.yml",
    "examples/two-datacenters/with-default-route.fabric.yml",
    "examples/proxmox-evpn/fabric.yml",
)
DEVICES = ("fabric", "wireguard.fabric", "ssh.fabric", "direct.fabric")
ACCEPT = {
    "l2-over-l3": (
        live("edge-links", "tests/integration/edge_links", FABRIC_ACCEPT="1"),
        *(
            step
            for name in DEVICES
            for file in [f"examples/l2-over-l3/{name}.yml"]
            for step in (
                Step(f"devices-{name}-up", ("python", "scripts/twin.py", "up", "--fabric", file), 60),
                live(f"devices-{name}", "tests/integration/l2l3", FABRIC_ACCEPT="1", FABRIC_TWIN_FILE=file),
                Step(f"devices-{name}-down", ("python", "scripts/twin.py", "down", "--fabric", file)),
            )
        ),
    ),
    "wireguard": (live("wireguard", "tests/integration/wireguard", FABRIC_ACCEPT="1"),),
    "evpn": (
        live("vxlan", "tests/integration/vxlan", FABRIC_ACCEPT="1"),
        *(
            step
            for number, file in enumerate(EVPN, start=1)
            for step in (
                Step(f"overlay-{number}-up", ("python", "scripts/twin.py", "up", "--fabric", file), 60),
                live(f"overlay-{number}", "tests/integration/overlay", FABRIC_ACCEPT="1", FABRIC_TWIN_FILE=file),
                Step(f"overlay-{number}-down", ("python", "scripts/twin.py", "down", "--fabric", file)),
            )
        ),
    ),
    "spine": (
        live("underlay", "tests/integration/underlay", FABRIC_ACCEPT="1"),
        live("twin", "tests/integration/twin", FABRIC_ACCEPT="1"),
        Step("demo", ("python", "scripts/twin.py", "up", "--fabric", "examples/spine-leaf/fabric.yml"), 60),
        live("fabric", "tests/integration/fabric", FABRIC_ACCEPT="1"),
        Step("demo-down", ("python", "scripts/twin.py", "down", "--fabric", "examples/spine-leaf/fabric.yml")),
    ),
    "guests": (
        live("host-routes", "tests/integration/host_route", FABRIC_ACCEPT="1"),
        live("agent", "tests/integration/agent", FABRIC_ACCEPT="1"),
        live("pvesim", "tests/integration/pvesim", FABRIC_ACCEPT="1"),
        live("proxmox", "tests/integration/proxmox", FABRIC_ACCEPT="1"),
        Step("vms", ("python", "scripts/twin.py", "up", "--fabric", "examples/routed-vms/fabric.yml"), 60),
        *(live(f"guests-{what}", f"tests/integration/guests/test_{what}.py", FABRIC_ACCEPT="1") for what in GUESTS),
        Step("vms-down", ("python", "scripts/twin.py", "down", "--fabric", "examples/routed-vms/fabric.yml")),
    ),
}


def run(step: Step) -> tuple[Step, int, float]:
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{step.name}.log"
    begun = time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        status = subprocess.run(
            step.command,
            cwd=ROOT,
            env={**os.environ, **dict(step.environment)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    seconds = time.monotonic() - begun
    print(f"  {'passed' if status == 0 else 'FAILED'}  {seconds:7.1f} s  {step.name}", flush=True)
    if status != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        print("\n".join(f"      {line}" for line in lines[-step.tail :]))
        print(f"      the whole of it: {log.relative_to(ROOT)}", flush=True)
    return step, status, seconds


def run_all(steps: Sequence[Step], at_once: int) -> list[tuple[Step, int, float]]:
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return list(pool.map(run, steps))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tier", choices=("check", "test", "accept"))
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--only", help="run the steps of the tier with these names, comma separated")
    arguments = parser.parse_args()
    if arguments.tier == "accept" and arguments.part not in ACCEPT:
        parser.error(f"PART is one of {', '.join(sorted(ACCEPT))}, not {arguments.part!r}")
    parallel: Sequence[Step] = ACCEPT_PARALLEL.get(arguments.part, ()) if arguments.tier == "accept" else CHECK
    if arguments.tier == "test":
        parallel = (*CHECK, *LABS)
    serial: Sequence[Step] = {"check": (), "test": LIVE}.get(arguments.tier) or ACCEPT.get(arguments.part, ())
    if arguments.only:
        names = set(arguments.only.split(","))
        parallel = [step for step in parallel if step.name in names]
        serial = [step for step in serial if step.name in names]
    begun = time.monotonic()
    print(f"{arguments.tier} {arguments.part}".strip() + f": {len(parallel) + len(serial)} steps", flush=True)
    results = run_all(parallel, 2) + run_all(serial, 1)
    failed = [step.name for step, status, _ in results if status != 0]
    if arguments.tier == "accept":
        subprocess.run((sys.executable, "scripts/measurements.py"), cwd=ROOT, check=True)
    print(f"\n{time.monotonic() - begun:.0f} s" + (f"; failed: {', '.join(failed)}" if failed else ""))
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
