# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to the collection routed.fabric: no promise is made to code outside of it.
"""Tunnels and device ports of an edge router: options, what `ip` shows, and the commands in between. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.routed.fabric.plugins.module_utils._ip._transport import IpError

# The interface alias of what this module made. It stands in the kernel, so no list of ours can go astray.
MARK = "routed.fabric.edge"
KINDS = ("vxlan", "gre", "ip6gre", "tun")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# Several kernels' worth of GRE devices that are there as soon as the module is loaded.
_BUILT_IN = ("gre0", "gretap0", "erspan0", "ip6gre0", "ip6tnl0")


class Tunnel(NamedTuple):
    name: str
    kind: str
    local: str = ""
    remote: str = ""
    vni: int = 0
    port: int = 0
    mac: str = ""
    mtu: int = 1500
    address: str = ""  # link-local, with its length

    @property
    def ends(self) -> tuple[object, ...]:
        """What cannot be changed on a device that is there."""
        return self.kind, self.local, self.remote, self.vni, self.port


class Port(NamedTuple):
    name: str
    mac: str = ""
    bridge_ports: tuple[str, ...] | None = None  # None: not a bridge of ours


class Wanted(NamedTuple):
    ports: dict[str, Port]
    tunnels: dict[str, Tunnel]


class Link(NamedTuple):
    """An interface as it is."""

    name: str
    ours: bool
    kind: str
    mac: str
    mtu: int
    up: bool
    master: str
    isolated: bool
    addresses: tuple[str, ...]  # IPv6 link-local ones
    tunnel: Tunnel | None


class Change(NamedTuple):
    command: str  # as `ip -batch` reads it
    inverse: tuple[str, ...] = ()


def wanted_of(options: Mapping[str, Any]) -> Wanted:
    """Raises IpError with all that is wrong: the option's path and the value."""
    problems: list[str] = []
    wanted = Wanted({}, {})
    first: dict[str, str] = {}
    for index, item in enumerate(options["ports"]):
        path = f"ports[{index}]"
        members = item.get("bridge_ports")
        for key, name in [("name", item["name"]), *(("bridge_ports", name) for name in members or ())]:
            _claim(first, name, f"{path}.{key}", problems)
        mac = _mac(item.get("mac") or "", f"{path}.mac", problems)
        wanted.ports[item["name"]] = Port(item["name"], mac, None if members is None else tuple(members))
    for index, item in enumerate(options["tunnels"]):
        path = f"tunnels[{index}]"
        _claim(first, item["name"], f"{path}.name", problems)
        wanted.tunnels[item["name"]] = _tunnel(item, path, problems)
    if problems:
        raise IpError("; ".join(problems))
    return wanted


def _claim(first: dict[str, str], name: str, path: str, problems: list[str]) -> None:
    if not _NAME.fullmatch(name) or name in _BUILT_IN:
        problems.append(f"{path}: '{name}' cannot be the name of an interface here")
    elif name in first:
        problems.append(f"{path}: '{name}' stands here twice, first as {first[name]}")
    first.setdefault(name, path)


def _mac(text: str, path: str, problems: list[str]) -> str:
    lowered = text.lower()
    if lowered and (not _MAC.fullmatch(lowered) or int(lowered[:2], 16) & 1):
        problems.append(f"{path}: '{text}' is not the MAC address of one interface")
    return lowered


def _tunnel(item: Mapping[str, Any], path: str, problems: list[str]) -> Tunnel:
    kind = item["kind"]
    ends: dict[str, str] = {}
    families = {"gre": (4,), "ip6gre": (6,), "vxlan": (4, 6), "tun": ()}[kind]
    for key in ("local", "remote"):
        text = item.get(key) or ""
        if not families:
            if text:
                problems.append(f"{path}.{key}: '{text}' has no meaning for a device of kind tun")
            continue
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            problems.append(f"{path}.{key}: '{text}' is not an IP address")
            continue
        if address.version not in families:
            problems.append(f"{path}.{key}: {address} is not an IPv{families[0]} address, which {kind} needs")
        ends[key] = str(address)
    if len(ends) == 2:
        if ends["local"] == ends["remote"]:
            problems.append(f"{path}.remote: {ends['remote']} is this node's own end")
        elif (":" in ends["local"]) != (":" in ends["remote"]):
            problems.append(f"{path}.remote: {ends['remote']} and {ends['local']} are of different families")
    if kind == "vxlan" and not (item.get("vni") and item.get("port")):
        problems.append(f"{path}.vni: a device of kind vxlan needs vni and port")
    address_text = item.get("address") or ""
    if address_text:
        try:
            interface = ipaddress.ip_interface(address_text)
        except ValueError as exc:
            problems.append(f"{path}.address: {exc}")
        else:
            if not interface.ip.is_link_local or interface.version != 6:
                problems.append(f"{path}.address: {address_text} is not a link-local IPv6 address")
            address_text = str(interface)
    mtu = item.get("mtu") or 1500
    if not 1280 <= mtu <= 65535:
        problems.append(f"{path}.mtu: {mtu} is not between 1280 and 65535")
    return Tunnel(
        item["name"],
        kind,
        ends.get("local", ""),
        ends.get("remote", ""),
        (item.get("vni") or 0) if kind == "vxlan" else 0,
        (item.get("port") or 0) if kind == "vxlan" else 0,
        _mac(item.get("mac") or "", f"{path}.mac", problems) if kind == "vxlan" else "",
        mtu,
        address_text,
    )


