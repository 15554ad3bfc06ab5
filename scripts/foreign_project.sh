#!/bin/bash
# The tarball, installed into somebody else's project: no ansible.cfg of ours, no checkout beside it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
rm -rf build/foreign build/routed-fabric-*.tar.gz
mkdir -p build/foreign
ansible-galaxy collection build --force --output-path build >/dev/null
cd build/foreign
export ANSIBLE_COLLECTIONS_PATH=$PWD/collections ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_HOME=$PWD/home
touch ansible.cfg # an empty one, so that no other is found
ansible-galaxy collection install --offline -p collections ../routed-fabric-*.tar.gz >/dev/null
cp -r ../../examples/spine-leaf good

fail() { echo "FAILED: $*" >&2; exit 1; }

ansible-inventory -i good/fabric.yml --graph | tee graph
grep -q '@function_proxmox' graph || fail "no group by function"
ansible-doc -t inventory routed.fabric.fabric >/dev/null || fail "no documentation for the inventory plugin"
ansible-doc routed.fabric.frr_bgp >/dev/null || fail "no documentation for frr_bgp"

# A broken file must fail every playbook, though ansible-core only warns of a bad inventory.
mkdir broken
sed 's/^name: .*/nmae: x/' good/fabric.yml >broken/fabric.yml
for playbook in ../../playbooks/*.yml; do
  name=$(basename "$playbook" .yml)
  [ "$name" = require_fabric ] && continue
  if ansible-playbook -i broken/fabric.yml "routed.fabric.$name" >"$name.log" 2>&1; then
    cat "$name.log"
    fail "playbook $name passed over a broken fabric.yml"
  fi
  grep -q nmae "$name.log" || { cat "$name.log"; fail "playbook $name does not name the mistake"; }
done
echo "foreign project: inventory, documentation and $(find ../../playbooks -name '*.yml' | wc -l) playbooks as they should be"
