# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wireguard_interface against real WireGuard: four calls, keys, changes in place, death, the next boot, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from frrlab import until
from wglab import FILE, Lab

OPTIONS: dict[str, Any] = {
    "listen_port": 51820,
    "addresses": ["10.77.0.1/24", "2001:db8:77::1/64"],
    "mtu": 1400,
    "fwmark": 0xFAB,
    "table": 110,
}
WANTS = "/etc/systemd/system/multi-user.target.wants/wg-quick@wg0.service"


def test_four_calls(lab: Lab) -> None:
    before, files = lab.kernel(), lab.files()
    predicted = lab.interface(check=True, **OPTIONS)
    assert predicted["changed"], predicted
    assert predicted["public_key"] is None
    assert (lab.kernel(), lab.files()) == (before, files)

    first = lab.interface(**OPTIONS)
    assert first.get("changed"), first
    assert first["commands"] == predicted["commands"]
    assert first["implementation"] == lab.implementation
    assert first["after"] == {**predicted["after"], "public_key": first["public_key"]}
    assert lab.shell("wg show wg0 public-key").strip() == first["public_key"]
    assert lab.shell("wg show wg0 listen-port; wg show wg0 fwmark").split() == ["51820", "0xfab"]
    state = lab.machine.state()["wg0"]
    assert state == (1400, True, ["10.77.0.1/24", "2001:db8:77::1/64"])
    assert lab.shell(f"stat -c %a {FILE} /etc/wireguard").split() == ["600", "700"]
    assert lab.shell(f"readlink {WANTS}").strip() == "/lib/systemd/system/wg-quick@.service" or lab.shell(f"ls {WANTS}")

    there, files = lab.kernel(), lab.files()
    lab.logging_wg()
    for check in (True, False):
        again = lab.interface(check=check, **OPTIONS)
        assert not again["changed"], again
        assert (again["commands"], again["before"], again["public_key"]) == ([], again["after"], first["public_key"])
        calls = lab.calls()
        assert len(calls) == len(set(calls)), calls  # nothing is read twice
        assert [call for call in calls if "set" in call.split()] == []
    assert (lab.kernel(), lab.files()) == (there, files)


def test_a_change_in_place_keeps_the_device_and_the_key(lab: Lab) -> None:
    made = lab.hub(**OPTIONS)
    daemon = lab.daemon()
    lab.shell("ip addr add 10.99.0.1/24 dev wg0")  # somebody else's
    changed = {**OPTIONS, "listen_port": 51999, "mtu": 1380, "fwmark": 0, "addresses": ["10.77.0.9/24"]}
    predicted = lab.interface(check=True, **changed)
    done = lab.interface(**changed)
    assert (
        done["commands"]
        == predicted["commands"]
        == [
            "wg set wg0 listen-port 51999",
            "wg set wg0 fwmark off",
            "ip link set dev wg0 mtu 1380",
            "ip addr del 10.77.0.1/24 dev wg0",
            "ip addr del 2001:db8:77::1/64 dev wg0",
            "ip addr add 10.77.0.9/24 dev wg0",
            f"write {FILE}",
        ]
    )
    assert done["after"] == predicted["after"]
    assert (lab.daemon(), done["public_key"]) == (daemon, made["public_key"])
    assert lab.machine.state()["wg0"] == (1380, True, ["10.77.0.9/24", "10.99.0.1/24"])
    assert not lab.interface(**changed)["changed"]


def test_the_key_from_vault_and_a_key_that_was_lost(lab: Lab) -> None:
    private, public = lab.key()
    made = lab.interface(private_key=private, listen_port=51820)
    assert made["public_key"] == public
    assert lab.shell("wg show wg0 public-key").strip() == public
    # Without the option it stays.
    assert not lab.interface(listen_port=51820)["changed"]
    # What a reload did to others (a key loaded by PostUp and lost) is repaired from the file.
    lab.shell("wg set wg0 private-key /dev/null")
    assert lab.shell("wg show wg0 public-key").strip() == "(none)"
    repaired = lab.interface(listen_port=51820)
    assert repaired["commands"] == [f"wg set wg0 private-key (of public key {public})"]
    assert lab.shell("wg show wg0 public-key").strip() == public
    other, other_public = lab.key()
    assert lab.interface(private_key=other, listen_port=51820, check=True)["public_key"] == other_public
    assert lab.interface(private_key=other, listen_port=51820)["public_key"] == other_public
    assert lab.shell("wg show wg0 public-key").strip() == other_public


