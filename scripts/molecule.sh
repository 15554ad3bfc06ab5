#!/bin/bash
# Every molecule scenario. molecule's summary has called a failed step successful before: its exit status and CRITICAL lines count.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
for scenario in extensions/molecule/*/molecule.yml; do
  name=$(basename "$(dirname "$scenario")")
  molecule test --scenario-name "$name" 2>&1 | tee "build/molecule-$name.log"
  if grep -q CRITICAL "build/molecule-$name.log"; then exit 1; fi
done
