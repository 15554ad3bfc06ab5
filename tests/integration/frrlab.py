# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real FRR in bare namespaces: no container engine, no image, a few seconds from nothing to established sessions.

A node is one process tree: its own mount, network, UTS and PID namespace around a read-only root file system, with
tmpfs
where FRR writes. Killing the first process of the PID namespace takes the daemons, the mounts and the links with it,
so a
lab that is torn down leaves nothing, and one that is killed leaves nothing either (`--pdeathsig`, `--kill-child`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
RELEASES = ("trixie", "bookworm")
WRITABLE = ("/etc/frr", "/run", "/tmp", "/var/log", "/var/lib/frr", "/var/tmp", "/root")

# PID 1 of a node reaps what FRR's daemons leave (they daemonise) and waits to be killed.
INIT = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True: signal.pause()"

# What AnsiballZ does, without the zip: hand over the arguments, then run the module as __main__.
CALL = """
import json, runpy, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
if hasattr(basic, "_ANSIBLE_PROFILE"):
    basic._ANSIBLE_PROFILE = "legacy"
{hook}
runpy.run_module("ansible_collections.routed.fabric.plugins.modules.frr_bgp", run_name="__main__", alter_sys=True)
"""


class LabError(Exception):
    """The lab itself is broken; not a finding about what is tested."""


def rootfs(release: str) -> Path:
    """Directory of the root file system of a Debian release ("trixie" or "bookworm"), from the environment."""
    place = os.environ.get(f"FABRIC_ROOTFS_{release}")
    if not place or not Path(place, "usr/lib/frr/bgpd").exists():
        raise LabError(f"FABRIC_ROOTFS_{release} must name a directory with a {release} root file system that has frr")
    return Path(place)


def until(what: str, check: Callable[[], object], deadline_s: float = 30.0, every_s: float = 0.1) -> Any:
    """Poll until `check` gives something true; the error names what was missing."""
    end = time.monotonic() + deadline_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"not within {deadline_s:g} s: {what}")
        time.sleep(every_s)


