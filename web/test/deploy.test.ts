import { manifestSchema } from '@decloud/protocol/manifest'
import type { PolicyParameters } from '@decloud/protocol/pricing'
import { describe, expect, it } from 'vitest'
import { type PreflightInput, preflight } from '../src/features/deploy/preflight.ts'
import { outOfRange, PRESETS } from '../src/features/deploy/sizes.ts'
import { parseSshKey } from '../src/features/deploy/ssh-key.ts'
import { buildManifest, buildTerms, quote } from '../src/features/deploy/terms.ts'
import { fits, freeOf, points } from '../src/features/nodes/capacity.ts'
import type { NodeOffer } from '../src/features/nodes/queries/nodes.ts'
import { arrange } from '../src/features/nodes/sort.ts'

const ZERO = { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n }
const POLICY: PolicyParameters = {
  floors: ZERO,
  defaults: ZERO,
  unitsPerVcpu: [12n, 8n, 6n, 3n],
  bandwidthMultiplierBps: [8_000n, 10_000n, 12_000n, 15_000n],
  bandwidthRates: [5_000n, 15_000n, 40_000n, 40_000n],
  platformBps: 0n,
}
const NODE: NodeOffer = {
  node: 3,
  nodeId: `0x${'ab'.repeat(32)}`,
  active: true,
  region: '0x65752d7765737400',
  minCharge: 60,
  notice: 86_400,
  capacity: { pointUnits: 96n, memoryMiB: 8_192n, diskGiB: 100n, gpus: 0 },
  inUse: { pointUnits: 90n, memoryMiB: 9_000n, diskGiB: 0n, gpus: 0 },
  prices: { point: 10_000n, memoryGiB: 5_000n, diskGiB: 100n, gpu: 100_000n },
  hasCustomPricing: false,
  sealing: { publicKey: `0x${'01'.repeat(32)}`, epoch: 1 },
}
const SMALL = PRESETS[1]!.size
const TENANT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

describe('the cost before signing', () => {
  // 1 vCPU Standard: 8/12 × 10 000 = 6 666.67; 2 GiB: 10 000; 20 GiB: 2 000; bandwidth 15 000; rounded up once.
  it('is the formula, times the hours, with the least charge rounded up', () => {
    expect(quote(SMALL, 24, NODE, POLICY)).toEqual({
      pricePerHour: 33_667n,
      deposit: 808_008n,
      leastCharge: 562n,
      seconds: 86_400,
    })
  })

  it('becomes terms that cap the price at what was shown', () => {
    const figures = quote(SMALL, 24, NODE, POLICY)
    const terms = buildTerms({
      tenant: TENANT,
      node: NODE,
      size: SMALL,
      quote: figures,
      manifestHash: `0x${'22'.repeat(32)}`,
      salt: `0x${'33'.repeat(32)}`,
    })
    expect(terms).toMatchObject({
      node: 3,
      maxPricePerHour: 33_667n,
      deposit: 808_008n,
      minNotice: 86_400,
      holdBack: 3_600,
      activateWithin: 900,
      template: 0,
    })
  })

  it('comes with a manifest that the protocol accepts', () => {
    const manifest = buildManifest(parseSshKey(ED25519).line, `0x${'4d'.repeat(32)}`)
    expect(manifestSchema.parse(manifest)).toEqual(manifest)
    expect(manifest.hostname).toBe('vm-4d4d4d4d')
  })
})

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH me@laptop'
const rsaOf = (bytes: number) => {
  const part = (data: Uint8Array) =>
    Buffer.concat([Buffer.from([0, 0, data.length >> 8, data.length & 255]), data])
  const blob = [
    Buffer.from('ssh-rsa'),
    Buffer.from([1, 0, 1]),
    Buffer.concat([Buffer.from([0]), Buffer.alloc(bytes, 9)]),
  ]
  return `ssh-rsa ${Buffer.concat(blob.map(part)).toString('base64')}`
}

