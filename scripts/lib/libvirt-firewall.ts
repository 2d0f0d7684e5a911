// What libvirt leaves in the host's firewall when its last network goes: empty chains, and the jumps to them.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const TABLES = ['filter', 'nat', 'mangle'] as const
const FAMILIES = ['iptables', 'ip6tables'] as const

const run = async (command: string, args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(command, [...args], { timeout: 20_000 })).stdout

const rulesOf = async (family: string, table: string): Promise<string[]> =>
  // A family or table that this kernel lacks has no rules.
  (await run(family, ['-t', table, '-S']).catch(() => '')).split('\n')

/** Whether a libvirt has been here: chains that somebody else's daemon made are not ours to remove. */
export const hasLibvirtChains = async (): Promise<boolean> => {
  for (const family of FAMILIES) {
    for (const table of TABLES) {
      if ((await rulesOf(family, table)).some((line) => line.startsWith('-N LIBVIRT_'))) return true
    }
  }
  return false
}

/** Jumps first, then contents, then the chains: each in use by the one before. */
export const removeLibvirtChains = async (): Promise<void> => {
  for (const family of FAMILIES) {
    for (const table of TABLES) {
      const lines = await rulesOf(family, table)
      for (const line of lines.filter((text) => /^-A .* -j LIBVIRT_/.test(text))) {
        await run(family, ['-t', table, '-D', ...line.split(' ').slice(1)])
      }
      const chains = lines.flatMap((text) => /^-N (LIBVIRT_\w+)/.exec(text)?.[1] ?? [])
      for (const chain of chains) await run(family, ['-t', table, '-F', chain])
      for (const chain of chains) await run(family, ['-t', table, '-X', chain])
    }
  }
}