class Node:
    """One router: namespaces, and FRR's daemons started by hand."""

    def __init__(self, name: str, release: str, profile: str) -> None:
        self.name = name
        self.release = release
        self.profile = profile
        self.root = rootfs(release)
        self.new_style = (self.root / "usr/lib/frr/mgmtd").exists()
        binds = [f"mount --bind {self.root} {self.root}", f"mount -o remount,bind,ro {self.root}"]
        for place in WRITABLE:
            if (self.root / place.lstrip("/")).is_dir():
                binds.append(f"mount -t tmpfs tmpfs {self.root}{place}")
        here = f"{self.root}/tmp/collections/ansible_collections/routed/fabric"
        script = "\n".join(
            [
                "set -e",
                "mount --make-rprivate /",
                *binds,
                f"mkdir -p {here} {self.root}/tmp/ansible/ansible {self.root}/run/frr",
                f"mount --bind {CHECKOUT} {here}",
                f"mount --bind {_ansible_package()} {self.root}/tmp/ansible/ansible",
                f"mount -t proc proc {self.root}/proc",
                f"mount -t sysfs sysfs {self.root}/sys",
                f"mount --bind /dev {self.root}/dev",
                f"chroot {self.root} chown -R frr:frr /run/frr /etc/frr /var/log",
                f"hostname {name}",
                f"exec chroot {self.root} python3 -c {shlex.quote(INIT)}",
            ]
        )
        self.keeper = subprocess.Popen(
            [
                "setpriv",
                "--pdeathsig",
                "KILL",
                "unshare",
                "-m",
                "-n",
                "-u",
                "-p",
                "-f",
                "--kill-child=KILL",
                "sh",
                "-c",
                script,
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.pid = int(until(f"first process of {name}", self._first_pid, 10, 0.02))
        until(f"mounts of {name}", self._mounted, 10, 0.02)
        self.run("ip link set dev lo up")
        for key, value in {
            "net.ipv4.ip_forward": "1",
            "net.ipv6.conf.all.forwarding": "1",
            "net.ipv6.conf.all.accept_dad": "0",
            "net.ipv6.conf.default.accept_dad": "0",
        }.items():
            self.run(f"echo {value} > /proc/sys/{key.replace('.', '/')}")

    def _first_pid(self) -> int | None:
        if self.keeper.poll() is not None:
            assert self.keeper.stderr is not None
            raise LabError(f"{self.name}: {self.keeper.stderr.read().decode()}")
        children = Path(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children").read_text(encoding="ascii").split()
        return int(children[0]) if children else None

    def _mounted(self) -> bool:
        if self.keeper.poll() is not None:
            assert self.keeper.stderr is not None
            raise LabError(f"{self.name}: {self.keeper.stderr.read().decode()}")
        return b"signal.pause" in Path(f"/proc/{self.pid}/cmdline").read_bytes() and not Path(
            f"/proc/{self.pid}/cmdline"
        ).read_bytes().startswith(b"sh\0")

    def argv(self, *command: str) -> list[str]:
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-u", "-p", "-r", "-w", *command]

    def run(self, command: str, check: bool = True, stdin: str | None = None, timeout_s: float = 60) -> str:
        """Run a shell line inside the node; returns stdout."""
        done = subprocess.run(
            self.argv("sh", "-c", command), input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if check and done.returncode != 0:
            raise LabError(f"{self.name}: {command}: rc {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def write(self, path: str, text: str, owner: str = "frr:frr", mode: str = "0640") -> None:
        self.run(f"cat > {path} && chown {owner} {path} && chmod {mode} {path}", stdin=text)

    def start_frr(self, config: str) -> None:
        self.write("/etc/frr/frr.conf", config)
        self.write("/etc/frr/vtysh.conf", "service integrated-vtysh-config\n")
        self.write("/etc/frr/daemons", "bgpd=yes\nbfdd=yes\n")
        common = f"-d -F {self.profile} -A 127.0.0.1 --log file:/var/log/frr.log"
        daemons = [*(["mgmtd"] if self.new_style else []), "zebra", "staticd", "bgpd", "bfdd"]
        # Daemons keep what they inherit: a pipe would never close.
        lines = [f"/usr/lib/frr/{d} {common}{' -s 90000000' if d == 'zebra' else ''} >/dev/null 2>&1" for d in daemons]
        self.run(" && ".join(lines) + " && vtysh -b")

    def stop_frr(self) -> None:
        """Stop the daemons as a shutdown does, and wait until they are gone."""
        self.run("for f in /run/frr/*.pid; do kill $(cat $f); done; true")
        until(
            f"daemons of {self.name} gone",
            lambda: not self.run("pgrep 'mgmtd|zebra|staticd|bgpd|bfdd' || true").strip(),
            20,
        )
        self.run("rm -f /run/frr/*.pid /run/frr/*.vty")

    def restart_frr(self) -> None:
        """Stop and start with the file as it stands, as a reboot would."""
        config = self.run("cat /etc/frr/frr.conf")
        self.stop_frr()
        self.start_frr(config)

    def vtysh(self, *commands: str) -> str:
        return self.run("vtysh " + " ".join("-c " + shlex.quote(c) for c in commands))

    def show(self, command: str) -> Any:
        return json.loads(self.vtysh(f"{command} json") or "{}")

    def running(self) -> str:
        return self.vtysh("show running-config")

    def neighbors(self) -> dict[str, dict[str, Any]]:
        """`show bgp vrf all neighbors json`, keyed by "vrf neighbor"."""
        found: dict[str, dict[str, Any]] = {}
        for vrf, members in self.show("show bgp vrf all neighbors").items():
            if isinstance(members, dict):
                found.update({f"{vrf} {n}": v for n, v in members.items() if isinstance(v, dict) and "bgpState" in v})
        return found

    def module(self, args: Mapping[str, Any], check: bool = False, hook: str = "") -> dict[str, Any]:
        """Call `frr_bgp` inside the node as Ansible does. Returns its JSON result, failed or not.

        hook: Python that runs before the module, in its process.
        """
        environment = ("PYTHONPATH=/tmp/collections:/tmp/ansible", "PYTHONDONTWRITEBYTECODE=1")
        arguments = dict(args, _ansible_check_mode=check, _ansible_diff=True)
        done = subprocess.run(
            self.argv("env", *environment, "python3", "-c", CALL.replace("{hook}", hook)),
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        try:
            result = json.loads(done.stdout)
        except ValueError as exc:
            raise LabError(f"frr_bgp gave no JSON: rc {done.returncode}\n{done.stdout}\n{done.stderr}") from exc
        assert isinstance(result, dict)
        return result

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.keeper.kill()
        self.keeper.wait()
        if self.keeper.stderr:
            self.keeper.stderr.close()


def _ansible_package() -> Path:
    import ansible

    return Path(ansible.__file__).resolve().parent


def link(a: Node, a_interface: str, b: Node, b_interface: str) -> None:
    """A veth between two nodes, both ends up. Made inside a's namespace, so that no name ever exists on the host."""
    subprocess.run(
        ["nsenter", "-t", str(a.pid), "-n", "ip", "link", "add", "dev", a_interface, "type", "veth", "peer", "name",
         b_interface, "netns", str(b.pid)],
        check=True,
    )  # fmt: skip
    a.run(f"ip link set dev {a_interface} up")
    b.run(f"ip link set dev {b_interface} up")


DUT_ASN = 65001  # that of the generated configurations
PEER_ASN = {"p1": 4200000001, "p2": 4200000002, "p3": DUT_ASN}

HEAD = """frr defaults {profile}
hostname {name}
service integrated-vtysh-config
!
"""


class Lab:
    """A device under test and three peers.

    p1: eBGP: unnumbered on `up1`; numbered 10.1.0.0/31 and 2001:db8:1::/127 on `num1`
    p2: eBGP: unnumbered on `up2`; numbered 10.2.0.0/31 and 2001:db8:2::/127 on `num2`, loopback 10.255.0.2 (multihop)
    p3: iBGP: numbered 10.3.0.0/31 and 2001:db8:3::/127 on `num3`, loopbacks 10.255.0.3 and 2001:db8:255::3

    In each pair of addresses the device under test has the odd one. Peers take whatever comes (`bgp listen range`), so
    a
    session comes up for every policy that the device under test is given, unless that policy itself forbids it.
    """

    def __init__(self, release: str, profile: str = "datacenter") -> None:
        self.nodes: dict[str, Node] = {}
        self.release = release
        self.profile = profile
        try:
            for name in ("dut", "p1", "p2", "p3"):
                self.nodes[name] = Node(name, release, profile)
            self._wire()
        except BaseException:
            self.stop()
            raise

    @property
    def dut(self) -> Node:
        return self.nodes["dut"]

    def _wire(self) -> None:
        dut = self.dut
        for number in (1, 2, 3):
            peer = self.nodes[f"p{number}"]
            link(dut, f"up{number}", peer, f"to{number}")
            link(dut, f"num{number}", peer, f"nu{number}")
            addresses = (
                f"ip addr add 10.{number}.0.1/31 dev num{number}; ip addr add 2001:db8:{number}::1/127 dev num{number}"
            )
            dut.run(addresses)
            peer.run(
                f"ip addr add 10.{number}.0.0/31 dev nu{number}; ip addr add 2001:db8:{number}::/127 dev nu{number};"
                f"ip addr add 10.255.0.{number}/32 dev lo; ip addr add 2001:db8:255::{number}/128 dev lo;"
                f"ip route add 10.255.0.9/32 via 10.{number}.0.1;"
                f"ip -6 route add 2001:db8:255::9/128 via 2001:db8:{number}::1"
            )
            dut.run(
                f"ip route add 10.255.0.{number}/32 via 10.{number}.0.0;"
                f"ip -6 route add 2001:db8:255::{number}/128 via 2001:db8:{number}::"
            )
        for number in range(
            3
        ):  # what generated configurations call unnumbered neighbours and next hops; nobody answers
            dut.run(f"ip link add dum{number} type bridge && ip link set dev dum{number} up")
        dut.run("ip addr add 10.255.0.9/32 dev lo; ip addr add 2001:db8:255::9/128 dev lo")
        dut.start_frr(HEAD.format(profile=self.profile, name="dut"))
        for number in (1, 2, 3):
            name = f"p{number}"
            self.nodes[name].start_frr(peer_config(number, self.profile))

    def afresh(self) -> None:
        """Start the device under test anew with nothing configured, whatever is there; the peers stay."""
        self.dut.stop_frr()
        self.dut.start_frr(HEAD.format(profile=self.profile, name="dut"))

    def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()

    def leftovers(self) -> str:
        """Processes of this lab that still run (must be empty after `stop`)."""
        alive = [n.name for n in self.nodes.values() if Path(f"/proc/{n.pid}").exists()]
        return " ".join(alive)


def peer_config(number: int, profile: str) -> str:
    """A peer that accepts whatever the device under test is."""
    name = f"p{number}"
    kind = "internal" if PEER_ASN[name] == DUT_ASN else "external"
    lines = [
        HEAD.format(profile=profile, name=name) + f"router bgp {PEER_ASN[name]}",
        f" bgp router-id 10.255.0.{number}",
        " no bgp ebgp-requires-policy",
        " no bgp network import-check",
        " no bgp default ipv4-unicast",
        " neighbor ALL peer-group",
        f" neighbor ALL remote-as {kind}",
        " neighbor ALL timers 3 9",
        " neighbor ALL timers connect 1",
        " neighbor ALL capability extended-nexthop",
        " neighbor ALL advertisement-interval 0",
    ]
    if kind == "external":
        lines.append(" neighbor ALL ebgp-multihop 255")
    lines += [
        f" neighbor to{number} interface peer-group ALL",
        f" bgp listen range 10.{number}.0.0/31 peer-group ALL",
        " bgp listen range 10.255.0.9/32 peer-group ALL",
        f" bgp listen range 2001:db8:{number}::/127 peer-group ALL",
        " bgp listen range 2001:db8:255::9/128 peer-group ALL",
    ]
    for afi in ("ipv4 unicast", "ipv6 unicast", "l2vpn evpn"):
        lines += [f" address-family {afi}", "  neighbor ALL activate"]
        if afi == "ipv4 unicast":
            lines.append(f"  network 192.0.2.{number}/32")
        if afi == "ipv6 unicast":
            lines.append(f"  network 2001:db8:f::{number}/128")
        lines.append(" exit-address-family")
    lines += ["exit", "bfd"]
    # FRR 10.3 holds a numbered session in Idle until its BFD session is up, and a peer met by `listen range` has none
    # before.
    # So the peers answer BFD on their own, whether or not the device under test uses it.
    for local, remote in (
        (f"10.{number}.0.0", f"10.{number}.0.1"),
        (f"2001:db8:{number}::", f"2001:db8:{number}::1"),
        (f"10.255.0.{number}", "10.255.0.9"),
        (f"2001:db8:255::{number}", "2001:db8:255::9"),
    ):
        lines.append(f" peer {remote} multihop local-address {local}")
        if "255" not in local:
            lines.append(f" peer {remote} local-address {local} interface nu{number}")
    return "\n".join([*lines, "exit", ""])


@contextlib.contextmanager
def lab(release: str, profile: str = "datacenter") -> Iterator[Lab]:
    made = Lab(release, profile)
    try:
        yield made
    finally:
        made.stop()
        until("the lab's processes gone", lambda: not made.leftovers(), 10)


def counters(node: Node) -> dict[str, tuple[int, int]]:
    """(connectionsEstablished, connectionsDropped) of every neighbour; "vrf neighbor" as key."""
    return {
        name: (int(n.get("connectionsEstablished", 0)), int(n.get("connectionsDropped", 0)))
        for name, n in node.neighbors().items()
    }


def established(node: Node) -> set[str]:
    return {name for name, n in node.neighbors().items() if n.get("bgpState") == "Established"}


def version_of(text: str) -> str:
    """ "10.3" from a running configuration."""
    found = re.search(r"^frr version (\d+\.\d+)", text, re.MULTILINE)
    return found.group(1) if found else ""
