#!/bin/bash
# What Galaxy would say of the tarball.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
rm -f build/routed-fabric-*.tar.gz
ansible-galaxy collection build --force --output-path build
cd build
python -m galaxy_importer.main routed-fabric-*.tar.gz | tee importer.log
if grep -E '^ERROR|Importer processing completed with errors' importer.log; then exit 1; fi
grep -q 'Importer processing completed successfully' importer.log
