# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may have which address, and how it is said."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st
from routed_guests import truth
from routed_guests.addresses import Network, parse
from routed_guests.parsing import GuestConfig, Nic
from routed_guests.truth import Claim

ALLOWED = (parse("2.57.57.0/24"), parse("2001:678:3a4:100::/56"))
MAC = "52:02:45:76:d2:{:02x}"


def claim(vmid: int, *networks: str, source: str = "fabric", mac: int = 0) -> Claim:
    found = [parse(text) for text in networks]
    return Claim(
        source,
        vmid,
        MAC.format(mac or vmid - 100),
        f"web{vmid}",
        tuple(each for each in found if each.is_address),
        tuple(each for each in found if not each.is_address),
    )


def whys(*claims: Claim) -> list[str]:
    return [refusal.why for refusal in truth.decide(claims, ALLOWED)[1]]


def granted(*claims: Claim) -> dict[int, set[str]]:
    grants = truth.decide(claims, ALLOWED)[0]
    return {key[0]: {str(each) for each in (*grant.addresses, *grant.prefixes)} for key, grant in grants.items()}


def test_granted() -> None:
    assert granted(claim(130, "2.57.57.30", "2001:678:3a4:100::80", "2.57.57.64/28"), claim(131, "2.57.57.31")) == {
        130: {"2.57.57.30", "2001:678:3a4:100::80", "2.57.57.64/28"},
        131: {"2.57.57.31"},
    }


def test_sources_of_one_interface_add_up() -> None:
    claims = (claim(130, "2.57.57.30"), claim(130, "2.57.57.30", "2.57.57.31", source="ipfilter"))
    assert granted(*claims) == {130: {"2.57.57.30", "2.57.57.31"}}
    assert whys(*claims) == []


def test_outside_of_the_prefixes() -> None:
    assert whys(claim(130, "2.57.58.1")) == [
        (
            "2.57.58.1 of web130 (VMID 130, 52:02:45:76:d2:1e), from fabric, is in none of the guests' prefixes"
            " (2.57.57.0/24, 2001:678:3a4:100::/56)."
        ),
    ]
    assert granted(claim(130, "2.57.56.0/23")) == {}


def test_two_of_the_fabric() -> None:
    assert whys(claim(130, "2.57.57.30"), claim(131, "2.57.57.30")) == [
        (
            "2.57.57.30 of web130 (VMID 130, 52:02:45:76:d2:1e), from fabric, also belongs to"
            " web131 (VMID 131, 52:02:45:76:d2:1f), from fabric: neither gets it until one is removed."
        ),
        (
            "2.57.57.30 of web131 (VMID 131, 52:02:45:76:d2:1f), from fabric, also belongs to"
            " web130 (VMID 130, 52:02:45:76:d2:1e), from fabric: neither gets it until one is removed."
        ),
    ]


def test_a_tenant_takes_nothing_from_the_fabric() -> None:
    claims = (claim(130, "2.57.57.30"), claim(131, "2.57.57.16/28", "2.57.57.5", source="ipfilter"))
    assert granted(*claims) == {130: {"2.57.57.30"}, 131: {"2.57.57.5"}}
    assert whys(*claims) == [
        (
            "2.57.57.16/28 of web131 (VMID 131, 52:02:45:76:d2:1f), from ipfilter, overlaps 2.57.57.30, which"
            " belongs to web130 (VMID 130, 52:02:45:76:d2:1e), from fabric: the fabric's entry wins."
        ),
    ]


def test_two_tenants() -> None:
    claims = (claim(130, "2.57.57.30", source="ipconfig"), claim(131, "2.57.57.30", source="ipfilter"))
    assert granted(*claims) == {}
    assert len(whys(*claims)) == 2


def test_a_prefix_needs_an_address_to_be_routed_to() -> None:
    assert whys(claim(130, "2.57.57.30", "2001:678:3a4:1ff::/64")) == [
        "2001:678:3a4:1ff::/64 of web130 (VMID 130, 52:02:45:76:d2:1e) cannot be routed: the guest has no IPv6 address."
    ]


