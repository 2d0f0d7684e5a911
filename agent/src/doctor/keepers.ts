// Who hears that this node is there. An agent needs no keeper: what is wrong here is never a fault.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sentenceOf } from '@decloud/protocol'
import { SLOT_SECONDS } from '@decloud/protocol/wire/heartbeat'
import Sqlite from 'better-sqlite3'
import { type Finding, ok, unknown, warn } from './finding.ts'
import { agentOn } from './running.ts'
import type { Subject } from './subject.ts'

const ANSWER_MS = 5_000
/** Keepers call a node offline then. */
const OFFLINE_SECONDS = 120

export const checkKeepers = async (subject: Subject): Promise<Finding[]> => {
  const check = 'keepers'
  const { keepers = [] } = subject.config()
  if (keepers.length === 0)
    return [ok(check, 'none is configured: the node is in no marketplace, and works all the same')]
  const urls = keepers.filter((address) => address.startsWith('http'))
  const asked = await Promise.all(
    urls.map(async (url) => ({ host: new URL(url).host, error: await whySilent(url, subject.signal) })),
  )
  const silent = asked.filter(({ error }) => error !== null)
  const findings: Finding[] = silent.map(({ host, error }) =>
    warn(
      check,
      'keeper-unreachable',
      `${host} does not answer: ${error}`,
      'Check DECLOUD_KEEPERS and the network.',
    ),
  )
  const heard = asked.length - silent.length
  return heard > 0 ? [...findings, ok(check, `${heard} of ${asked.length} answer`)] : findings
}

const whySilent = (url: string, signal: AbortSignal): Promise<string | null> =>
  fetch(url, {
    method: 'HEAD',
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  }).then(
    () => null,
    (error: unknown) => sentenceOf(error instanceof Error && error.cause !== undefined ? error.cause : error),
  )

export const checkBeats = async (subject: Subject): Promise<Finding[]> => {
  const check = 'beats'
  const { keepers = [], dataDir } = subject.config()
  if (keepers.length === 0) return [ok(check, 'none are sent: no keeper is configured')]
  const slot = lastSlot(join(dataDir, 'agent.db'))
  if (slot === null) return [unknown(check, 'beats-none', 'none was made yet')]
  const ago = Math.max(0, Math.floor(Date.now() / 1_000 - (slot + 1) * SLOT_SECONDS))
  const found = `the last one was made ${ago} s ago`
  if (ago <= OFFLINE_SECONDS || agentOn(subject) === null) return [ok(check, found)]
  return [
    warn(
      check,
      'beats-silent',
      `${found}: keepers take the node for offline`,
      'See its log: decloud-node logs',
    ),
  ]
}

const lastSlot = (path: string): number | null => {
  if (!existsSync(path)) return null
  const db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 2_000 })
  try {
    const exists = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'beats_made'").get()
    if (exists === undefined) return null
    const slot: unknown = db.prepare('SELECT slot FROM beats_made ORDER BY id DESC LIMIT 1').pluck().get()
    return typeof slot === 'number' ? slot : null
  } finally {
    db.close()
  }
}