def test_only_the_key(lab: Lab) -> None:
    assert lab.interface(state="keyed", check=True)["changed"]
    assert lab.shell("ls /etc/wireguard", check=False).split() == []
    made = lab.interface(state="keyed")
    assert made["commands"] == ["wg genkey", f"write {FILE}"]
    assert "wg0" not in lab.machine.state()
    assert not lab.interface(state="keyed")["changed"]
    assert lab.interface(state="keyed", check=True)["public_key"] == made["public_key"]
    assert lab.hub()["public_key"] == made["public_key"]
    text = lab.machine.read(FILE)
    assert not lab.interface(state="keyed")["changed"]
    assert lab.machine.read(FILE) == text


@pytest.mark.parametrize("manager", ["wg-quick", "ifupdown2"])
def test_the_next_boot(lab: Lab, manager: str) -> None:
    made = lab.hub(manager=manager, fwmark=0xFAB)
    peers = [
        {"public_key": key, "allowed_ips": [f"10.78.{index}.0/24", f"2001:db8:78:{index}::/64"]}
        for index, key in enumerate(lab.public_keys(3))
    ]
    peers[0].update(endpoint="[2001:db8:1::2]:52000", preshared_key=lab.preshared(), persistent_keepalive=25)
    assert lab.peers(peers)["changed"]
    before = lab.kernel()
    assert sum("proto 213" in line for line in before) == 6
    lab.boot()
    assert "wg0" not in lab.machine.state()
    lab.shell("wg-quick up wg0" if manager == "wg-quick" else "ifup -a")
    lab.settles(before)
    assert not lab.hub(manager=manager, fwmark=0xFAB)["changed"]
    assert not lab.peers(peers)["changed"]
    if manager == "ifupdown2":
        daemon = lab.daemon()
        lab.shell("ifreload -a")
        lab.settles(before)
        assert lab.daemon() == daemon
        # To the other manager and back, with nothing moving.
        assert lab.hub(fwmark=0xFAB)["commands"] == [
            "remove /etc/network/interfaces.d/routed-fabric-wg0",
            "systemctl enable wg-quick@wg0.service",
        ]
        assert (lab.kernel(), lab.daemon()) == (before, daemon)
    assert made["public_key"] == lab.shell("wg show wg0 public-key").strip()


def test_a_dead_daemon_is_noticed_and_repaired(lab: Lab) -> None:
    made = lab.hub()
    peer = lab.far_end(1, made["public_key"])
    lab.peers([peer])
    lab.reach(1)
    before = lab.kernel()
    daemon = lab.daemon()
    lab.shell(f"kill -9 {daemon}")
    until("the death of wg0", lambda: "wg0" not in lab.machine.state(), 5)
    predicted = lab.interface(check=True, **_hub_options())
    assert predicted["changed"]
    assert predicted["before"] == {}
    repaired = lab.hub()
    assert repaired["commands"] == predicted["commands"] == ["wg-quick up wg0"]
    assert repaired["public_key"] == made["public_key"]
    assert lab.daemon() != daemon
    assert lab.kernel() == before
    lab.reach(1)
    assert not lab.hub()["changed"]
    assert not lab.peers([peer])["changed"]


def _hub_options() -> dict[str, Any]:
    return {"listen_port": 51820, "addresses": ["10.77.0.1/24", "2001:db8:77::1/64"], "mtu": 1400, "table": 254}