def test_entries_of_the_file() -> None:
    claims, refused = truth.fabric_claims(
        [
            {"name": "web01", "vmid": 130, "mac": "52:02:45:76:D2:35", "addresses": ["2.57.57.30"]},
            {"name": "a", "vmid": 131, "mac": "5202", "addresses": []},
            {"name": "b", "mac": "52:02:45:76:d2:36"},
            {"name": "c", "vmid": 132, "mac": "52:02:45:76:d2:37", "addresses": ["2.57.57.0/30", "x"]},
            "web02",
        ]
    )
    assert [each.vmid for each in claims] == [130, 132]
    assert claims[0].mac == "52:02:45:76:d2:35"
    assert [each.why for each in refused] == [
        "guests.json: guests[1] (VMID 131): '5202' is not a MAC address.",
        "guests.json: guests[2] has no VMID.",
        "c (VMID 132, 52:02:45:76:d2:37): 2.57.57.0/30 is a prefix; a routed prefix belongs under `prefixes`.",
        "c (VMID 132, 52:02:45:76:d2:37): 'x' is not an address.",
        "guests.json: guests[4] has no VMID.",
    ]


def test_tenants_claim_for_the_bridge_only() -> None:
    config = GuestConfig(
        "web",
        "",
        (
            Nic(0, MAC.format(1), "vmbr1", False, (parse("2.57.57.30"),)),
            Nic(1, MAC.format(2), "vmbr0", False, (parse("2.57.57.31"),)),
        ),
    )
    filters = {0: (parse("2.57.57.32"), parse("2.57.57.64/28")), 1: (parse("2.57.57.33"),)}
    both = truth.tenant_claims(130, config, filters, "vmbr1", ("ipfilter", "ipconfig"))
    assert [(each.source, each.mac, len(each.addresses), len(each.prefixes)) for each in both] == [
        ("ipfilter", MAC.format(1), 1, 1),
        ("ipconfig", MAC.format(1), 1, 0),
    ]
    assert truth.tenant_claims(130, config, filters, "vmbr1", ("fabric",)) == []


def test_a_tenant_takes_nothing_that_is_said_twice() -> None:
    """The fabric's entry stays, also where the guest's own set repeats it and a third one contests the repetition."""
    contesting = claim(130, "2.57.57.0/24", source="ipfilter")
    claims = (contesting, claim(131, "2.57.57.9"), claim(131, "2.57.57.9", source="ipfilter"))
    assert granted(*claims) == {131: {"2.57.57.9"}}


networks = st.builds(
    lambda value, length: Network(
        4, ((2 << 24) + (57 << 16) + (57 << 8) + value) >> (32 - length) << (32 - length), length
    ),
    st.integers(0, 255),
    st.sampled_from([24, 26, 28, 30, 31, 32, 32, 32]),
)
claims_strategy = st.lists(
    st.builds(
        lambda vmid, source, found: Claim(
            source,
            vmid,
            MAC.format(vmid),
            "",
            tuple(each for each in found if each.is_address),
            tuple(each for each in found if not each.is_address),
        ),
        st.integers(100, 105),
        st.sampled_from(["fabric", "ipfilter", "ipconfig"]),
        st.lists(networks, max_size=4),
    ),
    max_size=10,
)


@given(claims_strategy)
def test_no_address_has_two_owners(claims: list[Claim]) -> None:
    """And nothing is refused without a reason, seen by a comparison of each with each."""
    grants, refused = truth.decide(claims, ALLOWED)

    def plain(network: Network) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network((network.value, network.length))

    owned = [(key, plain(each)) for key, grant in grants.items() for each in (*grant.addresses, *grant.prefixes)]
    for key, network in owned:
        for other, second in owned:
            assert key == other or not network.overlaps(second)
    wishes = [
        (claim.source == "fabric", claim.vmid, each) for claim in claims for each in (*claim.addresses, *claim.prefixes)
    ]
    said = {(refusal.vmid, refusal.address) for refusal in refused}
    for said_by_fabric, vmid, network in wishes:
        trusted = said_by_fabric or (True, vmid, network) in wishes
        beaten = any(
            vmid != other and plain(network).overlaps(plain(second)) and (stronger or not trusted)
            for stronger, other, second in wishes
        )
        has = any(key[0] == vmid and plain(network) == mine for key, mine in owned)
        if not beaten and network.is_address:
            assert has
        assert has or (vmid, str(network)) in said
