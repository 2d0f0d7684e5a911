// The result of a run, and how it is shown.
export type Target = 'agent' | 'libvirtd' | 'qemu'

export type KillRow = {
  nth: number
  /** What was going on, and with which lease. */
  act: string
  target: Target
  /** The lease whose QEMU was killed. */
  victim: string | null
  /** Between the beginning of the act and the kill. */
  afterMs: number
  /** From the kill until everything was explained; null when it was not in time. */
  convergedMs: number | null
  findings: readonly string[]
}

export type AgentCrashReport = {
  subject: 'agent'
  seed: number
  seconds: number
  rows: readonly KillRow[]
  /** Kills that were asked for. */
  wanted: number
  leases: number
  /** Starts after the first of each guest: its own QEMU was gone, or its tenant asked for one. */
  restarts: number
  /** What was wrong after the last lease had been closed. */
  atTheEnd: readonly string[]
  ok: boolean
  /** Where logs are, when they were kept. */
  folder: string | null
}

const HEAD = ['#', 'meanwhile', 'killed', 'after ms', 'converged ms']

export const lineOf = ({ nth, act, target, victim, afterMs, convergedMs }: KillRow): string[] => [
  `${nth}`,
  act,
  victim === null ? target : `${target} of ${victim}`,
  `${afterMs}`,
  convergedMs === null ? 'NOT IN TIME' : `${convergedMs}`,
]

export const printAgentReport = (report: AgentCrashReport): void => {
  const { rows, atTheEnd } = report
  const table = [HEAD, ...rows.map(lineOf)]
  const widths = HEAD.map((_, column) => Math.max(...table.map((line) => line[column]!.length)))
  for (const line of table)
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
  const converged = rows.flatMap((row) => row.convergedMs ?? [])
  const killed = (target: Target) => rows.filter((row) => row.target === target).length
  console.log(
    `${rows.length} of ${report.wanted} kills in ${report.seconds} s (seed ${report.seed}): agent ${killed('agent')}, ` +
      `libvirtd ${killed('libvirtd')}, qemu ${killed('qemu')}`,
  )
  console.log(
    `${report.leases} leases; ${report.restarts} starts after the first, each explained by a QEMU that was gone or by an order`,
  )
  if (converged.length > 0) console.log(`slowest to converge: ${Math.max(...converged)} ms`)
  const findings = [
    ...rows.flatMap((row) => row.findings.map((finding) => `after kill ${row.nth}: ${finding}`)),
    ...atTheEnd.map((finding) => `at the end: ${finding}`),
  ]
  console.log(`${findings.length} findings`)
  for (const finding of findings) console.log(`  ${finding}`)
  if (report.folder !== null) console.log(`logs: ${report.folder}`)
}
