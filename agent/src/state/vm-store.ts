import { migrate } from '@decloud/chain'
import { readinessCheckSchema, VM_STATUSES } from '@decloud/protocol'
import { CHECK_STATES, PHASES } from '@decloud/protocol/wire/node'
import type { Database } from 'better-sqlite3'
import { isHex } from 'viem'
import { z } from 'zod'
import type { VmRecord } from '../domain/vm.ts'
import { AgentError } from '../lib/errors.ts'
import type { VmStore } from '../reconcile/ports.ts'
import { SCHEMA } from './schema.ts'

const hex = z.custom<`0x${string}`>((value) => isHex(value), 'not hex')

/** A JSON column. */
const json = <schema extends z.ZodType>(schema: schema) =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text)
      } catch {
        context.addIssue({ code: 'custom', message: 'not JSON' })
        return z.NEVER
      }
    })
    .pipe(schema)

const statusSchema = z.object({
  name: z.string(),
  state: z.enum(CHECK_STATES),
  message: z.string().nullable(),
  sinceMs: z.int(),
  wasReady: z.boolean(),
})

const rowSchema = z.object({
  leaseId: hex,
  status: z.enum(VM_STATUSES),
  phase: z.enum(PHASES),
  reasonCode: z.string().nullable(),
  reasonMessage: z.string().nullable(),
  refused: z.int(),
  sinceMs: z.int(),
  deadlineMs: z.int().nullable(),
  attempts: z.int(),
  nextAttemptMs: z.int(),
  image: z.string().nullable(),
  manifestSeen: hex.nullable(),
  endConfirmedMs: z.int().nullable(),
  bootId: z.string().nullable(),
  ipv4: z.string().nullable(),
  sshHostKey: z.string().nullable(),
  sshHostKeyFingerprint: hex.nullable(),
  checkedMs: z.int(),
  task: z.enum(['reboot', 'reinstall', 'install', 'restore', 'reseed']).nullable(),
  rebootMs: z.int(),
  reinstallMs: z.int(),
  restoreMs: z.int(),
  install: z.int(),
  restoring: z.int().nullable(),
  deaths: z.int(),
  checks: json(z.array(readinessCheckSchema)),
  services: json(z.array(statusSchema)),
  servicesDueMs: z.int(),
})
type Row = z.input<typeof rowSchema>

const COLUMNS = Object.keys(rowSchema.shape)
const UPSERT = `INSERT INTO vms (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((c) => `@${c}`).join(', ')})
  ON CONFLICT (leaseId) DO UPDATE SET ${COLUMNS.slice(1)
    .map((c) => `${c} = excluded.${c}`)
    .join(', ')}`

/** Each `put` is one committed, synced transaction: a status is on disk before its side effects begin. */
export const makeVmStore = (db: Database): VmStore => {
  migrate(db, 'agent', SCHEMA)
  const one = db.prepare('SELECT * FROM vms WHERE leaseId = ?')
  const all = db.prepare('SELECT * FROM vms ORDER BY leaseId')
  const upsert = db.prepare(UPSERT)
  return {
    get: (leaseId) => {
      const row = one.get(leaseId)
      return row === undefined ? null : fromRow(row)
    },
    all: () => all.all().map(fromRow),
    put: (vm) => {
      upsert.run(toRow(vm))
    },
  }
}

/**
 * A restart is an operator's act: keys may have been added, an image repaired. Refusals of leases that live on are
 * looked at once more; a lease that cannot be run is refused again.
 */
export const reconsiderRefusals = (db: Database) => {
  db.prepare(`UPDATE vms SET refused = 0, image = NULL WHERE refused = 1 AND status = 'Error'`).run()
}

const toRow = ({ reason, facts, refused, served, checks, services, ...vm }: VmRecord): Row => ({
  ...vm,
  ...served,
  checks: JSON.stringify(checks),
  services: JSON.stringify(services),
  refused: refused ? 1 : 0,
  reasonCode: reason?.code ?? null,
  reasonMessage: reason?.message ?? null,
  bootId: facts?.bootId ?? null,
  ipv4: facts?.ipv4 ?? null,
  sshHostKey: facts?.sshHostKey ?? null,
  sshHostKeyFingerprint: facts?.sshHostKeyFingerprint ?? null,
})

const fromRow = (raw: unknown): VmRecord => {
  const parsed = rowSchema.safeParse(raw)
  if (!parsed.success) {
    throw new AgentError(
      'state-damaged',
      `A record of the state database makes no sense: ${z.prettifyError(parsed.error)}`,
      {
        hint: 'Restore the data folder from a backup, or move it away: running guests are adopted again.',
      },
    )
  }
  const { reasonCode, reasonMessage, bootId, ipv4, sshHostKey, sshHostKeyFingerprint, refused, ...rest } =
    parsed.data
  const { rebootMs, reinstallMs, restoreMs, ...vm } = rest
  const known = bootId !== null && ipv4 !== null && sshHostKey !== null && sshHostKeyFingerprint !== null
  return {
    ...vm,
    refused: refused === 1,
    served: { rebootMs, reinstallMs, restoreMs },
    reason: reasonCode === null ? null : { code: reasonCode, message: reasonMessage ?? '' },
    facts: known ? { bootId, ipv4, sshHostKey, sshHostKeyFingerprint } : null,
  }
}
