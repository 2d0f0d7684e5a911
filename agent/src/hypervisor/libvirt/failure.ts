import { HypervisorError, type HypervisorErrorCode } from '../../ports/hypervisor.ts'

/** What libvirt says of a failed call, as plain data that crosses from a worker to the main thread. */
export interface LibvirtErrorFields {
  /** virErrorNumber */
  readonly number: number
  /** virErrorDomain: the part of libvirt that failed */
  readonly domain: number
  readonly text: string
  /** libvirt uses one number for a broken socket and for a file it may not read: the connection itself is asked. */
  readonly connectionLost: boolean
}

export class LibvirtFailure extends Error {
  override readonly name = 'LibvirtFailure'
  readonly fields: LibvirtErrorFields

  constructor(fields: LibvirtErrorFields) {
    super(fields.text)
    this.fields = fields
  }
}

/** virErrorNumber, from libvirt/virterror.h: those that are told apart here. */
export const virErr = {
  internalError: 1,
  noSupport: 3,
  invalidArg: 8,
  operationFailed: 9,
  xmlError: 27,
  noDomain: 42,
  noNetwork: 43,
  operationInvalid: 55,
  operationTimeout: 68,
  agentUnresponsive: 86,
  xmlInvalidSchema: 92,
  agentUnsynced: 97,
} as const

const codes: ReadonlyMap<number, HypervisorErrorCode> = new Map<number, HypervisorErrorCode>([
  [virErr.invalidArg, 'invalid'],
  [virErr.xmlError, 'invalid'],
  [virErr.xmlInvalidSchema, 'invalid'],
  [virErr.noDomain, 'not-found'],
  [virErr.noNetwork, 'not-found'],
  [virErr.operationInvalid, 'wrong-state'],
  [virErr.operationTimeout, 'timeout'],
  [virErr.agentUnresponsive, 'agent-not-ready'],
  [virErr.agentUnsynced, 'agent-not-ready'],
])

/** `action` completes "libvirt could not …". */
export function toHypervisorError(fields: LibvirtErrorFields, action: string): HypervisorError {
  const code = fields.connectionLost ? 'unavailable' : (codes.get(fields.number) ?? 'refused')
  const hint = fields.connectionLost ? ' Is libvirtd running, and may this user reach its socket?' : ''
  return new HypervisorError(code, `libvirt could not ${action}: ${fields.text}.${hint}`, {
    detail: { libvirtCode: fields.number, libvirtDomain: fields.domain },
  })
}

/** A failure that is not libvirt's own is a defect of ours; its text is kept. */
export function fieldsOf(error: unknown, connectionLost: boolean): LibvirtErrorFields {
  if (error instanceof LibvirtFailure) return { ...error.fields, connectionLost }
  return {
    number: 0,
    domain: 0,
    text: error instanceof Error ? error.message : String(error),
    connectionLost,
  }
}
