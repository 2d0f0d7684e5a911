import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { domainXml } from '../../src/hypervisor/libvirt/domain-xml.ts'
import { metadataXml, parseMetadata } from '../../src/hypervisor/libvirt/metadata.ts'
import { networkXml, parseNetwork } from '../../src/hypervisor/libvirt/network-xml.ts'
import { attributesOf, escapeXml } from '../../src/hypervisor/libvirt/xml.ts'
import { golden } from './golden.ts'
import { paperSpec } from './spec.ts'

const run = promisify(execFile)
const validator = existsSync('/usr/bin/virt-xml-validate') && existsSync('/usr/bin/xmllint')
if (!validator) console.warn("SKIPPED: checks against libvirt's schemas: virt-xml-validate is not installed")

const spec = paperSpec('0xa1')

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-xml-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function validate(xml: string, schema: 'domain' | 'network'): Promise<void> {
  const file = join(directory, `${schema}.xml`)
  await writeFile(file, xml)
  await run('virt-xml-validate', [file, schema])
}

describe('domain XML', () => {
  test.each(Object.entries(golden))('%s is as agreed', async (name, [domain, context]) => {
    const file = new URL(`golden/${name}.xml`, import.meta.url)
    const xml = domainXml(domain, context)
    // A file that is not there is a failure, not a first version: only the flag writes.
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, xml)
    expect(xml).toBe(await readFile(file, 'utf8'))
  })

  test('no file is left over from a case that is gone', async () => {
    const names = (await readdir(new URL('golden', import.meta.url))).sort()
    expect(names).toEqual(
      Object.keys(golden)
        .map((name) => `${name}.xml`)
        .sort(),
    )
  })

  test.skipIf(!validator).each(Object.entries(golden))(
    "%s is valid by libvirt's schema",
    async (_, [domain, context]) => {
      await validate(domainXml(domain, context), 'domain')
    },
  )

  test.skipIf(!validator)('the schema check itself can fail', async () => {
    const [domain, context] = golden['kvm-x86_64-kernel']!
    const broken = domainXml(domain, context).replace('<vcpu ', '<vcpus ').replace('</vcpu>', '</vcpus>')
    await expect(validate(broken, 'domain')).rejects.toThrow()
  })

  test('the identity in the metadata is read back as it was written', () => {
    const hex = fc.stringMatching(/^[0-9a-f]{1,64}$/).map((digits): `0x${string}` => `0x${digits}`)
    fc.assert(
      fc.property(
        hex,
        hex,
        fc.nat(),
        fc.string({ minLength: 1, unit: 'grapheme-ascii' }),
        (leaseId, specHash, generation, name) => {
          const network = { name, mac: '52:54:00:00:00:01' }
          const text = metadataXml('node1', { ...spec, leaseId, specHash, generation, network })
          expect(parseMetadata(text)).toEqual({
            instance: 'node1',
            leaseId,
            specHash,
            generation,
            mac: network.mac,
            network: name,
          })
        },
      ),
    )
  })

  test('a control character is refused, whatever field it hides in', () => {
    expect(() => escapeXml('a\u0000b')).toThrowError(/control character/)
    const [, context] = golden['kvm-x86_64-kernel']!
    expect(() => domainXml({ ...spec, seedPath: '/s\u0001' }, context)).toThrowError(/control character/)
  })

  test('foreign metadata is nobody of ours', () => {
    expect(parseMetadata("<x instance='node1'/>")).toBeNull()
    expect(attributesOf(`<a b='1&amp;2' c="3"/>`)).toEqual({ b: '1&2', c: '3' })
  })
})

describe('network XML', () => {
  const network = { name: 'decloud', subnet: '10.77.0.0/24', mode: 'nat' } as const

  test.skipIf(!validator)("is valid by libvirt's schema, with and without NAT", async () => {
    await validate(networkXml(network), 'network')
    await validate(networkXml({ ...network, mode: 'isolated', name: 'a&b' }), 'network')
  })

  test('what is written is read back', () => {
    expect(parseNetwork(networkXml(network))).toMatchObject({
      subnet: { base: 0x0a4d0000, prefix: 24 },
      mode: 'nat',
      ours: true,
      hosts: [],
    })
    expect(networkXml(network)).toContain(`<range start='10.77.0.2' end='10.77.0.254'/>`)
  })
})
