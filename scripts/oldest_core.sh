#!/bin/bash
# The standing twin of the example, through the playbooks with the oldest ansible-core that the collection names and that
# this Python can run: nothing may change, and every check must pass.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
cache=${FABRIC_CACHE:-$HOME/.cache/routed-fabric}
core=2.17.14
python -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || core=2.18.19 # the oldest for Python 3.13
if [ "$(cat "$cache/venv-oldest/.made-from" 2>/dev/null)" != "$core" ]; then
  rm -rf "$cache/venv-oldest"
  uv venv -q --python "$(command -v python)" "$cache/venv-oldest"
  uv pip install -q --python "$cache/venv-oldest/bin/python" "ansible-core==$core" netaddr jsonschema
  printf '%s\n' "$core" >"$cache/venv-oldest/.made-from"
fi
export ROUTED_FABRIC_TWIN=1 ANSIBLE_LOCALHOST_WARNING=false PATH="$cache/venv-oldest/bin:$PATH"
fabric=${FABRIC_TWIN_FILE:-examples/spine-leaf/fabric.yml}
ansible --version
ansible-playbook -i "$fabric" playbooks/site.yml | tee build/oldest-core.log
if grep -E '^[a-z0-9]+ +: .*(changed=[1-9]|failed=[1-9]|unreachable=[1-9])' build/oldest-core.log; then exit 1; fi
ansible-playbook -i "$fabric" playbooks/site.yml --check --diff
ansible-playbook -i "$fabric" playbooks/verify.yml
