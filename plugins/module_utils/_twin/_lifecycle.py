# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: brings a twin from what it is to what it shall be, and takes it away."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import _faults, _links, _state
from ._faults import Fault
from ._names import TwinError, container_name, hold_netns_name, netns_name, shared_directory
from ._podman import Podman, drop_namespace, enter, wait_until
from ._wanted import Container, Steps, Twin, foreign, steps

PARALLEL = 4
STOP_TIMEOUT_S = 15
SETTLED = ("configured", "created", "exited", "running", "stopped")
SYSTEM_STATES = ("running", "degraded")
"""What systemd calls itself when it has nothing left to start."""


class Lifecycle:
    """One twin on this machine. `present` and `absent` return plain data; check mode only computes it."""

    def __init__(self, fabric: str, podman: Podman, check: bool = False) -> None:
        self.fabric = fabric
        self.podman = podman
        self.check = check

    def present(
        self, twin: Twin, reboot: Iterable[str] = (), timeout_s: float = 120, keep_builds: bool = False
    ) -> dict[str, Any]:
        everything = self.podman.containers()
        errors = foreign(self.fabric, twin.nodes, everything)
        if errors:
            raise TwinError("; ".join(errors))
        got = self._containers(everything)
        image_ids = self._image_ids(twin)
        todo = steps(twin, got, image_ids, list(reboot), self.podman.host.container_options, keep_builds=keep_builds)
        before = self._describe(twin, got)
        changes = self._link_changes(twin, got)
        wrong = self._faults(twin, {name: entry.pid for name, entry in got.items() if entry.running})
        changed = bool(any(vars(todo).values()) or changes or wrong != twin.faults)
        result: dict[str, Any] = {"changed": changed, "before": before, "steps": vars(todo)}
        if self.check:
            result["after"] = self._describe_wanted(twin)
            return result
        self._remember(twin, wrong)
        result["limits"] = _state.raise_limits()
        if any(node.shared for node in twin.nodes.values()):
            shared_directory(self.fabric).mkdir(parents=True, exist_ok=True)
        if any(vars(todo).values()) or changes:
            self._change(twin, got, todo)
        got = self._containers(self.podman.containers())
        running = {name: entry.pid for name, entry in got.items() if entry.running}
        for name, pid in running.items():
            _state.write_pid(container_name(self.fabric, name), pid)
        self._wait(running, timeout_s)
        wrong = self._faults(twin, running)
        _faults.apply(self.podman, running, wrong, set(twin.faults), self.fabric)
        self._remember(twin, set(twin.faults))
        result["after"] = self._describe(twin, got)
        result["nodes"] = [self._node(name, running.get(name)) for name in sorted(twin.nodes)]
        return result

    def absent(self) -> dict[str, Any]:
        """Take away containers, namespaces (and with them links), files; with the last twin also what was raised."""
        got = self._containers(self.podman.containers(f"label=fabric={self.fabric}"))
        known = _state.load(self.fabric)
        nodes = set(got) | set((known or {}).get("nodes", {}))
        namespaces = _links.existing_netns(self.podman, nodes, self.fabric)
        before = {"nodes": {name: "on" if entry.running else "off" for name, entry in sorted(got.items())}}
        changed = bool(got or namespaces or known)
        result: dict[str, Any] = {"changed": changed, "before": before, "after": {"nodes": {}}, "nodes": []}
        if self.check:
            return result
        if got:
            self.podman.run("rm", "--force", "--time=0", *(entry.identifier for entry in got.values()))
        for netns in sorted(namespaces):
            self.podman.beside("ip", "netns", "delete", netns)
        for name in nodes:
            _state.forget_pid(container_name(self.fabric, name))
        shutil.rmtree(shared_directory(self.fabric), ignore_errors=True)
        _state.forget(self.fabric)
        result["limits"], result["warnings"] = _state.restore_limits()
        if self.podman.host.private_mounts and not _state.standing() and not self.podman.containers():
            drop_namespace()
        return result

    def _containers(self, entries: list[dict[str, Any]]) -> dict[str, Container]:
        found = {}
        for entry in entries:
            labels = entry.get("Labels") or {}
            if labels.get("fabric") == self.fabric and "fabric.node" in labels:
                running = entry["State"] == "running"
                found[labels["fabric.node"]] = Container(
                    entry["Id"],
                    running,
                    entry["Pid"] if running else 0,
                    entry["ImageID"],
                    labels.get("fabric.specification", ""),
                    entry["State"] in SETTLED,
                )
        return found

    def _image_ids(self, twin: Twin) -> dict[str, str]:
        found = {}
        for image in sorted({node.image for node in twin.nodes.values()}):
            identifier = self.podman.image_id(image)
            if identifier is None:
                raise TwinError(
                    f"No image {image} on this machine: scripts/twin_image.sh builds localhost/fabric-twin:<release>."
                )
            found[image] = identifier
        return found

    def _powered(self, got: dict[str, Container]) -> set[str]:
        return {name for name, entry in got.items() if entry.running}

    def _link_changes(self, twin: Twin, got: dict[str, Container]) -> _links.Changes:
        """What differs in the links, seen from the power that the nodes have now."""
        found, strays = _links.read(self.podman, self.fabric, set(twin.nodes) | set(got))
        return _links.difference(self.fabric, found, strays, twin.links, self._powered(got))

    def _change(self, twin: Twin, got: dict[str, Container], todo: Steps) -> None:
        """Power off, cable, power on: links are complete before any init runs."""
        names = set(twin.nodes) | set(got)
        self._settle({name for name in todo.start if not got[name].settled})
        dark = sorted({*todo.cycle, *todo.stop, *(name for name in todo.remove if got[name].running)})
        if dark:
            self._parallel(lambda name: self._stop(got[name].identifier), dark)
        if todo.remove:
            self.podman.run("rm", "--force", "--time=0", *(got[name].identifier for name in todo.remove))
            for name in todo.remove:
                _state.forget_pid(container_name(self.fabric, name))
        staying = self._powered(got) - set(dark)
        self._ensure_netns(hold_netns_name(self.fabric))
        # A running container whose name for its namespace was taken away keeps the namespace itself.
        for name in sorted(staying):
            if netns_name(self.fabric, name) not in _links.existing_netns(self.podman, [name], self.fabric):
                self.podman.beside("ip", "netns", "attach", netns_name(self.fabric, name), str(got[name].pid))
        self._cable(twin, names, staying, create=False)
        for netns in sorted(
            _links.existing_netns(self.podman, names - staying, self.fabric) - {hold_netns_name(self.fabric)}
        ):
            self.podman.beside("ip", "netns", "delete", netns)
        lit = sorted(name for name in {*todo.create, *todo.start, *todo.cycle} if twin.nodes[name].powered)
        for name in {*lit, *todo.create}:
            self._ensure_netns(netns_name(self.fabric, name))
        for name in todo.create:
            self._create(twin, name)
        self._cable(twin, names, staying | set(lit), create=True)
        if lit:
            self._parallel(lambda name: self.podman.run("start", container_name(self.fabric, name)), lit)

    def _cable(self, twin: Twin, names: set[str], powered: set[str], create: bool) -> None:
        found, strays = _links.read(self.podman, self.fabric, names)
        changes = _links.difference(self.fabric, found, strays, twin.links, powered)
        _links.apply(self.podman, self.fabric, changes if create else _links.Changes(changes.delete, changes.move))

    def _create(self, twin: Twin, name: str) -> None:
        node = twin.nodes[name]
        self.podman.run(
            "create",
            f"--name={container_name(self.fabric, name)}",
            f"--hostname={node.hostname}",
            f"--label=fabric={self.fabric}",
            f"--label=fabric.node={name}",
            f"--label=fabric.specification={node.specification(self.podman.host.container_options)}",
            f"--network=ns:/run/netns/{netns_name(self.fabric, name)}",
            "--privileged",
            "--systemd=always",
            "--no-hosts",
            "--pull=never",
            "--log-driver=k8s-file",
            "--log-opt=max-size=1m",
            *((f"--volume={shared_directory(self.fabric)}:{node.shared}",) if node.shared else ()),
            *self.podman.host.container_options,
            node.image,
        )

    def _settle(self, names: set[str]) -> None:
        """End what was left between running and stopped; podman starts nothing that is in between."""
        for name in names:
            self.podman.try_beside(*self.podman.podman("kill", "--signal=KILL", container_name(self.fabric, name)))

        def missing() -> str:
            got = self._containers(self.podman.containers(f"label=fabric={self.fabric}"))
            return ", ".join(sorted(name for name in names if name in got and not got[name].settled))

        if names:
            wait_until(
                missing, STOP_TIMEOUT_S, f"The end of containers of the twin '{self.fabric}' that were being stopped"
            )

    def _stop(self, identifier: str) -> None:
        self.podman.run("stop", f"--time={STOP_TIMEOUT_S}", identifier)

    def _ensure_netns(self, netns: str) -> None:
        code, words = self.podman.try_beside("ip", "netns", "add", netns)
        if code != 0 and "File exists" not in words:
            raise TwinError(f"`ip netns add {netns}` failed: {words.strip()}")

    def _parallel(self, work: Any, names: list[str]) -> None:
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(work, names))

    def _wait(self, running: dict[str, int], timeout_s: float) -> None:
        def missing() -> str:
            states = {name: self._system(pid) for name, pid in sorted(running.items())}
            return ", ".join(f"{name} is '{state}'" for name, state in states.items() if state not in SYSTEM_STATES)

        wait_until(missing, timeout_s, f"The start of all systems of the twin '{self.fabric}'")

    def _system(self, pid: int) -> str:
        code, text = self.podman.try_beside(*enter(pid), "systemctl", "is-system-running")
        if code == 0:
            return text.strip()
        # systemctl says `degraded` or `starting` on stdout, with a code that is not 0.
        words = self.podman.beside(*enter(pid), "systemctl", "is-system-running", check=False).strip()
        return words or "not answering"

    def _node(self, name: str, pid: int | None) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": name, "container": container_name(self.fabric, name), "pid": pid}
        if pid:
            entry["system"] = self._system(pid)
            listed = self.podman.beside(*enter(pid), "systemctl", "--failed", "--plain", "--no-legend", check=False)
            entry["failed_units"] = [line.split()[0] for line in listed.splitlines() if line.strip()]
        return entry

    def _faults(self, twin: Twin, running: dict[str, int]) -> set[Fault]:
        state = _state.load(self.fabric) or {}
        recorded = [(fault[0], fault[1], fault[2]) for fault in state.get("faults", [])]
        return _faults.read(
            self.podman, {name: pid for name, pid in running.items() if name in twin.nodes}, recorded, self.fabric
        )

    def _remember(self, twin: Twin, faults: set[Fault]) -> None:
        _state.save(
            self.fabric,
            {
                "nodes": {
                    node.name: {
                        "name": node.name,
                        "image": node.image,
                        "hostname": node.hostname,
                        "powered": node.powered,
                        "shared": node.shared,
                    }
                    for node in twin.nodes.values()
                },
                "links": [
                    {"a": {"node": a[0], "interface": a[1]}, "b": {"node": b[0], "interface": b[1]}, "mtu": mtu}
                    for (a, b), mtu in sorted((tuple(sorted(link)), mtu) for link, mtu in twin.links.items())
                ],
                "faults": sorted(faults),
            },
        )

    def _describe(self, twin: Twin, got: dict[str, Container]) -> dict[str, Any]:
        """What is there, as the diff shows it."""
        changes = self._link_changes(twin, got)
        missing = {frozenset((a, b)) for a, _pa, b, _pb, _mtu in changes.create}
        running = {name: entry.pid for name, entry in got.items() if entry.running}
        return {
            "nodes": {name: "on" if entry.running else "off" for name, entry in sorted(got.items())},
            "links": sorted(_links.as_text(link) for link in twin.links if link not in missing),
            "faults": [f"{node}:{interface} {kind}" for node, interface, kind in sorted(self._faults(twin, running))],
        }

    def _describe_wanted(self, twin: Twin) -> dict[str, Any]:
        return {
            "nodes": {name: "on" if node.powered else "off" for name, node in sorted(twin.nodes.items())},
            "links": sorted(_links.as_text(link) for link in twin.links),
            "faults": [f"{node}:{interface} {kind}" for node, interface, kind in sorted(twin.faults)],
        }
