// The outside of a run: a machine of its own, a bound on its time, and what is kept of it.
import { chmod, cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DecloudError } from '@decloud/protocol'
import type { CrashOptions } from '../../../test/crash/run.ts'
import { buildImage } from '../../lib/images.ts'
import { startReaper } from '../../lib/leftovers.ts'
import { libvirtMissing } from '../../lib/libvirt-up.ts'
import { onOwnMachine } from '../../lib/own-machine.ts'
import type { InsideOptions, InsideReport } from './inside.ts'
import type { AgentCrashReport } from './report.ts'

const INSIDE = fileURLToPath(new URL('./inside.ts', import.meta.url))

export type AgentCrashOptions = CrashOptions & {
  /** Seconds from a kill until everything has to be explained. */
  convergeSeconds: number
}

/** @throws DecloudError `crash-missing` where no real guest can run, `crash-aborted`, `crash-failed`. */
export const runAgentCrash = async (options: AgentCrashOptions): Promise<AgentCrashReport> => {
  const started = performance.now()
  const missing = await libvirtMissing()
  if (missing !== null) {
    throw new DecloudError('crash-missing', `No real guests here: ${missing}.`, {
      hint: 'Run `sh scripts/setup.sh hypervisor` as root.',
    })
  }
  const { seed, kills, withinSeconds, convergeSeconds } = options
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(withinSeconds * 1_000)])
  const leftovers = await startReaper()
  const folder = await mkdtemp(join(tmpdir(), 'decloud-crash-'))
  // Until the run is through: who kills this process wants nothing kept.
  leftovers.add({ kind: 'directory', path: folder })
  await chmod(folder, 0o711)
  try {
    const imageDir = await buildImage('tiny', { signal, leftovers })
    const inside: InsideOptions = { folder, imageDir, seed, kills, convergeMs: convergeSeconds * 1_000 }
    const args = [JSON.stringify(inside)]
    const code = await onOwnMachine({ scratch: folder, script: INSIDE, args, leftovers, signal })
    if (signal.aborted) throw aborted(options)
    if (code !== 0) {
      throw new DecloudError('crash-failed', 'The run ended before its kills did; the lines above say why.')
    }
    const result = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')) as InsideReport
    const findings = [...result.atTheEnd, ...result.rows.flatMap((row) => row.findings)]
    const ok = findings.length === 0 && result.rows.length === kills
    const kept = options.keep || !ok ? `${folder}-kept` : null
    if (kept !== null) await keep(folder, kept)
    const seconds = Math.round((performance.now() - started) / 1_000)
    return { subject: 'agent', seed, seconds, wanted: kills, ...result, ok, folder: kept }
  } finally {
    await leftovers.reap()
  }
}

const aborted = ({ signal, withinSeconds }: CrashOptions) =>
  new DecloudError(
    'crash-aborted',
    signal.aborted ? 'The run was broken off.' : `The run was not through after ${withinSeconds} s.`,
  )

/** Logs and the report, not the disks. */
const keep = async (folder: string, kept: string) => {
  await rm(join(folder, 'node'), { recursive: true, force: true })
  await cp(folder, kept, { recursive: true })
}
