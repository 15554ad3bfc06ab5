# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation says what the arguments are, and its examples are good ones."""

from __future__ import annotations

from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.routed.fabric.plugins.module_utils._host_route._options import wanted_of
from ansible_collections.routed.fabric.plugins.modules import host_route


def _compare(path: str, documented: dict[str, Any], spec: dict[str, Any]) -> None:
    assert set(documented) == set(spec), path
    for name, option in spec.items():
        told = documented[name]
        for key in ("type", "elements", "required", "default", "choices"):
            assert told.get(key) == option.get(key), f"{path}{name}.{key}"
        assert told["description"]
        if "options" in option:
            _compare(f"{path}{name}.", told["suboptions"], option["options"])


def test_options() -> None:
    _compare("", yaml.safe_load(host_route.DOCUMENTATION)["options"], host_route.argument_spec())


def test_examples_are_taken() -> None:
    for task in yaml.safe_load(host_route.EXAMPLES):
        result = ArgumentSpecValidator(host_route.argument_spec()).validate(task["routed.fabric.host_route"])
        assert result.error_messages == []
        wanted_of(result.validated_parameters)
