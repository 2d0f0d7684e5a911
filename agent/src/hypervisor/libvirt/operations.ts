// What a worker does with a connection: each is one short, blocking exchange with libvirt.
import {
  type Handle,
  ok,
  present,
  takeDhcpLeases,
  takeHandles,
  virConnect,
  virDomain,
  virNetwork,
  withRecords,
} from './bindings.ts'
import { LibvirtFailure, virErr } from './failure.ts'
import { metadataNamespace } from './metadata.ts'
import { tuning } from './tuning.ts'
import { readParameters } from './typed-parameters.ts'
import { withDomain } from './with-domain.ts'

export interface RawDomain {
  readonly name: string
  /** virDomainState and its reason */
  readonly state: number
  readonly reason: number
  /** The metadata element as text; null if the domain carries none of ours. */
  readonly metadata: string | null
}

const METADATA_ELEMENT = 2
const DEFINE_VALIDATE = 1
const UNDEFINE_NVRAM = 4
const UPDATE_ADD_LAST = 3
const UPDATE_DELETE = 2
const SECTION_IP_DHCP_HOST = 4
const UPDATE_LIVE = 1

function withNetwork<T>(c: Handle, name: string, use: (n: Handle) => T): T {
  const n = present(virNetwork.lookupByName(c, name))
  try {
    return use(n)
  } finally {
    virNetwork.free(n)
  }
}

/** null where libvirt's answer is `number`, e.g. "no such domain". */
function unless<T>(number: number, attempt: () => T): T | null {
  try {
    return attempt()
  } catch (error) {
    if (error instanceof LibvirtFailure && error.fields.number === number) return null
    throw error
  }
}

function describe(d: Handle): RawDomain {
  const state: [number | null] = [null]
  const reason: [number | null] = [null]
  ok(virDomain.getState(d, state, reason, 0))
  return {
    name: present(virDomain.getName(d)),
    state: state[0] ?? 0,
    reason: reason[0] ?? 0,
    metadata: virDomain.getMetadata(d, METADATA_ELEMENT, metadataNamespace, 0),
  }
}

function domains(c: Handle, prefix: string): RawDomain[] {
  const out: [Handle | null] = [null]
  const handles = takeHandles(out, ok(virConnect.listAllDomains(c, out, 0)))
  try {
    // A domain that vanishes between the listing and the question is simply not there any more.
    return handles
      .filter((d) => present(virDomain.getName(d)).startsWith(prefix))
      .map((d) => unless(virErr.noDomain, () => describe(d)))
      .filter((domain) => domain !== null)
  } finally {
    for (const d of handles) virDomain.free(d)
  }
}

interface RawStats extends RawDomain {
  /** Whole numbers by libvirt's name: cpu.time, net.0.rx.bytes, … */
  readonly values: ReadonlyMap<string, bigint>
}

// virDomainStatsTypes: CPU_TOTAL, BALLOON, INTERFACE, BLOCK
const STATS = 2 | 4 | 16 | 32
// virConnectGetAllDomainStatsFlags: ACTIVE; NOWAIT, so that one guest that is busy does not hold up the figures of all.
const STATS_FLAGS = 1 | 0x2000_0000

function stats(c: Handle, prefix: string): RawStats[] {
  const out: [Handle | null] = [null]
  const count = ok(virConnect.getAllDomainStats(c, STATS, out, STATS_FLAGS))
  return withRecords(out, count, (records) =>
    records.flatMap(({ domain, parameters, count }) => {
      if (!present(virDomain.getName(domain)).startsWith(prefix)) return []
      const raw = unless(virErr.noDomain, () => describe(domain))
      return raw === null ? [] : [{ ...raw, values: readParameters(parameters, count) }]
    }),
  )
}

function ensureActive(n: Handle): void {
  if (ok(virNetwork.isActive(n)) === 0) ok(virNetwork.create(n))
}

export const operations = {
  domains,
  stats,
  ...tuning,
  domain: (c: Handle, name: string): RawDomain | null =>
    unless(virErr.noDomain, () => withDomain(c, name, describe)),
  /** Without a uuid in the XML, libvirt refuses a name that is taken instead of replacing the domain. */
  define: (c: Handle, xml: string, validate: boolean): void => {
    virDomain.free(present(virDomain.defineXml(c, xml, validate ? DEFINE_VALIDATE : 0)))
  },
  start: (c: Handle, name: string): void => withDomain(c, name, (d) => void ok(virDomain.create(d))),
  shutdown: (c: Handle, name: string): void => withDomain(c, name, (d) => void ok(virDomain.shutdown(d))),
  resume: (c: Handle, name: string): void => withDomain(c, name, (d) => void ok(virDomain.resume(d))),
  destroy: (c: Handle, name: string): void => withDomain(c, name, (d) => void ok(virDomain.destroy(d))),
  undefine: (c: Handle, name: string, nvram: boolean): void =>
    withDomain(c, name, (d) => void ok(virDomain.undefine(d, nvram ? UNDEFINE_NVRAM : 0))),
  /** `seconds` bounds the wait for the guest's answer. */
  agent: (c: Handle, name: string, command: string, seconds: number): string =>
    withDomain(c, name, (d) => present(virDomain.agentCommand(d, command, seconds, 0))),

  network: (c: Handle, name: string): string | null =>
    unless(virErr.noNetwork, () => withNetwork(c, name, (n) => present(virNetwork.getXml(n, 0)))),
  /** Transient: a network that no agent re-creates is gone after a reboot. */
  createNetwork: (c: Handle, xml: string): void => {
    virNetwork.free(present(virNetwork.createXml(c, xml)))
  },
  activateNetwork: (c: Handle, name: string): void => withNetwork(c, name, ensureActive),
  destroyNetwork: (c: Handle, name: string): void =>
    withNetwork(c, name, (n) => void ok(virNetwork.destroy(n))),
  /** Those of guests that are gone among them, until they expire; none where the driver runs no DHCP. */
  dhcpLeases: (c: Handle, name: string) =>
    withNetwork(c, name, (n) => {
      const out: [Handle | null] = [null]
      const count = unless(virErr.noSupport, () => ok(virNetwork.getDhcpLeases(n, null, out, 0)))
      return takeDhcpLeases(out, count ?? 0)
    }),
  addDhcpHost: (c: Handle, name: string, host: string): void =>
    withNetwork(
      c,
      name,
      (n) => void ok(virNetwork.update(n, UPDATE_ADD_LAST, SECTION_IP_DHCP_HOST, -1, host, UPDATE_LIVE)),
    ),
  removeDhcpHost: (c: Handle, name: string, host: string): void =>
    withNetwork(
      c,
      name,
      (n) => void ok(virNetwork.update(n, UPDATE_DELETE, SECTION_IP_DHCP_HOST, -1, host, UPDATE_LIVE)),
    ),
} as const

type Tail<A extends readonly unknown[]> = A extends readonly [unknown, ...infer Rest] ? Rest : never
type Operations = typeof operations
export type OperationName = keyof Operations
export type OperationArgs<K extends OperationName> = Tail<Parameters<Operations[K]>>
export type OperationResult<K extends OperationName> = ReturnType<Operations[K]>
