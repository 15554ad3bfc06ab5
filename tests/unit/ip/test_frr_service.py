# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FRR's daemons file and its neighbours."""

from __future__ import annotations

from ansible_collections.routed.fabric.plugins.module_utils import _frr_service as service
from ansible_collections.routed.fabric.plugins.module_utils._frr._forwarding import in_file


def test_daemons() -> None:
    text = '# bgpd=no\nbgpd=no\nbfdd=no\nzebra_options="-A 127.0.0.1"\n'
    after = service.with_daemons(text, {"bgpd": True, "vrrpd": False})
    assert after == '# bgpd=no\nbgpd=yes\nbfdd=no\nzebra_options="-A 127.0.0.1"\nvrrpd=no\n'
    assert service.enabled(after) == {"bgpd": True, "bfdd": False, "vrrpd": False}
    assert service.with_daemons(after, {"bgpd": True, "vrrpd": False}) == after


def test_integrated_config() -> None:
    line = "service integrated-vtysh-config\n"
    assert service.with_integrated_config("") == line
    assert service.with_integrated_config("no " + line + "hostname a\n") == "hostname a\n" + line
    assert service.with_integrated_config(line) == line


def test_untouched() -> None:
    assert service.is_untouched("")
    assert service.is_untouched("# words\nlog syslog informational\n")
    assert not service.is_untouched("hostname a\n")


def test_forwarding_lines() -> None:
    text = "a\nno ip forwarding\nno ipv6 forwarding\nb\n"
    assert service.without_forwarding_lines(text) == "a\nb\n"
    assert service.without_forwarding_lines(text, {"ipv6": False}) == "a\nno ipv6 forwarding\nb\n"
    assert service.without_forwarding_lines(text, {"ipv4": True, "ipv6": False}) == text


def test_the_first_file_of_a_node_that_does_not_forward() -> None:
    """What FRR's first start and a reload read: between the head and everything else."""
    first = service.first_config("a", "datacenter")
    assert in_file(first, {"ipv4": False, "ipv6": False}) == (
        "frr defaults datacenter\nhostname a\nlog syslog informational\nservice integrated-vtysh-config\n"
        "no ipv6 forwarding\nno ip forwarding\n!\n"
    )


def test_unsaved_lines() -> None:
    own = "frr version 10.3\nfrr defaults traditional\nhostname a\nno ip forwarding\n"
    running = own + "router bgp 1\n neighbor b\nexit\nend\n"
    assert service.unsaved_lines(running, "router bgp 1\n") == ["neighbor b"]
