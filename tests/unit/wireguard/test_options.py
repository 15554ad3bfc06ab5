# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: literal texts, with path and value and without a key."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._keys import (
    NO_KEY,
    Secret,
    fingerprint,
    key_problem,
    mask,
)
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._model import WireguardError
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._options import (
    loops,
    overlaps,
    wanted_interface,
    wanted_peers,
)
from hypothesis import given
from hypothesis import strategies as st

from .model import KEYS, PREFIXES, contains, interface_options, key, peer_options

RULE = "a key is 32 bytes in base64: 44 characters, of which the last is '='"
BAD_KEYS = {
    key(1)[:-1]: f"a value of 43 characters ({fingerprint(key(1)[:-1])}) is no key; {RULE}",
    "*" + key(1)[1:]: f"a value of 44 characters ({fingerprint('*' + key(1)[1:])}) is not base64; {RULE}",
    key(1)[:-2] + "E=": None,
    key(1)[:-2] + "F=": f"a value of 44 characters ({fingerprint(key(1)[:-2] + 'F=')}) holds no 32 bytes; {RULE}",
    NO_KEY: "this key is all zeros, which WireGuard takes for none",
}


@pytest.mark.parametrize("text", BAD_KEYS)
def test_keys(text: str) -> None:
    words = BAD_KEYS[text]
    assert key_problem(text) == (words or "")
    if words:
        assert text not in words
        for option in ("public_key", "preshared_key"):
            peer = {"public_key": KEYS[0], option: text}
            assert refused(wanted_peers, peer_options(peer)) == f"peers[0].{option}: {words}"
        assert refused(wanted_interface, interface_options(private_key=text)) == f"private_key: {words}"


def refused(reader: Any, options: dict[str, Any]) -> str:
    with pytest.raises(WireguardError) as caught:
        reader(options)
    return str(caught.value)


INTERFACES: dict[str, dict[str, Any]] = {
    "name: '-wg' is no name for an interface: 1 to 15 letters, digits and _ . -, not - first": {"name": "-wg"},
    "name: 'wg/0' is no name for an interface: 1 to 15 letters, digits and _ . -, not - first": {"name": "wg/0"},
    "name: '' is no name for an interface: 1 to 15 letters, digits and _ . -, not - first": {"name": ""},
    "name: 'interfaces' has a meaning of its own for the kernel or for `wg`; take another name": {"name": "interfaces"},
    "listen_port: 0 is not between 1 and 65535": {"listen_port": 0},
    "listen_port: 65536 is not between 1 and 65535": {"listen_port": 65536},
    "mtu: 1279 is not between 1280 (the least that IPv6 takes) and 65535": {"mtu": 1279},
    "fwmark: -1 is not between 0 and 4294967295": {"fwmark": -1},
    "table: 255 is the kernel's own table `local`": {"table": 255},
    "table: -1 is not between 0 (no routes) and 4294967295": {"table": -1},
    "addresses[0]: '10.0.0.1/33' is not an address with a length": {"addresses": ["10.0.0.1/33"]},
    "addresses[0]: ff02::1/128 is not a unicast address": {"addresses": ["ff02::1/128"]},
    "addresses[1]: 2001:db8::1/64 stands here twice": {"addresses": ["2001:db8::1/64", "2001:DB8::1/64"]},
    "listen_port: 70000 is not between 1 and 65535; mtu: 1 is not between 1280 (the least that IPv6 takes) and 65535": {
        "listen_port": 70000,
        "mtu": 1,
    },
}


@pytest.mark.parametrize("words", INTERFACES)
def test_interfaces(words: str) -> None:
    assert refused(wanted_interface, interface_options(**INTERFACES[words])) == words


WRITE = "write 192.0.2.1:51820, [2001:db8::1]:51820 or vpn.example.net:51820"
PEERS: dict[str, dict[str, Any]] = {
    "endpoint: '192.0.2.1' is no endpoint; " + WRITE: {"endpoint": "192.0.2.1"},
    "endpoint: '2001:db8::1:51820' is no endpoint; " + WRITE: {"endpoint": "2001:db8::1:51820"},
    "endpoint: the port of '192.0.2.1:0' is not between 1 and 65535": {"endpoint": "192.0.2.1:0"},
    "endpoint: the port of '192.0.2.1:http' is not between 1 and 65535": {"endpoint": "192.0.2.1:http"},
    "endpoint: '192.0.2.300' is neither an address nor a name": {"endpoint": "192.0.2.300:1"},
    "endpoint: 'a b' is neither an address nor a name": {"endpoint": "a b:1"},
    "endpoint: '192.0.2.1' is neither an address nor a name": {"endpoint": "[192.0.2.1]:1"},
    "endpoint: [ff02::1]:1 is not the address of one machine": {"endpoint": "[ff02::1]:1"},
    "persistent_keepalive: 65536 is not between 0 (off) and 65535 seconds": {"persistent_keepalive": 65536},
    "name: 'a\\nb' is no single line of text": {"name": "a\nb"},
    "table: 255 is the kernel's own table `local`": {"table": 255},
    "allowed_ips[0]: '10.0.0.0/33' is not a prefix": {"allowed_ips": ["10.0.0.0/33"]},
    "allowed_ips[1]: 10.0.0.0/24 stands here twice": {"allowed_ips": ["10.0.0.0/24", "10.0.0.0/24"]},
    "allowed_ips[0]: '10.0.0.1/24' has bits behind its length; the prefix is 10.0.0.0/24": {
        "allowed_ips": ["10.0.0.1/24"]
    },
}


