// Why a node, or every node, does not take a request: a code for programs, figures, and a sentence for people.
import { formatUsdc } from '@decloud/protocol'
import { regionText } from '../node.ts'

type Figure = bigint | number | string

/** `got` is what was found, `wanted` the bound it breaks. */
type Sentence = (got: Figure, wanted: Figure) => string

const price = (figure: Figure) => `${formatUsdc(BigInt(figure))} USDC per hour`
const region = (figure: Figure) => regionText(figure as `0x${string}`) || 'no region'
const moment = (figure: Figure) => new Date(Number(figure) * 1_000).toISOString()

const SENTENCES = {
  // Of the request: no node can take it.
  lapsed: (got, wanted) => `The request waited until ${moment(wanted)}; it is ${moment(got)}.`,
  tier: (got, wanted) => `Quality tier ${got} does not exist; tiers are 0 to ${wanted}.`,
  bandwidth: (got, wanted) => `Bandwidth tier ${got} does not exist; tiers are 0 to ${wanted}.`,
  'platform-cut': (got, wanted) => `The policy's cut of ${got} basis points is above the cap of ${wanted}.`,
  'units-per-vcpu': (got, wanted) =>
    `The policy takes ${got} units for a vCPU; at most ${wanted} are allowed.`,
  vcpus: (got, wanted) => `${got} point-units of compute are asked for; a lease has 1 to ${wanted}.`,
  'memory-size': (got, wanted) => `${got} MiB of memory are asked for; a lease has 1 to ${wanted}.`,
  'disk-size': (got, wanted) => `${got} GiB of disk are asked for; a lease has 1 to ${wanted}.`,
  'hold-back': (got, wanted) => `A hold-back of ${got} s is above the cap of ${wanted} s.`,
  'activate-within': (got, wanted) => `${got} s to activate are outside the bounds of 60 s to ${wanted} s.`,
  // Of the node.
  offline: () => 'Its agent has stopped sending heartbeats.',
  drained: () => 'Its operator takes no new leases on it.',
  'no-agent': () => 'It has no agent that could start a machine.',
  'min-charge': (got, wanted) => `Its minimum charge of ${got} s is above the cap of ${wanted} s.`,
  notice: (got, wanted) => `It gives ${got} s of notice; the tenant wants at least ${wanted} s.`,
  region: (got, wanted) => `It is in ${region(got)}; the tenant wants ${region(wanted)}.`,
  price: (got, wanted) => `It costs ${price(got)}; the tenant pays at most ${price(wanted)}.`,
  'price-range': (got, wanted) => `It costs ${price(got)}; the escrow stores at most ${price(wanted)}.`,
  runway: (got, wanted) =>
    `It costs ${price(got)}; the deposit buys the least runway only up to ${price(wanted)}.`,
  compute: (got, wanted) => `It has ${got} point-units of compute free; the lease needs ${wanted}.`,
  memory: (got, wanted) => `It has ${got} MiB of memory free; the lease needs ${wanted}.`,
  disk: (got, wanted) => `It has ${got} GiB of disk free; the lease needs ${wanted}.`,
  gpu: (got, wanted) => `It has ${got} GPUs free; the lease needs ${wanted}.`,
  tags: (got, wanted) =>
    `It is not tagged ${wanted}${got === '' ? ', nor with anything else' : `, but ${got}`}.`,
  avoided: () => 'The contract refused this lease on it a moment ago; it is tried again later.',
  unsealable: () => 'Its sealing key is weak: a manifest sealed to it would be open to everybody.',
} satisfies Record<string, Sentence>

export type RefusalCode = keyof typeof SENTENCES

export type Refusal = { refused: RefusalCode; got: Figure; wanted: Figure }

export const refuse = (refused: RefusalCode, got: Figure, wanted: Figure): Refusal => ({
  refused,
  got,
  wanted,
})

export const isRefusal = (value: object): value is Refusal => 'refused' in value

export const refusalSentence = ({ refused, got, wanted }: Refusal): string => SENTENCES[refused](got, wanted)