def test_not_for_the_next_boot(lab: Lab) -> None:
    made = lab.hub(persist=False)
    assert lab.shell("ls /etc/wireguard", check=False).split() == []
    assert not lab.hub(persist=False)["changed"]
    [key] = lab.public_keys(1)
    peers = [{"public_key": key, "allowed_ips": ["10.78.0.0/24"]}]
    assert "there is no /etc/wireguard/wg0.conf" in lab.peers(peers)["msg"]
    assert lab.peers(peers, persist=False)["changed"]
    assert not lab.peers(peers, persist=False)["changed"]
    assert "10.78.0.0/24 dev wg0" in lab.shell("ip route show proto 213")
    lab.lose_device()
    assert lab.hub(persist=False)["public_key"] == made["public_key"]
    assert lab.interface(state="absent", persist=False)["changed"]
    lab.boot()
    assert "wg0" not in lab.machine.state()


def test_absent_and_gathered(lab: Lab) -> None:
    before, files = lab.kernel(), lab.shell("ls /etc/wireguard; ls /etc/network/interfaces.d", check=False)
    assert not lab.interface(state="absent")["changed"]
    assert lab.interface(state="gathered")["gathered"] == {}
    made = lab.hub()
    lab.peers([{"public_key": lab.public_keys(1)[0], "allowed_ips": ["10.78.0.0/24"]}])
    gathered = lab.interface(state="gathered")
    assert gathered["gathered"] == {"name": "wg0", **_hub_options()}
    assert gathered["public_key"] == made["public_key"]
    there = lab.kernel()
    assert lab.interface(state="absent", check=True)["changed"]
    assert lab.kernel() == there
    gone = lab.interface(state="absent")
    assert gone["after"] == {}
    assert lab.kernel() == before
    assert lab.shell("ls /etc/wireguard; ls /etc/network/interfaces.d", check=False) == files
    assert lab.machine.shell(f"ls {WANTS}", check=False).returncode != 0
    assert not lab.interface(state="absent")["changed"]


def test_an_interface_of_somebody_else_is_taken_over_with_its_key_and_peers(lab: Lab) -> None:
    private, public = lab.key()
    [peer] = lab.public_keys(1)
    text = (
        f"[Interface]\nPrivateKey = {private}\nListenPort=51820\nAddress = 10.77.0.1/24\nPostUp = ip rule add x\n"
        f"SaveConfig = true\n[Peer]\nPublicKey = {peer}\nAllowedIPs = 10.78.0.0/24\n"
    )
    lab.shell(f"mkdir -p /etc/wireguard; cat >{FILE}; chmod 644 {FILE}", text)
    assert lab.interface(**_hub_options())["msg"] == (
        f"name: {FILE} was written by somebody else and has PostUp, SaveConfig, which would be lost; "
        "move it away or take these lines out"
    )
    assert lab.machine.read(FILE) == text
    lab.shell(f"sed -i '/PostUp/d; /SaveConfig/d' {FILE}; wg-quick up wg0 2>/dev/null")
    daemon = lab.daemon()
    made = lab.hub()
    assert (made["public_key"], lab.daemon()) == (public, daemon)
    assert lab.shell(f"stat -c %a {FILE}").strip() == "600"
    assert "AllowedIPs = 10.78.0.0/24" in lab.machine.read(FILE)
    # One without a file keeps its key, too.
    lab.shell(f"ip link add x0 type dummy; {lab.new_device('wg1')}; wg genkey | wg set wg1 private-key /dev/stdin")
    there = lab.shell("wg show wg1 public-key").strip()
    assert lab.interface(name="wg1", check=True)["public_key"] == there
    assert lab.interface(name="wg1")["public_key"] == there


LISTENER = "import socket, time; s = socket.socket(socket.AF_INET, 2); s.bind(('127.0.0.1', 4789)); time.sleep(300)"
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "name: 'up0' is there, but it is no WireGuard interface (its kind is veth)": ({"name": "up0"}, ""),
    "listen_port: UDP port 4789 is in use by something else on this node": (
        {"listen_port": 4789},
        f'python3 -c "{LISTENER}" >/dev/null 2>&1 </dev/null & echo $! >/run/listener',
    ),
    "mtu: 1441 is too large: no interface of this node carries more than 'up0', 1500, and WireGuard takes 60 "
    "over IPv4 and 80 over IPv6": ({"mtu": 1441}, ""),
    "name: 'wg-and-too-long-' is no name for an interface: 1 to 15 letters, digits and _ . -, not - first": (
        {"name": "wg-and-too-long-"},
        "",
    ),
    "name: 'all' has a meaning of its own for the kernel or for `wg`; take another name": ({"name": "all"}, ""),
}


