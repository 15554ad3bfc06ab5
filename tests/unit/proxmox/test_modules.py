# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both modules over a directory that stands for the node's `/`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.routed.fabric.plugins.module_utils._frr._errors import FrrError
from ansible_collections.routed.fabric.plugins.module_utils._ip._files import Files
from ansible_collections.routed.fabric.plugins.module_utils._proxmox._node import Change, Node, ProxmoxError
from ansible_collections.routed.fabric.plugins.modules import proxmox_cluster, proxmox_node
from pve_corosync import corosync_conf

MEMBERS = [
    {"name": "pve1", "id": 11, "link0": "192.0.2.11"},
    {"name": "pve2", "id": 12, "link0": "192.0.2.12"},
]
OPTIONS: dict[str, Any] = {
    "node": "pve1",
    "hosts": [{"address": "192.0.2.11", "names": ["pve1"]}, {"address": "192.0.2.12", "names": ["pve2"]}],
    "nics": ["eno1"],
    "migration": {"type": "secure", "network": "192.0.2.0/24"},
    "firewall": {"local_network": "192.0.2.0/24", "management": ["203.0.113.0/24"]},
    "start_order": {"deadline_s": 60, "peers": ["192.0.2.12"]},
    "cluster": {"name": "ams", "nodes": MEMBERS},
}
HOST_FILES = [
    "/etc/systemd/system/fabric-online.service",
    "/etc/systemd/system/corosync.service.d/10-routed-fabric.conf",
    "/etc/systemd/system/pve-cluster.service.d/10-routed-fabric.conf",
    "/etc/hosts",
    "/etc/network/interfaces",
]
PVE_FILES = ["/etc/pve/datacenter.cfg", "/etc/pve/firewall/cluster.fw"]


class Module:
    """What of AnsibleModule is used."""

    def __init__(self, params: dict[str, Any], check_mode: bool = False) -> None:
        self.params = params
        self.check_mode = check_mode
        self.tmpdir = None
        self.warnings: list[str] = []
        self.commands: list[list[str]] = []
        self.answer: Callable[[], tuple[int, str, str]] = lambda: (0, "", "")

    def atomic_move(self, source: str, target: str) -> None:
        shutil.move(source, target)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def run_command(self, command: list[str], **dummy: Any) -> tuple[int, str, str]:
        self.commands.append(command)
        return self.answer()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc/pve").mkdir(parents=True)
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 pve1\n")
    return tmp_path


@pytest.fixture
def proxmox(root: Path) -> Path:
    """With pmxcfs."""
    (root / "etc/pve/.version").write_text("{}")
    return root


def run(root: Path, check: bool = False, **changes: Any) -> tuple[dict[str, Any], Module]:
    module = Module(OPTIONS | changes, check)
    return proxmox_node.run(module, str(root)), module  # type: ignore[arg-type]


def files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


