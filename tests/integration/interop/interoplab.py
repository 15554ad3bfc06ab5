# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge routers of one subnet: two as the plan has them, and three that run GoBGP or BIRD and are configured here."""

from __future__ import annotations

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import speakers
from frrlab import CALL, CHECKOUT, HEAD, LabError, Node, link, rootfs, until
from speakers import EDGES, INSTALLING

FILE = Path(__file__).with_name("fabric.yml")
SUBNET = re.compile(r"(20\.0\.0\.|2001:db8:20:)")


def planned() -> dict[str, dict[str, Any]]:
    """Node to what the plan says of it."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
    done = subprocess.run(
        ["ansible-inventory", "-i", str(FILE), "--list"],
        cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    variables = json.loads(done.stdout)["_meta"]["hostvars"]
    return {host: values["fabric_node"] for host, values in variables.items() if "fabric_node" in values}


def call(node: Node, module: str, options: dict[str, Any]) -> dict[str, Any]:
    """One run of a module in a node, which has to succeed."""
    program = CALL.replace("modules.frr_bgp", f"modules.{module}").replace("{hook}", "")
    environment = ("PYTHONPATH=/tmp/collections:/tmp/ansible", "PYTHONDONTWRITEBYTECODE=1")
    done = subprocess.run(
        node.argv("env", *environment, "python3", "-c", program),
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_tmpdir": "/run"}}),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except ValueError as exc:
        raise LabError(f"{module} gave no JSON: {done.stdout}\n{done.stderr}") from exc
    if result.get("failed"):
        raise LabError(f"{node.name}: {module}: {result['msg']}")
    return result


class Lab:
    """core1; vrouter1 and vrouter2 by the plan; speaker (GoBGP), gobgp (GoBGP and zebra), bird; node1 to node4."""

    def __init__(self) -> None:
        self.devices = _devices()
        self.plan = {name: node for name, node in planned().items() if name not in self.devices}
        self.nodes: dict[str, Node] = {}
        try:
            for name in (*self.plan, *self.devices):  # not by threads: a node ends with the one that made it
                self._node(name)
            self._wire()
            with ThreadPoolExecutor(max_workers=4) as pool:
                starts = (self._frr, self._edge, self._edge, self._by_hand, self._by_hand, self._by_hand)
                names = ("core1", "vrouter1", "vrouter2", "speaker", "gobgp", "bird")
                list(pool.map(lambda start, name: start(name), starts, names))
        except BaseException:
            self.stop()
            raise

    def _node(self, name: str) -> None:
        release = self.plan[name]["release"] if name not in self.devices else "trixie"
        self.nodes[name] = Node(name, f"{release}-edge", "datacenter")

    def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()

    def loopbacks(self, name: str) -> list[str]:
        loopback = self.plan[name]["loopback"]
        return [loopback["ipv4"], loopback["ipv6"]]

    def _wire(self) -> None:
        for node in self.nodes.values():
            node.run("for f in all default; do echo 0 > /proc/sys/net/ipv6/conf/$f/accept_ra; done")
        core = self.nodes["core1"]
        for interface in self.plan["core1"]["underlay"]["interfaces"]:
            link(core, interface["name"], self.nodes[interface["peer_node"]], interface["peer_interface"])
            core.run(f"ip link set dev {interface['name']} mtu 1600")
            self.nodes[interface["peer_node"]].run(f"ip link set dev {interface['peer_interface']} mtu 1600")
        for name, device in self.devices.items():
            edge, port = device["at"].split(":")
            link(self.nodes[edge], port, self.nodes[name], "eth0")
            self.nodes[name].run(f"ip link set dev eth0 down; ip link set dev eth0 address {device['mac']} up")
            for address, length in zip(device["addresses"], (24, 64), strict=True):
                self.nodes[name].run(f"ip addr add {address}/{length} dev eth0")
        for name in self.plan:
            for address in self.loopbacks(name):
                self.nodes[name].run(f"ip addr add {address} dev lo")

    def _frr(self, name: str) -> None:
        node = self.nodes[name]
        node.start_frr(HEAD.format(profile="datacenter", name=name))
        planned_frr = self.plan[name]["frr"]
        result = node.module(
            {"config": planned_frr["config"], "name_prefix": planned_frr["name_prefix"], "state": "replaced"}
        )
        if result.get("failed"):
            raise LabError(f"{name}: {result['msg']}")

    def _edge(self, name: str) -> None:
        """What role subnet_extension does, and role frr."""
        extension = self.plan[name]["extension"]
        call(self.nodes[name], "edge_links", {**extension["links"], "persist": False})
        call(self.nodes[name], "host_route", {**extension["routes"], "persist": False})
        self._frr(name)

    def _by_hand(self, name: str) -> None:
        """Tunnels, ports and the device's routes of an edge that nobody manages."""
        node, own = self.nodes[name], self.plan[name]["id"]
        for other in EDGES:
            if other != own:
                low, high = sorted((own, other))
                device = f"ex-vx{other}"
                node.run(
                    f"ip link add {device} type vxlan id {low * 4096 + high} dstport 4788 nolearning "
                    f"local 10.255.0.{own} remote 10.255.0.{other}; "
                    f"ip link set dev {device} mtu 1550 addrgenmode none address 02:fc:00:00:00:{own:02x} up; "
                    f"ip addr add fe80::{own:x}/64 dev {device} nodad; "
                    f"ip neigh replace fe80::{other:x} lladdr 02:fc:00:00:00:{other:02x} dev {device} nud permanent"
                )
                if name == "gobgp":
                    node.run(
                        f"ip addr add 10.255.0.{own} peer 169.254.20.{other}/32 dev {device}; "
                        f"ip addr add fd00:20::{own:x} peer fd00:20::{other:x}/128 dev {device} nodad; "
                        + "".join(
                            f"ip neigh replace {there} lladdr 02:fc:00:00:00:{other:02x} dev {device} nud permanent; "
                            for there in (f"169.254.20.{other}", f"fd00:20::{other:x}")
                        )
                    )
        for device in self.devices.values():
            edge, port = device["at"].split(":")
            if edge == name:
                node.run(f"echo 1 > /proc/sys/net/ipv4/conf/{port}/proxy_arp")
                for family in ("ipv4", "ipv6"):
                    node.run(f"echo 0 > /proc/sys/net/{family}/neigh/{port}/proxy_delay")
                node.run(f"echo 1 > /proc/sys/net/ipv6/conf/{port}/proxy_ndp")
                for address in device["addresses"]:
                    node.run(f"ip route add {address} dev {port}")
                for other in self.devices.values():
                    if other is not device:
                        node.run(f"ip neigh add proxy {other['addresses'][1]} dev {port}")
        if name == "bird":
            self.start_bird()
        else:
            self._zebra(name)
            self.start_gobgp(name)

    def _zebra(self, name: str) -> None:
        """FRR without BGP: router advertisements, by which FRR's other end finds a session without addresses."""
        node = self.nodes[name]
        interfaces = ["eth1", *(f"ex-vx{other}" for other in EDGES if other != self.plan[name]["id"])]
        text = "".join(
            f"interface {i}\n no ipv6 nd suppress-ra\n ipv6 nd ra-interval 10\n ipv6 nd ra-lifetime 0\nexit\n"
            for i in interfaces
        )
        node.write("/etc/frr/frr.conf", HEAD.format(profile="datacenter", name=name) + text)
        node.write("/etc/frr/vtysh.conf", "service integrated-vtysh-config\n")
        daemons = [*(["mgmtd"] if node.new_style else []), "zebra", "staticd"]
        common = "-d -F datacenter -A 127.0.0.1 --log file:/var/log/frr.log"
        node.run(" && ".join(f"/usr/lib/frr/{d} {common} >/dev/null 2>&1" for d in daemons) + " && vtysh -b")
        node.run(f"ip addr add fe80::{self.plan[name]['id']:x}/64 dev eth1 nodad")
        # its way to the other edges' loopbacks
        node.run("ping -c 1 -W 5 ff02::1%eth1 >/dev/null")
        gateway = until(
            f"{name} hears the core",
            lambda: node.run("ip -6 neigh show dev eth1 | awk '/^fe80/ {print $1; exit}'").strip(),
        )
        node.run(
            f"ip route add 10.255.0.0/24 src 10.255.0.{self.plan[name]['id']} via inet6 {gateway} dev eth1; "
            f"ip -6 route add 2001:db8:100::/64 via {gateway} dev eth1"
        )

    def start_gobgp(self, name: str) -> None:
        node, own = self.nodes[name], self.plan[name]["id"]
        text = speakers.gobgp(own, zebra=name == "gobgp")
        node.write("/tmp/gobgpd.conf", text, "root:root", "0644")
        place = rootfs("trixie-edge") / "usr/bin/gobgpd"
        subprocess.run(
            node.argv("sh", "-c", "cat > /tmp/gobgpd && chmod 755 /tmp/gobgpd"), input=place.read_bytes(), check=True
        )
        node.run("/tmp/gobgpd -f /tmp/gobgpd.conf -l debug >/tmp/gobgpd.log 2>&1 & echo $! >/tmp/gobgpd.pid")
        until(f"GoBGP of {name} answers", lambda: node.run("gobgp global", check=False), 20)
        for address in self.loopbacks(name):
            self.publish(name, address)

    def publish(self, name: str, prefix: str) -> None:
        self.nodes[name].run(f"gobgp global rib add -a {'ipv6' if ':' in prefix else 'ipv4'} {prefix}")

    def withdraw(self, name: str, prefix: str) -> None:
        self.nodes[name].run(f"gobgp global rib del -a {'ipv6' if ':' in prefix else 'ipv4'} {prefix}")

    def start_bird(self) -> None:
        node = self.nodes["bird"]
        core = until("the core's address", lambda: self.nodes["core1"].run(
            "ip -6 -o addr show dev eth5 scope link | awk '{print $4}'").strip().partition("/")[0])  # fmt: skip
        node.write("/tmp/bird.conf", speakers.bird(15, core), "root:root", "0644")
        node.run("bird -c /tmp/bird.conf -s /run/bird.ctl -P /run/bird.pid")

    # what is seen

    def kernel(self, name: str) -> set[str]:
        """Devices that a node's kernel has a route to, those of others."""
        found = set()
        for family in ("-4", "-6"):
            for route in json.loads(self.nodes[name].run(f"ip -j {family} route show")):
                if SUBNET.match(route["dst"]) and route.get("dev", "").startswith("ex-vx"):
                    found.add(route["dst"])
        return found

    def paths(self, name: str) -> dict[str, int]:
        """Devices that a node's BGP knows, and the number of paths to each."""
        node = self.nodes[name]
        found: dict[str, int] = {}
        if name in ("speaker", "gobgp"):
            for family in ("ipv4", "ipv6"):
                for prefix, paths in json.loads(node.run(f"gobgp global rib -j -a {family}")).items():
                    found[prefix.partition("/")[0]] = len(paths)
        elif name == "bird":
            current = ""
            for line in node.run("birdc -s /run/bird.ctl -r show route").splitlines():
                if match := re.match(r"([0-9a-f.:]+)/\d+ +(?=unicast)|( +)(?=unicast)", line):
                    current = match[1] or current
                    found[current] = found.get(current, 0) + 1
        else:
            for family in ("ipv4", "ipv6"):
                for prefix, paths in node.show(f"show bgp {family} unicast")["routes"].items():
                    found[prefix.partition("/")[0]] = len(paths)
        return {address: count for address, count in found.items() if SUBNET.match(address)}

    def addresses(self, *without: str) -> set[str]:
        """Of the declared devices."""
        return {a for name, d in self.devices.items() if name not in without for a in d["addresses"]}

    def own(self, name: str) -> set[str]:
        """Of the devices at an edge."""
        return {a for d in self.devices.values() if d["at"].startswith(f"{name}:") for a in d["addresses"]}

    def settled(self, deadline_s: float = 60) -> None:
        """Every edge has all devices, and nothing else of the subnet."""
        everything = self.addresses()
        for name in EDGES.values():
            until(f"{name} knows {everything}", lambda n=name: set(self.paths(n)) == everything, deadline_s)
        for name in INSTALLING:
            wanted = everything - self.own(name)
            until(f"the kernel of {name} has them", lambda n=name, w=wanted: self.kernel(n) == w, deadline_s)

    def watch(self) -> None:
        """From now on each edge's kernel says when a route changes."""
        for name in INSTALLING:
            self.nodes[name].run(
                "kill $(cat /run/monitor.pid 2>/dev/null) 2>/dev/null;"
                "ip -ts monitor route >/run/monitor.log 2>&1 & echo $! >/run/monitor.pid"
            )
            until(f"{name} is watched", lambda n=name: self.nodes[n].run("pgrep -f 'ip -ts monitor' || true"), 5)

    def gone(self, name: str, address: str, since: float) -> float | None:
        """Seconds from a moment until a node's kernel lost a route; None while it has not."""
        pattern = rf"^\[([^\]]+)\] ?Deleted {re.escape(address)} "
        found = re.findall(pattern, self.nodes[name].run("cat /run/monitor.log"), re.MULTILINE)
        return datetime.fromisoformat(found[-1]).timestamp() - since if found else None


def _devices() -> dict[str, dict[str, Any]]:
    import yaml

    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return dict(data["subnet_extensions"]["lan"]["devices"])