def got_of(dump: Iterable[Mapping[str, Any]]) -> dict[str, Link]:
    """`ip -j -d addr show` as links."""
    found = {}
    for entry in dump:
        info = entry.get("linkinfo", {})
        kind, data = info.get("info_kind", ""), info.get("info_data", {})
        addresses = tuple(
            f"{item['local']}/{item['prefixlen']}"
            for item in entry.get("addr_info", [])
            if item.get("family") == "inet6" and item.get("scope") == "link"
        )
        link = Link(
            entry["ifname"],
            entry.get("ifalias", "") == MARK,
            kind,
            entry.get("address", ""),
            entry.get("mtu", 0),
            "UP" in entry.get("flags", ()),
            entry.get("master", ""),
            bool(info.get("info_slave_data", {}).get("isolated")),
            addresses,
            None,
        )
        if kind in KINDS:
            link = link._replace(
                tunnel=Tunnel(
                    link.name,
                    kind,
                    data.get("local") or data.get("local6") or "",
                    data.get("remote") or data.get("remote6") or "",
                    int(data.get("id", 0)) if kind == "vxlan" else 0,
                    int(data.get("port", 0)) if kind == "vxlan" else 0,
                    link.mac if kind == "vxlan" else "",
                    link.mtu,
                    addresses[0] if addresses else "",
                )
            )
        found[link.name] = link
    return found


def missing(wanted: Wanted, got: Mapping[str, Link]) -> list[str]:
    """Interfaces that somebody else has to bring and that are not there."""
    found = []
    there = ", ".join(sorted(got))
    for index, port in enumerate(wanted.ports.values()):
        if port.bridge_ports is None and port.name not in got:
            found.append(f"ports[{index}].name: there is no interface '{port.name}' on this node; it has: {there}")
        for name in port.bridge_ports or ():
            if name not in got:
                found.append(
                    f"ports[{index}].bridge_ports: there is no interface '{name}' on this node; it has: {there}"
                )
    return found


def foreign(wanted: Wanted, got: Mapping[str, Link]) -> list[str]:
    """Names that something else has, and ports of somebody else's bridge."""
    found = []
    for index, tunnel in enumerate(wanted.tunnels.values()):
        link = got.get(tunnel.name)
        if link and not link.ours:
            found.append(f"tunnels[{index}].name: '{tunnel.name}' is there already, and this module did not make it")
    for index, port in enumerate(wanted.ports.values()):
        link = got.get(port.name)
        if port.bridge_ports is None:
            if link and link.master:
                found.append(
                    f"ports[{index}].name: '{port.name}' is a port of bridge '{link.master}', so no ARP arrives at it"
                )
            continue
        if link and not link.ours:
            found.append(f"ports[{index}].name: '{port.name}' is there already, and this module did not make it")
        for name in port.bridge_ports:
            master = got[name].master if name in got else ""
            if master and master != port.name and not (got.get(master) and got[master].ours):
                found.append(f"ports[{index}].bridge_ports: '{name}' is a port of '{master}', which is not ours")
    return found


def creation(tunnel: Tunnel) -> str:
    ends = f"local {tunnel.local} remote {tunnel.remote}"
    if tunnel.kind == "vxlan":
        mac = f"address {tunnel.mac} " if tunnel.mac else ""
        return f"link add dev {tunnel.name} {mac}type vxlan id {tunnel.vni} {ends} dstport {tunnel.port} nolearning"
    if tunnel.kind == "gre":
        return f"link add dev {tunnel.name} type gre {ends} ttl 255"
    if tunnel.kind == "ip6gre":
        return f"link add dev {tunnel.name} type ip6gre {ends} hoplimit 255 encaplimit none"
    return f"tuntap add dev {tunnel.name} mode tun"


def deletion(link_name: str, kind: str) -> str:
    return f"tuntap del dev {link_name} mode tun" if kind == "tun" else f"link del dev {link_name}"


def _whole(tunnel: Tunnel) -> list[str]:
    """The commands that make a tunnel."""
    lines = [creation(tunnel), f"link set dev {tunnel.name} alias {MARK} addrgenmode none mtu {tunnel.mtu}"]
    if tunnel.address:
        lines.append(f"addr add {tunnel.address} dev {tunnel.name} nodad")
    return [*lines, f"link set dev {tunnel.name} up"]


def _made(lines: Sequence[str], undo: str) -> list[Change]:
    return [Change(lines[0], (undo,)), *(Change(line) for line in lines[1:])]


