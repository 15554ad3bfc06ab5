# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin: reads a fabric file, has it planned, and hands hosts, groups and variables to Ansible."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fabric
short_description: A routed fabric from one file
version_added: 0.1.0
author:
  - The routed.fabric contributors (@routed)
description:
  - Reads a fabric file (C(fabric.yml)), checks it as a whole, and makes one host of every node.
  - Every host gets the variable C(fabric_node), which holds everything that the roles of this collection need,
    finished.
  - "Groups: C(fabric) has all nodes, C(fabric_managed) and C(fabric_unmanaged) part them by whether our roles may
    configure them; C(function_NAME), C(site_NAME), C(rack_NAME) and C(platform_NAME) follow from the file."
  - All mistakes of a file are reported at once. ansible-core only warns when an inventory cannot be read; so that no
    playbook goes on with half a network, the mistakes are also left in the variable C(fabric_errors) of the group
    C(all), and every playbook of this collection begins by looking at it.
notes:
  - The reference of the file is in C(docs/reference/fabric.md), a JSON Schema for editors beside it.
  - Files whose name ends in C(fabric.yml) or C(fabric.yaml) are recognised by it, other YAML files by their key
    O(plugin).
  - The public keys of WireGuard interfaces are read from C(public_keys.yml) beside the file, or C(X.public_keys.yml)
    beside C(X.fabric.yml), which the playbook C(routed.fabric.wireguard_keys) writes. The twin's are in
    C(public_keys.twin.yml).
  - The variables C(fabric_name), C(fabric_nodes) and C(fabric_links) of the group C(fabric) describe the fabric as a
    whole.
requirements:
  - jsonschema
  - netaddr
extends_documentation_fragment:
  - ansible.builtin.constructed
options:
  plugin:
    description: The name of this plugin. It makes sure that the file is meant for it.
    type: str
    required: true
    choices: [routed.fabric.fabric]
  twin:
    description:
      - Whether to plan the twin instead of the real network.
      - Every node is then a container with FRR that all roles may configure; nodes that are not managed in reality
        have a stand-in, and their interfaces the names that Linux accepts.
    type: bool
    default: false
    env:
      - name: ROUTED_FABRIC_TWIN
"""

EXAMPLES = r"""
# fabric.yml
plugin: routed.fabric.fabric
name: ams
pools:
  asn: 4200000000-4200009999
  loopback4: 10.255.254.0/24
  loopback6: 2001:db8:100::/64
nodes:
  tor1: {id: 1, asn: 65001}
  tor2: {id: 2, asn: 65002}
  pve1: {id: 11, functions: [proxmox], uplinks: {enp1s0: "tor1:swp1", enp1s1: "tor2:swp1"}}
  ceph1: {id: 21, functions: [ceph], uplinks: {enp1s0: "tor1:swp2", enp1s1: "tor2:swp2"}}
# Variables and groups of one's own, as in ansible.builtin.constructed
compose:
  ansible_host: fabric_node.name ~ '.example.net'
"""

import re
from pathlib import Path
from typing import Any, NoReturn

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable

from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.duplicates import duplicate_keys
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.errors import FabricError, MissingLibrary
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.planner import Plan, plan
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.public_keys import keys_file, read_keys

try:
    from ansible.template import trust_as_template  # ansible-core 2.19
except ImportError:
    trust_as_template = str

CONNECTION = "routed.fabric.twin"
OPTIONS = ("compose", "groups", "keyed_groups", "leading_separator", "strict", "twin", "use_extra_vars")


def trusted(value: Any) -> Any:
    """The same data with its strings trusted, unless one could be a template: the plan refuses those, this makes sure.

    Without trust, `ansible-inventory --list` wraps every string in a mapping with the key `__ansible_unsafe`.
    """
    if isinstance(value, dict):
        return {trusted(key): trusted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [trusted(inner) for inner in value]
    if isinstance(value, str) and not any(marker in value for marker in ("{{", "{%", "{#")):
        return trust_as_template(value)
    return value


class InventoryModule(BaseInventoryPlugin, Constructable):  # type: ignore[misc]
    NAME = "routed.fabric.fabric"

    def verify_file(self, path: str) -> bool:
        if not super().verify_file(path) or not path.endswith((".yml", ".yaml")):
            return False
        if path.rpartition(".")[0].endswith("fabric"):
            return True
        # any other name: the key decides, looked for in the text because a broken file is to be reported, too
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        return re.search(r"""^plugin: *["']?routed\.fabric\.fabric\b""", text, re.MULTILINE) is not None

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        data = loader.load_from_file(path, cache="none", unsafe=True)  # not copied: the plan copies what it keeps
        duplicates = duplicate_keys(Path(path).read_text(encoding="utf-8"))
        twin = self._twin(data)
        self._keys_file = Path(path).parent / keys_file(Path(path).name, twin=twin)
        try:
            result = plan(data, twin=twin, duplicates=duplicates, public_keys=self._public_keys(loader))
        except FabricError as exc:
            self._refuse(path, [str(problem) for problem in exc.problems])
        except MissingLibrary as exc:
            self._refuse(path, [str(exc)])
        # A second time, in the way that lets ansible-core trust the expressions of compose and groups. With thousands
        # of guests that takes seconds.
        if any(key in data for key in OPTIONS):
            self._read_config_data(path)
        self._hand_over(result)

    def _public_keys(self, loader: Any) -> dict[str, dict[str, str]]:
        if not self._keys_file.exists():
            return {}
        return read_keys(self._keys_file.name, loader.load_from_file(str(self._keys_file), cache="none", unsafe=True))

    def _twin(self, data: Any) -> bool:
        """The option, read before the rest of the file is known to be sound."""
        self.set_options(direct={"plugin": self.NAME})
        if isinstance(data, dict) and isinstance(data.get("twin"), bool):
            return bool(data["twin"])
        return bool(self.get_option("twin"))

    def _refuse(self, path: str, errors: list[str]) -> NoReturn:
        """Fail with every mistake, and leave them to the playbooks in case this error passes as a warning."""
        known = self.inventory.groups["all"].vars.get("fabric_errors", [])
        # a mistake may quote a template, and ansible-core before 2.19 would render it
        harmless = [re.sub(r"\{(?=[{%#])", "{ ", f"{path}: {error}") for error in errors]
        self.inventory.set_variable("all", "fabric_errors", known + [e for e in harmless if e not in known])
        count = f"{len(errors)} mistakes" if len(errors) > 1 else "a mistake"
        listed = "\n".join(f"  {error}" for error in errors)
        raise AnsibleParserError(f"{path} has {count}; nothing was planned.\n{listed}") from None

    def _hand_over(self, result: Plan) -> None:
        twin = self.get_option("twin")
        for group, names in result.groups.items():
            self.inventory.add_group(group)
            for name in names:
                self.inventory.add_host(name, group=group)
        whole = {
            "fabric_name": result.name,
            "fabric_nodes": list(result.nodes),
            "fabric_links": result.links,
            "fabric_guests": result.guests,
            "fabric_keys_file": str(self._keys_file.resolve()),
        }
        for key, value in trusted(whole).items():
            self.inventory.set_variable("fabric", key, value)
        strict = self.get_option("strict")
        for name, fabric_node in result.nodes.items():
            self.inventory.set_variable(name, "fabric_node", trusted(fabric_node))
            if twin:
                self.inventory.set_variable(name, "ansible_connection", trusted(CONNECTION))
                self.inventory.set_variable(name, "ansible_host", trusted(result.containers[name]))
            variables = self.inventory.get_host(name).get_vars()
            self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
            variables = self.inventory.get_host(name).get_vars()
            self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)