def test_refusals_touch_nothing(lab: Lab) -> None:
    for words, (options, setting) in REFUSALS.items():
        lab.shell(setting)
        if setting:
            until("the listener", lambda: lab.shell("ss -Hlnu 'sport = :4789'"), 60)
        before, files = lab.kernel(), lab.files()
        for check in (True, False):
            refused = lab.interface(check=check, **options)
            assert refused.get("msg") == words
        assert (lab.kernel(), lab.files()) == (before, files), words
    lab.shell("kill $(cat /run/listener)")


def test_an_mtu_that_the_way_to_a_peer_does_not_carry(lab: Lab) -> None:
    lab.hub(mtu=1320)
    lab.shell("ip link set up0 mtu 1400; ip link set up1 mtu 9000 up")
    lab.peers([{"public_key": lab.public_keys(1)[0], "endpoint": "[2001:db8:1::2]:51820"}])
    before, files = lab.kernel(), lab.files()
    assert lab.interface(**{**_hub_options(), "mtu": 1321})["msg"] == (
        "mtu: the way to 2001:db8:1::2 leads over 'up0', which carries 1400 bytes, of which WireGuard takes 80: "
        "the MTU of 'wg0' can be 1320 at most, not 1321"
    )
    assert (lab.kernel(), lab.files()) == (before, files)


def test_a_refusal_half_way_is_undone(lab: Lab) -> None:
    """The address is refused by the kernel, after the port, the mark and the key were changed."""
    private, dummy = lab.key()
    lab.hub(fwmark=0)
    before, files, daemon = lab.kernel(), lab.files(), lab.daemon()
    lab.shell(
        "cp /usr/bin/ip /usr/bin/ip.real; rm /usr/bin/ip;"
        'printf \'#!/bin/sh\\ncase "$*" in *-batch*) cat >/run/batch; grep -q "addr add 10.66" /run/batch && '
        '{ echo "RTNETLINK answers: No buffer space available" >&2; echo "Command failed -:1" >&2; exit 1; };'
        'exec ip.real "$@" </run/batch;; esac; exec ip.real "$@"\\n\' >/usr/bin/ip; chmod 755 /usr/bin/ip'
    )
    refused = lab.interface(
        **{**_hub_options(), "listen_port": 51999, "fwmark": 5, "mtu": 1300, "addresses": ["10.66.0.1/24"]},
        private_key=private,
    )
    assert refused["msg"] == (
        "`ip addr add 10.66.0.1/24 dev wg0` was refused: RTNETLINK answers: No buffer space available; "
        "everything is as it was before"
    )
    assert (lab.kernel(), lab.files(), lab.daemon()) == (before, files, daemon)


def test_an_interface_that_does_not_come_up_leaves_nothing(lab: Lab) -> None:
    lab.shell("mv /usr/bin/wireguard-go /usr/bin/wireguard-gone")
    before, files = (
        lab.kernel(),
        lab.shell("ls /etc/wireguard /etc/systemd/system/multi-user.target.wants", check=False),
    )
    refused = lab.interface(**_hub_options())
    assert refused.get("failed"), refused
    assert "`wg-quick up wg0` failed: " in refused["msg"]
    assert refused["msg"].endswith("; everything is as it was before")
    assert lab.kernel() == before
    assert lab.shell("ls /etc/wireguard /etc/systemd/system/multi-user.target.wants", check=False) == files


def test_without_the_tools(lab: Lab) -> None:
    lab.shell("mv /usr/bin/wg /usr/bin/wg.gone")
    words = (
        "there is no `wg` on this node; install the package wireguard-tools "
        "(and wireguard-go where the kernel has no WireGuard)"
    )
    fresh = lab.interface(check=True, **_hub_options())
    assert (fresh["changed"], fresh["pending"], fresh["public_key"]) == (True, [words], None)
    assert lab.interface(**_hub_options())["msg"] == words
    assert lab.peers([], check=True)["pending"] == [words]
    assert json.dumps(lab.interface(state="gathered")["gathered"]) == "{}"
