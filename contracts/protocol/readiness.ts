// What a guest serves, and how it is told that a service is up. Pure: who asks, and when, is the node's agent.
import { z } from 'zod'

const PROTOCOLS = ['http', 'https', 'ws', 'wss', 'tcp', 'udp', 'both'] as const
type Protocol = (typeof PROTOCOLS)[number]
/** `CloudInitDone` is the System check itself: what asks for no more is ready with the guest. */
const CHECK_KINDS = ['CloudInitDone', 'TcpPort', 'HttpGet', 'ExecCommand'] as const

/** Services of one guest. */
const MAX_SERVICES = 16
/** Seconds that a service has to become ready, where its manifest does not say. */
const SERVICE_TIMEOUT = 300
const MAX_SERVICE_TIMEOUT = 86_400

const checkSchema = z
  .strictObject({
    kind: z.enum(CHECK_KINDS).optional(),
    /** Of HttpGet; it ends up in a request line, so it holds no white space. */
    path: z
      .string()
      .max(512)
      .regex(/^\/[\x21-\x7e]*$/, 'a path begins with / and holds neither spaces nor control characters')
      .optional(),
    /** Of ExecCommand: program and arguments, run as root without a shell; 0 means ready. */
    command: z
      .array(
        z
          .string()
          .max(1_024)
          .regex(/^[^\0]*$/, 'an argument holds no NUL'),
      )
      .min(1)
      .max(32)
      .refine(([program]) => program !== '', 'a command begins with its program')
      .optional(),
    /** Seconds; 300 by default. */
    timeoutSeconds: z.int().min(1).max(MAX_SERVICE_TIMEOUT).optional(),
  })
  .refine(
    ({ kind, command }) => (kind === 'ExecCommand') === (command !== undefined),
    'a command belongs to ExecCommand, and ExecCommand needs one',
  )
  .refine(
    ({ kind, path }) => path === undefined || kind === undefined || kind === 'HttpGet',
    'a path belongs to HttpGet',
  )

/** One exposed port. Bounded: a manifest travels in a transaction. */
const serviceSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'a service is named in lower case, for example web'),
    port: z.int().min(1).max(65_535),
    protocol: z.enum(PROTOCOLS),
    check: checkSchema.optional(),
  })
  .refine(
    ({ protocol, check }) => check?.path === undefined || check.kind !== undefined || isHttp(protocol),
    'a path belongs to HttpGet, which only web protocols are given by themselves',
  )

export const servicesSchema = z
  .array(serviceSchema)
  .max(MAX_SERVICES)
  .refine(
    (services) => new Set(services.map(({ name }) => name)).size === services.length,
    'each service has a name of its own',
  )
export type Service = z.output<typeof serviceSchema>

const base = { name: z.string(), timeoutSeconds: z.int() }
const port = z.int()

/** A check with nothing left to infer. `none`: there is nothing to look at, the guest being up is all. */
export const readinessCheckSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...base, kind: z.enum(['none', 'CloudInitDone']) }),
  z.strictObject({ ...base, kind: z.literal('TcpPort'), port }),
  z.strictObject({
    ...{ ...base, kind: z.literal('HttpGet'), port },
    path: z.string(),
    scheme: z.enum(['http', 'https']),
  }),
  z.strictObject({ ...base, kind: z.literal('ExecCommand'), command: z.array(z.string()).min(1) }),
])
export type ReadinessCheck = z.output<typeof readinessCheckSchema>

const isHttp = (protocol: Protocol) => protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'both'

const inferred = (protocol: Protocol) =>
  isHttp(protocol) ? 'HttpGet' : protocol === 'udp' ? 'none' : 'TcpPort'

/** The check that a service asks for, or the one that its protocol implies. */
export const checkOf = ({ name, port, protocol, check }: Service): ReadinessCheck => {
  const common = { name, timeoutSeconds: check?.timeoutSeconds ?? SERVICE_TIMEOUT }
  const kind = check?.kind ?? inferred(protocol)
  switch (kind) {
    case 'none':
    case 'CloudInitDone':
      return { ...common, kind }
    case 'TcpPort':
      return { ...common, kind, port }
    case 'HttpGet': {
      const scheme = protocol === 'https' || protocol === 'wss' ? 'https' : 'http'
      return { ...common, kind, port, path: check?.path ?? '/', scheme }
    }
    case 'ExecCommand':
      // The schema has it that a command is there.
      return { ...common, kind, command: check?.command ?? [] }
  }
}
