import { bytesToHex, type Hex, hexToBytes } from 'viem'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  generateSealingKey,
  type Manifest,
  type ManifestContext,
  manifestCommitment,
  manifestPayload,
  manifestSchema,
  openManifest,
  sealManifest,
} from './manifest.ts'

const salt = `0x${'5a'.repeat(32)}` as Hex
const manifest: Manifest = {
  version: 1,
  image: 'debian-12',
  hostname: 'box',
  sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx7 me@host'],
  passwordHash: null,
  variables: { DECLOUD_NOTE: 'héllo "quoted" $(x)' },
}
const context: ManifestContext = {
  chainId: 31337,
  escrow: '0x00000000000000000000000000000000000000e5',
  leaseId: `0x${'11'.repeat(32)}`,
  node: 7,
}
const payload = manifestPayload(manifest, salt)
const commitment = manifestCommitment(payload)

describe('a sealed manifest', () => {
  let node: Awaited<ReturnType<typeof generateSealingKey>>
  let tenant: Awaited<ReturnType<typeof generateSealingKey>>
  let sealed: Hex

  beforeAll(async () => {
    node = await generateSealingKey()
    tenant = await generateSealingKey()
    sealed = await sealManifest(payload, context, [
      { publicKey: node.publicKey, epoch: 1 },
      { publicKey: tenant.publicKey, epoch: 1 },
    ])
  })

  it('opens for each recipient, to the same manifest', async () => {
    for (const { privateKey } of [node, tenant]) {
      expect(await openManifest(sealed, context, commitment, { privateKey, epoch: 1 })).toEqual(manifest)
    }
  })

  it('opens for nobody else', async () => {
    const stranger = await generateSealingKey()
    await expect(
      openManifest(sealed, context, commitment, { privateKey: stranger.privateKey, epoch: 1 }),
    ).rejects.toMatchObject({ code: 'manifest-not-for-us' })
  })

  it('skips entries of another epoch of the key', async () => {
    await expect(
      openManifest(sealed, context, commitment, { privateKey: node.privateKey, epoch: 2 }),
    ).rejects.toMatchObject({ code: 'manifest-not-for-us' })
  })

  it.each([
    ['chain', { ...context, chainId: 137 }],
    ['escrow', { ...context, escrow: '0x00000000000000000000000000000000000000e6' as const }],
    ['lease', { ...context, leaseId: `0x${'12'.repeat(32)}` as const }],
    ['node', { ...context, node: 8 }],
  ])('does not open for another %s', async (_, other) => {
    await expect(
      openManifest(sealed, other, commitment, { privateKey: node.privateKey, epoch: 1 }),
    ).rejects.toMatchObject({ code: 'manifest-not-for-us' })
  })

  it('refuses a manifest that the tenant did not sign, even one well sealed', async () => {
    const forged = manifestPayload({ ...manifest, sshKeys: ['ssh-ed25519 AAAAEVE eve@host'] }, salt)
    const resealed = await sealManifest(forged, context, [{ publicKey: node.publicKey, epoch: 1 }])
    await expect(
      openManifest(resealed, context, commitment, { privateKey: node.privateKey, epoch: 1 }),
    ).rejects.toMatchObject({ code: 'manifest-commitment' })
  })

  it('notices any flipped byte', async () => {
    const bytes = hexToBytes(sealed)
    const header = 2 + 2 * 84
    for (const at of [0, 1, 2, 6, 40, header, header + 13, bytes.length - 1]) {
      const broken = bytes.slice()
      broken[at]! ^= 0xff
      await expect(
        openManifest(bytesToHex(broken), context, commitment, { privateKey: node.privateKey, epoch: 1 }),
        `byte ${at}`,
      ).rejects.toMatchObject({ code: expect.stringMatching(/^manifest-(malformed|not-for-us)$/) })
    }
  })

  it('refuses fragments and empty bytes by name', async () => {
    for (const bytes of ['0x', '0x01', '0x0101', sealed.slice(0, 200) as Hex] as Hex[]) {
      await expect(
        openManifest(bytes, context, commitment, { privateKey: node.privateKey, epoch: 1 }),
      ).rejects.toMatchObject({ code: 'manifest-malformed' })
    }
  })

  it('refuses a signed payload that is no manifest', async () => {
    const bad = manifestPayload({ ...manifest, hostname: 'Not A Hostname' }, salt)
    const sealedBad = await sealManifest(bad, context, [{ publicKey: node.publicKey, epoch: 1 }])
    await expect(
      openManifest(sealedBad, context, manifestCommitment(bad), { privateKey: node.privateKey, epoch: 1 }),
    ).rejects.toMatchObject({ code: 'manifest-invalid' })
  })

  it('refuses a variable of two lines before anyone signs it', () => {
    const parsed = manifestSchema.safeParse({ ...manifest, variables: { NOTE: 'one\ntwo' } })
    expect(parsed.error?.issues[0]?.message).toMatch(/one line/)
  })

  it('commits to the same bytes whatever the order of keys', () => {
    const shuffled = Object.fromEntries(Object.entries(manifest).reverse()) as Manifest
    expect(manifestPayload(shuffled, salt)).toEqual(payload)
  })
})
