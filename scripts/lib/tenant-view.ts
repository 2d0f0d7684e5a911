// What a tenant sees of a lease: the node's own report beside what the chain says, and the bill beside the formula.
import { setTimeout as delay } from 'node:timers/promises'
import { type Chain, lastLogs } from '@decloud/chain'
import {
  billIfClosedAt,
  DecloudError,
  due,
  END_REASONS,
  makeLogDecoder,
  type ProtocolEvent,
} from '@decloud/protocol'
import { type LeaseStatusReport, leaseStatusSchema } from '@decloud/protocol/wire/node'
import { type Address, type Hex, numberToHex, sha256 } from 'viem'
import { type Signer, sessionAt } from './node-session.ts'
import { readLease, type Tenant } from './tenant.ts'

type Reader = Pick<Tenant, 'chain'>

/** The newest endpoint that the node's operator announced; null when it is empty. */
export const endpointOf = async ({ chain }: Reader, node: number): Promise<string | null> => {
  const { nodeRegistry } = chain.deployment
  const isEndpoint = ({ name }: ProtocolEvent) => name === 'EndpointChanged' || name === 'NodeRegistered'
  const topic = numberToHex(node, { size: 32 })
  const events = await newestOf(chain, "read the node's endpoint", [nodeRegistry, topic], isEndpoint)
  const last = events.findLast(isEndpoint)
  const said =
    last?.name === 'EndpointChanged'
      ? last.args.endpoint
      : last?.name === 'NodeRegistered'
        ? last.args.registration.endpoint
        : ''
  return said === '' ? null : said
}

/** What a contract said about one thing, back to what is `enough`; RPCs refuse the whole chain at once. */
const newestOf = async (
  chain: Chain,
  what: string,
  [address, topic]: readonly [Address, Hex],
  enough: (event: ProtocolEvent) => boolean,
): Promise<readonly ProtocolEvent[]> => {
  const decode = makeLogDecoder(chain.deployment)
  const head = await chain.request('read the head', (client) => client.getBlockNumber({ cacheTime: 0 }))
  const logs = await lastLogs(chain, { what, addresses: [address], topics: [null, [topic]], head }, (log) => {
    const event = decode(log)
    return event !== undefined && enough(event)
  })
  return logs.flatMap((log) => decode(log) ?? [])
}

/**
 * What the node's agent says to this wallet, which signs in for it; null while it cannot be reached or does not know the
 * lease yet.
 */
export const reportOf = async (
  signer: Signer,
  endpoint: string,
  leaseId: Hex,
): Promise<LeaseStatusReport | null> => {
  try {
    const { node } = await readLease(signer, leaseId)
    return leaseStatusSchema.parse(await sessionAt(signer, endpoint, node).ask(`/v1/leases/${leaseId}`))
  } catch {
    // Down, slow, or not an agent at all: the chain alone decides what is owed, so this is no error.
    return null
  }
}

export type WaitOptions = {
  endpoint: string | null
  onReport?: (report: LeaseStatusReport) => void
  pollMs?: number
  signal?: AbortSignal
}

export type ActiveLease = { startedAt: number; report: LeaseStatusReport | null }

/**
 * Resolves once the chain says that the lease is active.
 * @throws DecloudError `lease-refused` with the node's reason, `lease-ended`, `activation-late` after the deadline that
 *   the terms set, `host-key-mismatch` when the node reports another SSH host key than it posted on chain.
 */
export const waitActive = async (
  signer: Signer,
  leaseId: Hex,
  options: WaitOptions,
): Promise<ActiveLease> => {
  const { endpoint, onReport, pollMs = 250, signal } = options
  let shown = ''
  for (;;) {
    const lease = await readLease(signer, leaseId)
    const report = endpoint === null ? null : await reportOf(signer, endpoint, leaseId)
    if (report !== null && JSON.stringify(report) !== shown) {
      shown = JSON.stringify(report)
      onReport?.(report)
    }
    if (lease.status === 'Active') {
      const last = report ?? (await lastWord(signer, leaseId, options))
      if (last?.ssh != null) await checkHostKey(signer.chain, leaseId, last.ssh)
      return { startedAt: lease.startedAt, report: last }
    }
    if (lease.status === 'Ended') {
      throw new DecloudError('lease-ended', 'The lease has ended without having been active.')
    }
    if (report?.vm.status === 'Error' && report.vm.reason !== null && isRefusal(report.vm.reason.code)) {
      throw new DecloudError('lease-refused', `The node refuses the lease: ${report.vm.reason.message}`, {
        hint: 'Close it: nothing is billed and the whole deposit comes back.',
        details: { reason: report.vm.reason.code },
      })
    }
    if (await isLate(signer.chain, lease.activateBy)) {
      throw new DecloudError('activation-late', 'The node did not get the guest ready in time.', {
        hint: 'Close the lease: nothing is billed and the whole deposit comes back.',
      })
    }
    await delay(pollMs, undefined, signal === undefined ? {} : { signal })
  }
}

/** A node that activates faster than it lets its tenant in is waited for a little: its word is how to log in. */
const LAST_WORD_MS = 5_000

