"""The guest's own configuration, form by form."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.routed.fabric.plugins.filter.guests import FilterModule
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import guest_side

HEADER = "# Made by the Ansible collection routed.fabric from fabric.yml.\n"
WEB01 = {
    "mac": "52:02:45:76:d2:35",
    "addresses": ["2.57.57.30", "2001:678:3a4:100::80"],
    "nameservers": ["2620:fe::fe", "2620:fe::9"],
    "interface": "ens18",
}

# the file that the first of the seeds shows
SEED = """\
network:
  ethernets:
    ens18:
      accept-ra: no
      nameservers:
          addresses:
              - 2620:fe::fe
              - 2620:fe::9
      addresses:
              - 2.57.57.30/32
              - 2001:678:3a4:100::80/128
      routes:
      - to: default
        via: fe80::1
      - to: default
        via: 169.254.0.1
        on-link: true
  version: 2
"""


def test_netplan_says_what_the_seed_says():
    assert yaml.safe_load(guest_side.netplan(WEB01)) == yaml.safe_load(SEED)


def test_netplan():
    assert guest_side.netplan(WEB01) == HEADER + (
        "network:\n"
        "  version: 2\n"
        "  ethernets:\n"
        "    ens18:\n"
        "      accept-ra: no\n"
        "      addresses:\n"
        "        - 2.57.57.30/32\n"
        '        - "2001:678:3a4:100::80/128"\n'
        "      nameservers:\n"
        "        addresses:\n"
        '          - "2620:fe::fe"\n'
        '          - "2620:fe::9"\n'
        "      routes:\n"
        "        - to: default\n"
        '          via: "fe80::1"\n'
        "        - to: default\n"
        "          via: 169.254.0.1\n"
        "          on-link: true\n"
    )


def test_one_family_has_one_gateway():
    data = yaml.safe_load(guest_side.netplan({"mac": WEB01["mac"], "addresses": ["2001:DB8::1"]}))
    interface = data["network"]["ethernets"]["ens18"]
    assert interface["addresses"] == ["2001:db8::1/128"]
    assert interface["routes"] == [{"to": "default", "via": "fe80::1"}]
    assert "nameservers" not in interface


def test_cloud_init():
    data = yaml.safe_load(guest_side.cloud_init(WEB01))
    assert data["version"] == 2
    interface = data["ethernets"]["ens18"]
    assert interface["match"] == {"macaddress": "52:02:45:76:d2:35"}
    assert interface["set-name"] == "ens18"
    assert interface["routes"] == [
        {"to": "::/0", "via": "fe80::1"},
        {"to": "0.0.0.0/0", "via": "169.254.0.1", "on-link": True},
    ]
    assert interface["nameservers"] == {"addresses": ["2620:fe::fe", "2620:fe::9"]}
    assert interface["accept-ra"] is False


def test_ifupdown():
    guest = {**WEB01, "addresses": [*WEB01["addresses"], "2.57.57.31"], "interface": "eth0"}
    assert guest_side.ifupdown(guest) == HEADER + (
        "auto eth0\n"
        "\n"
        "iface eth0 inet static\n"
        "    address 2.57.57.30/32\n"
        "    post-up ip addr replace 2.57.57.31/32 dev $IFACE\n"
        "    post-up ip -4 route replace default via 169.254.0.1 dev $IFACE onlink\n"
        "    dns-nameservers 2620:fe::fe 2620:fe::9\n"
        "\n"
        "iface eth0 inet6 static\n"
        "    accept_ra 0\n"
        "    dad-attempts 0\n"
        "    address 2001:678:3a4:100::80/128\n"
        "    post-up ip -6 route replace default via fe80::1 dev $IFACE\n"
    )


def test_networkd():
    assert guest_side.networkd(WEB01) == HEADER + (
        "[Match]\n"
        "MACAddress=52:02:45:76:d2:35\n"
        "\n"
        "[Network]\n"
        "DHCP=no\n"
        "IPv6AcceptRA=no\n"
        "LinkLocalAddressing=ipv6\n"
        "Address=2.57.57.30/32\n"
        "Address=2001:678:3a4:100::80/128\n"
        "DNS=2620:fe::fe\n"
        "DNS=2620:fe::9\n"
        "\n"
        "[Route]\n"
        "Gateway=fe80::1\n"
        "\n"
        "[Route]\n"
        "Gateway=169.254.0.1\n"
        "GatewayOnLink=yes\n"
    )


def test_all_forms_as_files():
    assert set(guest_side.files(WEB01)) == {"netplan.yaml", "interfaces", "routed.network", "network-config"}


@pytest.mark.parametrize(
    ("guest", "form", "message"),
    [
        (WEB01, "wicked", "there is no form 'wicked'; use one of netplan, ifupdown, networkd, cloud-init"),
        ({"mac": "x"}, "netplan", "the guest has no 'addresses'"),
        ({**WEB01, "addresses": ["x"]}, "netplan", "'x' is not an IP address"),
    ],
)
def test_what_cannot_be_is_refused(guest, form, message):
    with pytest.raises(ValueError, match=message):
        guest_side.config(guest, form)
    with pytest.raises(Exception, match=f"routed.fabric.guest_config: {message}"):
        FilterModule().filters()["guest_config"](guest, form)
