# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation says what the arguments are, and its examples are good ones."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.routed.fabric.plugins.module_utils._wireguard._options import wanted_interface, wanted_peers
from ansible_collections.routed.fabric.plugins.modules import wireguard_interface, wireguard_peer

from .model import key

MODULES = (wireguard_interface, wireguard_peer)


def _compare(path: str, documented: dict[str, Any], spec: dict[str, Any]) -> None:
    assert set(documented) == set(spec), path
    for name, option in spec.items():
        told = documented[name]
        for item in ("type", "elements", "required", "default", "choices"):
            assert told.get(item) == option.get(item), f"{path}{name}.{item}"
        assert told["description"]
        if "options" in option:
            _compare(f"{path}{name}.", told["suboptions"], option["options"])


@pytest.mark.parametrize("module", MODULES)
def test_options(module: ModuleType) -> None:
    _compare("", yaml.safe_load(module.DOCUMENTATION)["options"], module.argument_spec())


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_taken(module: ModuleType) -> None:
    name = module.__name__.rpartition(".")[2]
    for task in yaml.safe_load(module.EXAMPLES):
        options = task[f"routed.fabric.{name}"]
        for item in [options, *options.get("peers", ())]:
            for secret in ("private_key", "preshared_key"):
                if "{{" in str(item.get(secret)):
                    item[secret] = key(3)
        result = ArgumentSpecValidator(module.argument_spec()).validate(options)
        assert result.error_messages == []
        (wanted_interface if name == "wireguard_interface" else wanted_peers)(result.validated_parameters)


def test_secrets_are_marked() -> None:
    peers = wireguard_peer.argument_spec()["peers"]["options"]
    assert wireguard_interface.argument_spec()["private_key"]["no_log"] is True
    assert (peers["preshared_key"]["no_log"], peers["public_key"]["no_log"]) == (True, False)