@pytest.mark.parametrize("words", PEERS)
def test_peers(words: str) -> None:
    peer = {"public_key": KEYS[0], **PEERS[words]}
    assert refused(wanted_peers, peer_options({"public_key": KEYS[1]}, peer)) == f"peers[1].{words}"


def test_calls() -> None:
    one = {"public_key": KEYS[0]}
    assert refused(wanted_peers, peer_options(one, one)) == (
        f"peers[1].public_key: {KEYS[0]} stands here twice, first as peers[0]"
    )
    assert refused(wanted_peers, peer_options(state="absent")) == (
        "peers: with `state: absent` the peers to remove have to be named; an empty list with `state: present` and "
        "`purge: true` removes all of them"
    )
    assert refused(wanted_peers, peer_options(protocol=4)) == "protocol: 4 is not between 5 and 255"
    assert refused(wanted_peers, peer_options(metric=-1)) == "metric: -1 is not between 0 and 4294967295"
    # What should never have been there can be removed.
    assert wanted_peers(peer_options({"public_key": KEYS[0], "endpoint": "nonsense"}, state="absent")).peers


def test_forms() -> None:
    wanted = wanted_peers(
        peer_options(
            {
                "public_key": KEYS[0],
                "endpoint": "[2001:DB8::1]:51820",
                "allowed_ips": ["2001:DB8:1::/48", "10.0.0.7", "10.0.0.0/30"],
                "preshared_key": key(7),
                "persistent_keepalive": None,
            },
            {"public_key": KEYS[1], "endpoint": "VPN.example.net:1"},
        )
    )
    one, two = wanted.peers.values()
    assert one.endpoint == "[2001:db8::1]:51820"
    assert one.allowed_ips == ("10.0.0.0/30", "10.0.0.7/32", "2001:db8:1::/48")
    assert one.preshared_key == Secret(key(7))
    assert two.endpoint == "vpn.example.net:1"


@given(
    st.lists(
        st.lists(st.sampled_from([*PREFIXES, "10.0.0.0/8", "::/0", "10.0.2.64/26"]), unique=True, max_size=4),
        max_size=4,
    )
)
def test_overlaps_are_all_found(lists: list[list[str]]) -> None:
    """Compared with every pair."""
    peers = {str(number): (f"peers[{number}]", prefixes) for number, prefixes in enumerate(lists)}
    pairs = any(
        contains(outer, inner)
        for number, prefixes in enumerate(lists)
        for other, others in enumerate(lists)
        if number != other
        for outer in prefixes
        for inner in others
    )
    assert bool(overlaps(peers)) == pairs


def test_loops() -> None:
    def found(table: int | None, interface_table: int, allowed: str, endpoint: str = "192.0.2.1:1") -> list[str]:
        peer = {"public_key": KEYS[0], "endpoint": endpoint, "allowed_ips": [allowed], "table": table}
        return loops(wanted_peers(peer_options(peer)), interface_table)

    assert found(None, 0, "192.0.2.0/24") == [
        (
            "peers[0].endpoint: 192.0.2.1:1 is inside of its own allowed_ips 192.0.2.0/24, "
            "so the tunnel would have to run through itself"
        )
    ]
    assert found(None, 0, "0.0.0.0/0") == []
    assert found(110, 254, "0.0.0.0/0") == []
    assert found(0, 254, "0.0.0.0/0") == []
    main = [
        (
            "peers[0].endpoint: 192.0.2.1:1 is inside of its own allowed_ips 0.0.0.0/0, "
            "which table 254 (main) would lead into the tunnel; take another table and a rule"
        )
    ]
    assert (found(None, 254, "0.0.0.0/0"), found(254, 0, "0.0.0.0/0")) == (main, main)
    assert found(254, 0, "::/0") == []
    assert found(254, 0, "0.0.0.0/0", "vpn.example.net:1") == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"Key is not the correct length or format: `{key(1)}'", "Key is not the correct length or format: `...'"),
        ("Key is not the correct length or format: `c2VjcmV0'", "Key is not the correct length or format: `...'"),
        (f"PresharedKey = {key(1)}", "PresharedKey = (a key)"),
        ("Name or service not known: `vpn.example.net:1'", "Name or service not known: `vpn.example.net:1'"),
        ("Unable to modify interface: No such device", "Unable to modify interface: No such device"),
    ],
)
def test_a_tools_words_without_keys(said: str, told: str) -> None:
    assert mask(said) == told


def test_a_secret_is_never_text() -> None:
    secret = Secret(key(1))
    for said in (str(secret), repr(secret), f"{secret}", f"{[secret]}", f"{secret!s}", f"{(1, secret)!r}"):
        assert key(1) not in said
        assert fingerprint(key(1)) in said
    assert secret == Secret(key(1))
    assert secret != Secret(key(2))
    assert len({secret, Secret(key(1)), Secret(key(2))}) == 2
    assert not hasattr(secret, "__dict__")