def difference(wanted: Wanted, got: Mapping[str, Link]) -> list[Change]:
    changes: list[Change] = []
    for link in got.values():
        if link.ours and link.name not in wanted.tunnels and link.name not in wanted.ports:
            again = tuple(_whole(link.tunnel)) if link.tunnel else tuple(_bridge_lines(Port(link.name, link.mac, ())))
            changes.append(Change(deletion(link.name, link.kind), again))
    for tunnel in wanted.tunnels.values():
        changes += _tunnel_changes(tunnel, got.get(tunnel.name))
    for port in wanted.ports.values():
        changes += _port_changes(port, got)
    return changes


def _tunnel_changes(tunnel: Tunnel, link: Link | None) -> list[Change]:
    name = tunnel.name
    changes: list[Change] = []
    if link and (link.tunnel is None or link.tunnel.ends != tunnel.ends):
        again = tuple(_whole(link.tunnel)) if link.tunnel else ()
        changes.append(Change(deletion(name, link.kind), again))
        link = None
    if link is None:
        return changes + _made(_whole(tunnel), deletion(name, tunnel.kind))
    if tunnel.mac and link.mac != tunnel.mac:
        changes.append(
            Change(f"link set dev {name} address {tunnel.mac}", (f"link set dev {name} address {link.mac}",))
        )
    if link.mtu != tunnel.mtu:
        changes.append(Change(f"link set dev {name} mtu {tunnel.mtu}", (f"link set dev {name} mtu {link.mtu}",)))
    for address in link.addresses:
        if address != tunnel.address:
            changes.append(Change(f"addr del {address} dev {name}", (f"addr add {address} dev {name} nodad",)))
    if tunnel.address and tunnel.address not in link.addresses:
        changes.append(
            Change(f"addr add {tunnel.address} dev {name} nodad", (f"addr del {tunnel.address} dev {name}",))
        )
    if not link.up:
        changes.append(Change(f"link set dev {name} up", (f"link set dev {name} down",)))
    return changes


def _bridge_lines(port: Port) -> list[str]:
    mac = f"address {port.mac} " if port.mac else ""
    return [
        f"link add dev {port.name} {mac}type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"link set dev {port.name} alias {MARK}",
        f"link set dev {port.name} up",
    ]


def _port_changes(port: Port, got: Mapping[str, Link]) -> list[Change]:
    name, link = port.name, got.get(port.name)
    changes: list[Change] = []
    if link is None:  # only a bridge gets here without one
        changes += _made(_bridge_lines(port), f"link del dev {name}")
    else:
        if port.mac and link.mac != port.mac:
            changes.append(
                Change(f"link set dev {name} address {port.mac}", (f"link set dev {name} address {link.mac}",))
            )
        if not link.up:
            changes.append(Change(f"link set dev {name} up", (f"link set dev {name} down",)))
    for member in port.bridge_ports or ():
        there = got.get(member)
        former = f"link set dev {member} {f'master {there.master}' if there and there.master else 'nomaster'}"
        if there is None or there.master != name:
            changes.append(Change(f"link set dev {member} master {name}", (former,)))
        if there is None or there.master != name or not there.isolated:
            changes.append(Change(f"link set dev {member} type bridge_slave isolated on"))
        if there is None or not there.up:
            changes.append(Change(f"link set dev {member} up"))
    if port.bridge_ports is not None:
        for other in got.values():
            if other.master == name and other.name not in port.bridge_ports:
                changes.append(
                    Change(f"link set dev {other.name} nomaster", (f"link set dev {other.name} master {name}",))
                )
    return changes


def render_batch(wanted: Wanted) -> list[str]:
    """Lines for `ip -force -batch`, as often as one likes."""
    lines = [line for tunnel in wanted.tunnels.values() for line in _whole(tunnel)]
    for port in wanted.ports.values():
        if port.bridge_ports is None:
            lines += [f"link set dev {port.name} address {port.mac}"] if port.mac else []
            lines.append(f"link set dev {port.name} up")
            continue
        lines += _bridge_lines(port)
        for member in port.bridge_ports:
            lines += [
                f"link set dev {member} master {port.name}",
                f"link set dev {member} type bridge_slave isolated on",
                f"link set dev {member} up",
            ]
    return lines


def describe(wanted: Wanted, got: Mapping[str, Link]) -> dict[str, Any]:
    """What is ours, and the ports that we were given."""
    names = [link.name for link in got.values() if link.ours]
    names += [name for name in wanted.ports if name in got and name not in names]
    found: dict[str, Any] = {}
    for name in sorted(names):
        link = got[name]
        entry: dict[str, Any] = {"up": link.up, "mtu": link.mtu}
        if link.tunnel:
            entry.update(kind=link.kind, addresses=sorted(link.addresses))
            entry.update({k: v for k, v in link.tunnel._asdict().items() if k in ("local", "remote", "vni") and v})
        else:
            entry["mac"] = link.mac
        members = sorted(other.name for other in got.values() if other.master == name)
        if members:
            entry["isolated" if all(got[m].isolated for m in members) else "members"] = members
        found[name] = entry
    return found