describe('an SSH key as pasted', () => {
  it('is read with white space around and between', () => {
    const key = parseSshKey(`\n  ${ED25519.replace(' ', '   ')}  \n`)
    expect(key.line).toBe(ED25519)
    expect(key.comment).toBe('me@laptop')
    // Made by `ssh-keygen -lf` from the same line.
    expect(key.fingerprint).toBe('SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ')
  })

  it.each([
    ['', 'ssh-key-missing'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----', 'ssh-key-private'],
    [`${ED25519}\n${ED25519}`, 'ssh-key-many'],
    ['hello', 'ssh-key-invalid'],
    [ED25519.slice(0, 60), 'ssh-key-invalid'],
    [ED25519.replace('ssh-ed25519', 'ssh-rsa'), 'ssh-key-invalid'],
    [rsaOf(128), 'ssh-key-weak'],
  ])('%j is refused as %s', (text, code) => {
    expect(() => parseSshKey(text)).toThrow(expect.objectContaining({ code }))
  })

  it('takes RSA of 2048 bits', () => {
    expect(parseSshKey(rsaOf(256)).type).toBe('ssh-rsa')
  })
})

describe('what stands before a signature', () => {
  const ready: PreflightInput = {
    connected: true,
    wrongNetwork: false,
    chain: 'Polygon',
    symbol: 'POL',
    unfit: undefined,
    nodeActive: true,
    sshKeyProblem: undefined,
    funds: { wallet: 10_000_000n, allowance: 0n, internal: 0n, gas: 10n ** 18n, gasPrice: 30_000_000_000n },
    deposit: 808_008n,
    payFrom: 'wallet',
    sponsored: false,
  }

  it('is nothing when all is well', () => expect(preflight(ready)).toBeUndefined())

  it('is not the want of gas where a sponsor pays for it', () => {
    const penniless = { ...ready, funds: { ...ready.funds!, gas: 0n } }
    expect(preflight({ ...penniless, sponsored: true })).toBeUndefined()
    expect(preflight({ ...penniless, sponsored: true, deposit: 10_000_001n })?.code).toBe('balance-short')
  })

  it.each<[string, Partial<PreflightInput>]>([
    ['node-draining', { nodeActive: false }],
    ['size-unfit', { unfit: 'not enough memory left' }],
    ['wallet-missing', { connected: false }],
    ['network-wrong', { wrongNetwork: true }],
    ['ssh-key', { sshKeyProblem: 'Paste your SSH public key.' }],
    ['balance-short', { funds: { ...ready.funds!, wallet: 808_007n } }],
    ['balance-short', { payFrom: 'balance' }],
    ['gas-missing', { funds: { ...ready.funds!, gas: 0n } }],
  ])('%s', (code, change) => {
    expect(preflight({ ...ready, ...change })?.code).toBe(code)
  })
})

describe('capacity', () => {
  it('is never negative and decides what fits', () => {
    const free = freeOf(NODE)
    expect(free).toEqual({ pointUnits: 6n, memoryMiB: 0n, diskGiB: 100n, gpus: 0 })
    expect(fits(SMALL, free, POLICY)).toBe('not enough CPU left')
    expect(fits({ ...SMALL, tier: 3 }, free, POLICY)).toBe('not enough memory left')
    expect(fits(SMALL, NODE.capacity, POLICY)).toBeUndefined()
    expect(points(42n)).toBe('3.5')
  })

  it('orders by price, keeps draining nodes last, and finds by region', () => {
    const dear = { ...NODE, node: 1, prices: { ...NODE.prices, point: 20_000n } }
    const draining = { ...NODE, node: 2, active: false }
    expect(arrange([dear, draining, NODE], POLICY, 'price', '').map((n) => n.node)).toEqual([3, 1, 2])
    expect(arrange([dear, NODE], POLICY, 'price', 'US-')).toEqual([])
    expect(arrange([dear, NODE], POLICY, 'price', ' EU-W ')).toHaveLength(2)
  })

  it('refuses figures out of bounds', () => {
    expect(outOfRange('vcpus', 0)).toBeDefined()
    expect(outOfRange('vcpus', 1.5)).toBeDefined()
    expect(outOfRange('hours', Number.NaN)).toBeDefined()
    expect(outOfRange('memoryMiB', 256)).toBeUndefined()
  })
})
