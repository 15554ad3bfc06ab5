# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read: `wg`'s fields, the node's sockets and ways. And that `wg` is asked for no more than it needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._wireguard import _underlay
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import Secret
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import Peer, Running, WireguardError
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._store import Store, Stored
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._transport import Wg, ways

from .model import KEYS, key


class Tool:
    """Answers as `wg` does."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.calls: list[list[str]] = []
        self.fed: list[str | None] = []

    def __call__(self, argv, data):
        self.calls.append(list(argv))
        self.fed.append(data)
        answer = self.answers.get(argv[-1])
        return (0, answer, "") if answer is not None else (1, "", f"Unable to access interface `{key(3)}'\n")


def test_peers() -> None:
    tool = Tool(
        {
            "allowed-ips": f"{KEYS[0]}\t2001:db8::/64 10.0.0.0/24\n{KEYS[1]}\t(none)\n",
            "endpoints": f"{KEYS[0]}\t[2001:db8::1]:51820\n{KEYS[1]}\t(none)\n",
            "persistent-keepalive": f"{KEYS[0]}\t25\n{KEYS[1]}\toff\n",
            "preshared-keys": f"{KEYS[0]}\t{key(7)}\n{KEYS[1]}\t(none)\n",
        }
    )
    assert Wg(tool).peers("wg0") == {
        KEYS[0]: Peer(KEYS[0], ("10.0.0.0/24", "2001:db8::/64"), "[2001:db8::1]:51820", Secret(key(7)), 25),
        KEYS[1]: Peer(KEYS[1]),
    }
    assert len(tool.calls) == 4
    assert not [call for call in tool.calls if "dump" in call]


def test_an_interface() -> None:
    tool = Tool({"public-key": f"{KEYS[0]}\n", "listen-port": "51820\n", "fwmark": "0xfab\n"})
    assert Wg(tool).running("wg0") == Running(KEYS[0], 51820, 0xFAB)
    tool = Tool({"public-key": "(none)\n", "listen-port": "0\n", "fwmark": "off\n"})
    assert Wg(tool).running("wg0") == Running("", 0, 0)
    assert Wg(Tool({})).running("wg0") is None


def test_secrets_go_in_by_standard_input_and_errors_show_none() -> None:
    tool = Tool({"/dev/stdin": "", "pubkey": f"{KEYS[0]}\n"})
    wg = Wg(tool)
    wg.set_interface("wg0", private_key=Secret(key(7)))
    wg.add("wg0", f"[Peer]\nPublicKey = {KEYS[0]}\nPresharedKey = {key(7)}\n")
    assert wg.public_of(Secret(key(7))) == KEYS[0]
    assert key(7) not in str(tool.calls)
    assert all(key(7) in str(data) for data in tool.fed)
    with pytest.raises(WireguardError) as caught:
        Wg(Tool({})).remove("wg0", [KEYS[0]])
    assert str(caught.value) == "`wg set wg0 peer (a key) remove` failed: Unable to access interface `...'"


def test_sockets() -> None:
    text = (
        "   sl  local_address rem_address   st tx_queue\n"
        " 1377: 00000000:CA6C 00000000:0000 07 00000000:00000000\n"
        " 1378: 0100007F:0035 00000000:0000 07 00000000:00000000\n"
    )
    assert _underlay.udp_ports([text, "  sl  local_address\n"]) == {51820, 53}


def test_ways() -> None:
    def run(argv, data):
        assert data == "route get 192.0.2.1\nroute get fe80::1\nroute get 10.0.0.1\n"
        return 1, '[{"dst":"192.0.2.1","dev":"up0"}]\n[ {"dst":"10.0.0.1","dev":"up1"} ]', "RTNETLINK answers: ...\n"

    found = ways(run, ["192.0.2.1", "fe80::1%up0", "10.0.0.1"])
    assert {host: way["dev"] for host, way in found.items()} == {"192.0.2.1": "up0", "10.0.0.1": "up1"}
    assert ways(run, []) == {}


def test_mtu() -> None:
    links = [
        {"ifname": "lo", "mtu": 65536, "flags": ["UP"]},
        {"ifname": "up0", "mtu": 1500, "flags": ["UP"]},
        {"ifname": "up1", "mtu": 9000, "flags": []},
        {"ifname": "wg9", "mtu": 9000, "flags": ["UP"], "linkinfo": {"info_kind": "wireguard"}},
    ]
    assert _underlay.mtu_problem("wg0", 1440, links) == []
    assert _underlay.mtu_problem("wg0", 1441, links) == [
        (
            "mtu: 1441 is too large: no interface of this node carries more than 'up0', 1500, "
            "and WireGuard takes 60 over IPv4 and 80 over IPv6"
        )
    ]
    assert _underlay.mtu_problem("wg0", 9999, links[:1]) == []

    def problems(mtu: int, endpoint: str, way: dict[str, object]) -> list[str]:
        peer = {KEYS[0]: Peer(KEYS[0], (), endpoint)}
        return _underlay.endpoint_mtu_problems(
            "wg0", mtu, peer, paths={KEYS[0]: "here"}, ways={"192.0.2.1": way}, link_mtu={"up0": 1500, "wg0": 1420}
        )

    assert problems(1441, "192.0.2.1:1", {"dev": "up0"}) == [
        (
            "here: the way to 192.0.2.1 leads over 'up0', which carries 1500 bytes, of which WireGuard takes 60: "
            "the MTU of 'wg0' can be 1440 at most, not 1441"
        )
    ]
    assert problems(1420, "192.0.2.1:1", {"dev": "up0", "metrics": [{"mtu": 1400}]})
    assert problems(1440, "192.0.2.1:1", {"dev": "up0"}) == []
    assert problems(9000, "192.0.2.1:1", {"dev": "wg0"}) == []
    assert problems(9000, "192.0.2.9:1", {"dev": "up0"}) == []
    assert problems(9000, "", {"dev": "up0"}) == []


def test_files_are_private_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, path = Store(), tmp_path / "new" / "wg0.conf"
    seen: list[int] = []
    replace = Path.replace

    def watch(self, target):
        seen.append(self.stat().st_mode & 0o777)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    former = os.umask(0)
    try:
        store.write(str(path), Stored("secret"))
    finally:
        os.umask(former)
    assert seen == [0o600]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert store.read(str(path)) == Stored("secret", 0o600)
    path.chmod(0o644)
    assert store.read(str(path)) != Stored("secret")  # a wider mode is a difference
    store.write(str(path), Stored("secret"))
    assert store.read(str(path)) == Stored("secret")
    store.write(str(path), Stored(None))
    assert store.read(str(path)) == Stored(None)
    assert list(path.parent.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(WireguardError, match=r"^cannot write .*wg0\.conf: No space left on device$"):
        Store().write(str(tmp_path / "wg0.conf"), Stored("secret"))
    assert list(tmp_path.iterdir()) == []