const lastWord = async (signer: Signer, leaseId: Hex, { endpoint, pollMs = 250 }: WaitOptions) => {
  if (endpoint === null) return null
  for (const end = Date.now() + LAST_WORD_MS; Date.now() < end; await delay(pollMs)) {
    const report = await reportOf(signer, endpoint, leaseId)
    if (report !== null) return report
  }
  return null
}

const isRefusal = (code: string) =>
  code.startsWith('manifest-') ||
  ['guest-failed', 'guest-invalid', 'disk-too-small', 'storage-invalid'].includes(code)

const isLate = async (chain: Chain, activateBy: number) => {
  const block = await chain.request('read the clock of the chain', (client) => client.getBlock())
  return block.timestamp > BigInt(activateBy)
}

type Shown = Pick<NonNullable<LeaseStatusReport['ssh']>, 'hostKey' | 'hostKeyFingerprint'>

/**
 * Holds a host key that the node reports against the fingerprint that it posted on chain at the activation: the key itself,
 * not what the node says its fingerprint is.
 * @returns whether one is posted.
 * @throws DecloudError `host-key-mismatch`.
 */
export const checkHostKey = async (
  chain: Chain,
  leaseId: Hex,
  { hostKey, hostKeyFingerprint }: Shown,
): Promise<boolean> => {
  const isActivation = ({ name }: ProtocolEvent) => name === 'LeaseActivated'
  const place = [chain.deployment.leaseEscrow, leaseId] as const
  const events = await newestOf(chain, 'read the host key', place, isActivation)
  const activated = events.find((event) => event.name === 'LeaseActivated')
  const shown = sha256(Buffer.from(hostKey.split(' ')[1] ?? '', 'base64'))
  const posted = activated?.args.hostKeyFingerprint ?? hostKeyFingerprint
  if (posted === shown && hostKeyFingerprint === shown) return activated !== undefined
  throw new DecloudError(
    'host-key-mismatch',
    'The node reports another SSH host key than it posted on chain.',
    {
      hint: 'Do not log in, unless it was you who changed the host key in the machine; else close the lease.',
    },
  )
}

export type Bill = {
  startedAt: number
  endedAt: number
  pricePerHour: bigint
  deposited: bigint
  /** As the contract billed it. */
  bill: bigint
  /** The formula over the same times. */
  expectedBill: bigint
  refund: bigint
  /** 0 unless contract and formula disagree. */
  difference: bigint
}

/** The bill of a lease that has ended, from its own events, beside the formula. @throws DecloudError `lease-open`. */
export const billOf = async (reader: Reader, leaseId: Hex): Promise<Bill> => {
  const { chain } = reader
  const lease = await readLease(reader, leaseId)
  if (lease.status !== 'Ended')
    throw new DecloudError('lease-open', 'The lease has not ended: there is no bill yet.')
  const isEnd = ({ name }: ProtocolEvent) => name === 'LeaseEnded'
  const place = [chain.deployment.leaseEscrow, leaseId] as const
  const events = await newestOf(chain, 'read the end of the lease', place, isEnd)
  const ended = events.find((event) => event.name === 'LeaseEnded')
  if (ended === undefined) {
    throw new DecloudError('logs-missing', 'The RPC leaves out how the lease ended: its bill is not known.', {
      hint: 'Ask another RPC, or again in a moment.',
    })
  }
  const credits = events.filter((event) => event.name === 'LeaseCredited')
  // Downtime may go back to the tenant after the end too: then the bill is what the last credit left of it.
  const bill = credits.findLast((credit) => isAfter(credit, ended))?.args.due ?? ended.args.due
  const endReason = END_REASONS[lease.endReason] ?? 'None'
  // Billed anew from times and price alone: what the contract settled meanwhile must not enter its own check.
  const meter = { ...lease, endReason, settled: 0n }
  const expectedBill =
    endReason === 'ClosedByTenant' ? billIfClosedAt(meter, lease.endedAt) : due(meter, lease.endedAt)
  return {
    startedAt: lease.startedAt,
    endedAt: lease.endedAt,
    pricePerHour: lease.pricePerHour,
    deposited: lease.deposited,
    bill,
    expectedBill,
    refund: lease.deposited - bill,
    difference: bill - expectedBill,
  }
}

type Place = { blockNumber: bigint; logIndex: number }
const isAfter = (a: Place, b: Place) =>
  a.blockNumber > b.blockNumber || (a.blockNumber === b.blockNumber && a.logIndex > b.logIndex)

/** How to log in; put `knownHostsLine` into a known_hosts file first. */
export const sshLine = ({ host, port, user }: NonNullable<LeaseStatusReport['ssh']>): string =>
  port === 22 ? `ssh ${user}@${host}` : `ssh -p ${port} ${user}@${host}`

/** The `known_hosts` line to go with it. */
export const knownHostsLine = ({ host, port, hostKey }: NonNullable<LeaseStatusReport['ssh']>): string =>
  port === 22 ? `${host} ${hostKey}` : `[${host}]:${port} ${hostKey}`