class TestNode:
    def test_check_run_check_run(self, proxmox: Path) -> None:
        before = files(proxmox)
        predicted, dummy = run(proxmox, check=True)
        assert files(proxmox) == before
        done, module = run(proxmox)
        assert (predicted["changed"], predicted["after"]) == (True, done["after"])
        assert done["commands"] == [*(f"write {path}" for path in HOST_FILES + PVE_FILES), "systemctl daemon-reload"]
        assert module.warnings == []
        assert (proxmox / "etc/pve/datacenter.cfg").read_text() == "migration: secure,network=192.0.2.0/24\n"
        assert [path for path in files(proxmox) if "tmp" in path] == []
        for check in (True, False):
            again, module = run(proxmox, check=check)
            assert (again["changed"], again["commands"], again["diff"]) == (False, [], [])

    def test_without_proxmox_the_rest_is_done_and_said(self, root: Path) -> None:
        done, module = run(root)
        assert sorted(done["after"]) == sorted(HOST_FILES)
        assert done["proxmox"] is False
        assert module.warnings == [
            (
                "Proxmox VE does not run on pve1 (no /etc/pve/.version): the migration network and the firewall's "
                "objects are left to a later run"
            )
        ]
        assert not (root / "etc/pve/firewall").exists()

    def test_the_cluster_is_compared(self, proxmox: Path) -> None:
        assert run(proxmox)[0]["cluster"] == {
            "name": "",
            "joined": False,
            "missing": ["pve1", "pve2"],
            "differences": [],
        }
        other = [MEMBERS[0] | {"link0": "192.0.2.99"}]
        (proxmox / "etc/pve/corosync.conf").write_text(corosync_conf({"name": "ams", "nodes": other}))
        done, module = run(proxmox)
        sentence = "link 0 of pve1 is 192.0.2.99, planned is 192.0.2.11"
        assert done["cluster"] == {"name": "ams", "joined": True, "missing": ["pve2"], "differences": [sentence]}
        assert module.warnings == [f"{sentence}; an existing cluster is not changed"]
        assert run(proxmox, cluster=None)[0]["cluster"]["differences"] == []

    def test_another_cluster_is_refused(self, proxmox: Path) -> None:
        (proxmox / "etc/pve/corosync.conf").write_text(corosync_conf({"name": "old", "nodes": MEMBERS}))
        before = files(proxmox)
        with pytest.raises(ProxmoxError) as error:
            run(proxmox)
        assert str(error.value) == (
            "cluster.name: this node is in the cluster 'old', not in 'ams', and Proxmox cannot rename a cluster; call "
            "it 'old' in the plan"
        )
        assert files(proxmox) == before

    def test_a_broken_corosync_conf(self, proxmox: Path) -> None:
        (proxmox / "etc/pve/corosync.conf").write_text("totem {")
        with pytest.raises(ProxmoxError, match=r"^cannot read /etc/pve/corosync.conf: a '\{' without its '\}'$"):
            run(proxmox)

    @pytest.mark.parametrize("kind", ["controllers", "fabrics"])
    def test_where_sdn_owns_frr_it_refuses(self, proxmox: Path, kind: str) -> None:
        (proxmox / "etc/pve/sdn").mkdir()
        running = proxmox / "etc/pve/sdn/.running-config"
        running.write_text(json.dumps({"zones": {"ids": {"z": {}}}, kind: {"ids": {"x": {}}}}))
        with pytest.raises(
            FrrError, match=rf"^Proxmox's SDN owns /etc/frr/frr.conf on this node: .* has {kind} \(x\), "
        ):
            run(proxmox)
        running.write_text(json.dumps({"zones": {"ids": {"z": {}}}}))
        assert run(proxmox)[0]["changed"]

    def test_where_frr_conf_local_exists_it_refuses(self, proxmox: Path) -> None:
        (proxmox / "etc/frr").mkdir()
        (proxmox / "etc/frr/frr.conf.local").write_text("")
        with pytest.raises(FrrError, match=r"frr\.conf\.local exists, which makes it rewrite the file on every apply"):
            run(proxmox)

    def test_public_keys_are_handed_over(self, root: Path) -> None:
        for path in ("root/.ssh/id_rsa.pub", "etc/ssh/ssh_host_rsa_key.pub", "etc/ssh/ssh_host_ed25519_key.pub"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"ssh-rsa {path}\n")
        (root / "etc/ssh/ssh_host_rsa_key").write_text("secret")
        keys = run(root)[0]["ssh_keys"]
        assert keys == {
            "root": "ssh-rsa root/.ssh/id_rsa.pub",
            "host": ["ssh-rsa etc/ssh/ssh_host_ed25519_key.pub", "ssh-rsa etc/ssh/ssh_host_rsa_key.pub"],
        }

    def test_a_file_that_cannot_be_written_undoes_the_rest(self, proxmox: Path) -> None:
        (proxmox / "etc/pve/firewall").write_text("in the way")
        before = files(proxmox)
        with pytest.raises(ProxmoxError) as error:
            run(proxmox, start_order=None)
        assert str(error.value) == (
            "cannot write /etc/pve/firewall/cluster.fw: File exists; everything is as it was before"
        )
        assert files(proxmox) == before

    def test_no_quorum(self, proxmox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(self: Path, target: Path) -> None:
            raise PermissionError(13, "Permission denied")

        before = files(proxmox)
        monkeypatch.setattr(Path, "replace", refused)
        with pytest.raises(ProxmoxError) as error:
            run(proxmox)
        assert str(error.value) == (
            "cannot write /etc/pve/datacenter.cfg: Permission denied (pmxcfs is read-only while the cluster has no "
            "quorum: see `pvecm status`); everything is as it was before"
        )
        assert files(proxmox) == before

    def test_what_cannot_be_put_back_is_said(self, root: Path) -> None:
        class Stuck(Node):
            def write(self, path: str, text: str | None) -> None:
                if text != "new":
                    raise ProxmoxError(f"cannot write {path}")

        node = Stuck(Files(shutil.move), str(root))
        with pytest.raises(ProxmoxError) as error:
            node.apply([Change("/a", "old", "new"), Change("/b", "old", "newer")])
        assert str(error.value) == "cannot write /b; could not be undone: cannot write /a"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"node": "pve9"}, "hosts: no entry has the name 'pve9' of this node"),
            (
                {"hosts": [{"address": "127.0.1.1", "names": ["pve1"]}]},
                "hosts[0].address: 127.0.1.1 is an address of the kernel's own loopback, which pmxcfs refuses",
            ),
            ({"hosts": [{"address": "x", "names": ["pve1"]}]}, "hosts[0].address: 'x' is not an IP address"),
            ({"hosts": [{"address": "192.0.2.1", "names": []}]}, "hosts[0].names: is empty"),
            ({"hosts": [{"address": "192.0.2.1", "names": ["a b"]}]}, "hosts[0].names[0]: 'a b' is not a host name"),
            (
                {"hosts": [OPTIONS["hosts"][0], {"address": "2001:db8::1", "names": ["PVE1"]}]},
                "hosts: 'PVE1' has two addresses, 192.0.2.11 and 2001:db8::1",
            ),
            ({"nics": ["a b"]}, "nics[0]: 'a b' is not the name of an interface"),
            (
                {"migration": {"type": "secure", "network": "192.0.2.1/24"}},
                "migration.network: '192.0.2.1/24' is not a prefix: 192.0.2.1/24 has host bits set",
            ),
            (
                {"firewall": {"local_network": "10.0.0.0/8", "management": ["x"]}},
                "firewall.management[0]: 'x' is not a prefix: 'x' does not appear to be an IPv4 or IPv6 network",
            ),
            (
                {"start_order": {"deadline_s": 0, "peers": []}},
                "start_order.deadline_s: 0 is not between 1 and 600 seconds",
            ),
            ({"start_order": {"deadline_s": 9, "peers": [""]}}, "start_order.peers[0]: '' is not an IP address"),
            (
                {"cluster": {"name": "a-name-too-long-", "nodes": []}},
                "cluster.name: 'a-name-too-long-' is not 1 to 15 letters, digits and hyphens, which is what pvecm "  # noqa: ISC004
                "takes",
            ),
            ({"cluster": {"name": "a", "nodes": [{}]}}, "cluster.nodes[0].name: is missing"),
            (
                {"cluster": {"name": "a", "nodes": [{"name": "x", "link1": "192.0.2.1"}]}},
                "cluster.nodes[0]: the links are numbered from link0 on, without a gap",
            ),
            (
                {"cluster": {"name": "a", "nodes": [{"name": "x", "link0": "y"}]}},
                "cluster.nodes[0].link0: 'y' is not an IP address",
            ),
        ],
    )
    def test_bad_options(self, root: Path, changes: dict[str, Any], message: str) -> None:
        before = files(root)
        with pytest.raises(ProxmoxError) as error:
            run(root, **changes)
        assert str(error.value) == message
        assert files(root) == before


