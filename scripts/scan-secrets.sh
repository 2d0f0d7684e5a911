#!/bin/sh
# Fails when a tracked file looks like it holds a secret. Test keys are those that anvil and Hardhat print for everyone.
set -eu
cd "$(dirname "$0")/.."
status=0
# A 32-byte hex value next to a word that names a private key, a PEM private key, or common tokens.
patterns='(private[_-]?key|secret|mnemonic|password)["'\'' ]*[:=]["'\'' ]*(0x)?[0-9a-fA-F]{64}|-----BEGIN [A-Z ]*PRIVATE KEY-----($|\\n|[A-Za-z0-9+/])|gh[pousr]_[A-Za-z0-9]{36}|AKIA[0-9A-Z]{16}|npm_[A-Za-z0-9]{36}|xox[baprs]-[A-Za-z0-9-]{10,}'
known='ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80|59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
found=$(git grep -nIE "$patterns" -- ':!package-lock.json' ':!scripts/scan-secrets.sh' | grep -vE "$known" || true)
if [ -n "$found" ]; then
  echo 'these lines look like secrets; move them to an environment file or a keystore:'
  echo "$found"
  status=1
fi
files=$(git ls-files | grep -E '(^|/)(\.env(\..*)?|.*\.pem|.*\.key|keystore[^/]*\.json)$' | grep -v '\.env\.example$' || true)
if [ -n "$files" ]; then
  echo 'files of this kind are never committed:'
  echo "$files"
  status=1
fi
exit $status
