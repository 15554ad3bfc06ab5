#!/bin/bash
# Types, checked under the names that Ansible imports the files by.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../build/collections"
packages=()
for part in inventory connection filter modules module_utils plugin_utils; do
  compgen -G "ansible_collections/routed/fabric/plugins/$part/*" >/dev/null &&
    packages+=(-p "ansible_collections.routed.fabric.plugins.$part")
done
mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache "${packages[@]}"
# What runs as a program of its own: on Proxmox nodes, and in their twins.
for part in routed_guests/files:routed_guests twin/files:pvesim; do
  cd "../../roles/${part%%:*}"
  mypy --config-file ../../../pyproject.toml --cache-dir ../../../.mypy_cache -p "${part##*:}"
  cd ../../../build/collections
done
mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache ../../roles/server/files/fabric_legs.py