class TestCluster:
    def run(self, root: Path, check: bool = False, answer: Any = None, **changes: Any) -> tuple[dict[str, Any], Module]:
        options = {"name": "ams", "node": MEMBERS[0], "member": None, "member_host_keys": [], "root_keys": []}
        module = Module(options | {"quorum_timeout": 1} | changes, check)
        if answer:
            module.answer = answer
        node = Node(Files(module.atomic_move), str(root))
        return proxmox_cluster.ProxmoxCluster(module, node).run(), module  # type: ignore[arg-type]

    def joined(self, root: Path, *nodes: dict[str, Any], quorate: int = 1) -> tuple[int, str, str]:
        """What pvecm leaves."""
        (root / "etc/pve/corosync.conf").write_text(corosync_conf({"name": "ams", "nodes": nodes}))
        (root / "etc/pve/.members").write_text(json.dumps({"cluster": {"name": "ams", "quorate": quorate}}))
        return 0, "", ""

    def test_the_first_node(self, proxmox: Path) -> None:
        (proxmox / "etc/pve/priv").mkdir()
        (proxmox / "etc/pve/priv/authorized_keys").write_text("ssh-rsa AAAA me\n")
        create = "pvecm create ams --nodeid 11 --link0 192.0.2.11"
        write = "write /etc/pve/priv/authorized_keys"
        keys = {"root_keys": ["ssh-rsa BBBB root@pve2"]}
        predicted, module = self.run(proxmox, check=True, **keys)
        assert predicted["commands"] == [create, write]
        assert module.commands == []
        done, module = self.run(proxmox, answer=lambda: self.joined(proxmox, MEMBERS[0]), **keys)
        assert (done["commands"], module.commands) == ([create, write], [create.split()])
        assert (done["before"], done["after"]) == ({"name": "", "nodes": []}, {"name": "ams", "nodes": ["pve1"]})
        text = (proxmox / "etc/pve/priv/authorized_keys").read_text()
        assert text == "ssh-rsa AAAA me\nssh-rsa BBBB root@pve2\n"
        for check in (True, False):
            again, module = self.run(proxmox, check=check, **keys)
            assert (again["changed"], again["commands"], module.commands) == (False, [], [])

    def test_another_node(self, proxmox: Path) -> None:
        options = {"node": MEMBERS[1], "member": "192.0.2.11", "member_host_keys": ["ssh-ed25519 CCCC root@pve1"]}
        done, _ = self.run(proxmox, answer=lambda: self.joined(proxmox, *MEMBERS), **options)
        add = "pvecm add 192.0.2.11 --use_ssh 1 --nodeid 12 --link0 192.0.2.12"
        assert done["commands"] == ["write /root/.ssh/known_hosts", add]
        assert (proxmox / "root/.ssh/known_hosts").read_text() == "192.0.2.11 ssh-ed25519 CCCC root@pve1\n"

    def test_a_cluster_that_does_not_name_the_node(self, proxmox: Path) -> None:
        """Such a file was left over, or its node does not have a file system of its own yet: pvecm decides."""
        self.joined(proxmox, MEMBERS[0])
        options = {"node": MEMBERS[1], "member": "192.0.2.11"}
        done, _ = self.run(proxmox, answer=lambda: self.joined(proxmox, *MEMBERS), **options)
        assert (done["before"]["nodes"], done["after"]["nodes"]) == (["pve1"], ["pve1", "pve2"])
        predicted, _ = self.run(proxmox, check=True, node={**MEMBERS[1], "name": "pve3"}, member="192.0.2.11")
        assert (predicted["changed"], predicted["after"]["nodes"]) == (True, ["pve1", "pve2", "pve3"])

    def test_pvecm_refuses(self, proxmox: Path) -> None:
        with pytest.raises(ProxmoxError) as error:
            self.run(proxmox, answer=lambda: (255, "", "* this host already contains virtual guests\n"))
        assert str(error.value) == (
            "`pvecm create ams --nodeid 11 --link0 192.0.2.11` failed: * this host already contains virtual guests"
        )

    def test_no_quorum(self, proxmox: Path) -> None:
        with pytest.raises(ProxmoxError) as error:
            self.run(proxmox, answer=lambda: self.joined(proxmox, MEMBERS[0], quorate=0))
        assert str(error.value) == "pvecm went well for 'ams', but after 1 s the cluster has no quorum"
        (proxmox / "etc/pve/corosync.conf").unlink()
        with pytest.raises(ProxmoxError, match=r"but after 1 s /etc/pve/corosync\.conf does not name pve1"):
            self.run(proxmox)

    def test_a_node_of_another_cluster(self, proxmox: Path) -> None:
        self.joined(proxmox, MEMBERS[0])
        with pytest.raises(ProxmoxError) as error:
            self.run(proxmox, name="fra")
        assert str(error.value) == "name: pve1 is in the cluster 'ams' and cannot join 'fra'"

    def test_without_proxmox(self, root: Path) -> None:
        with pytest.raises(ProxmoxError) as error:
            self.run(root)
        assert str(error.value) == (
            "Proxmox VE does not run on pve1 (no /etc/pve/.version): install it first, for example with 'install: "
            "true' under proxmox in fabric.yml"
        )

    def test_a_node_without_a_number(self, proxmox: Path) -> None:
        with pytest.raises(ProxmoxError, match=r"^node.id: '' is not a number$"):
            self.run(proxmox, node={"name": "pve1", "link0": "192.0.2.11"})
