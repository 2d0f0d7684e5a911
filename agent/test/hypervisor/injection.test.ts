// No field of a spec, whatever it holds, becomes anything but a value in the domain's XML.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { domainXml } from '../../src/hypervisor/libvirt/domain-xml.ts'
import { type DomainSpec, HypervisorError } from '../../src/ports/hypervisor.ts'
import { golden } from './golden.ts'

const [limits, context] = golden['kvm-x86_64-limits']!
const base: DomainSpec = { ...limits, gpus: ['0000:01:00.0'] }

/** Tags with the names of their attributes, in order: all that is not a value. */
const skeletonOf = (xml: string): string =>
  [...xml.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/'[^']*'/g, "''")).join('\n')

const leavesOf = (value: unknown, path: readonly string[] = []): (readonly string[])[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
    : [path]

const withLeaf = (value: unknown, [key, ...rest]: readonly string[], leaf: unknown): unknown => {
  if (key === undefined) return leaf
  if (Array.isArray(value))
    return value.map((inner, i) => (String(i) === key ? withLeaf(inner, rest, leaf) : inner))
  const object = value as Record<string, unknown> // a leaf's path leads through objects and arrays only
  return { ...object, [key]: withLeaf(object[key], rest, leaf) }
}

/** Choices between shapes of XML, not values in it. */
const choices = new Set(['boot.kind'])
const paths = leavesOf(base).filter((path) => !choices.has(path.join('.')))

const payload = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    `'/><script/><a b='`,
    '</cmdline><init>/bin/sh</init><cmdline>',
    `" onclick="x`,
    ']]>',
    '<!-- -->',
    '<?xml version="1.0"?>',
    '&amp;',
    '&#60;x&#62;',
    "0000:01:00.0'/><x y='",
    '1</memory><memory>2',
  ),
  fc.string({ unit: fc.constantFrom('<', '>', '&', "'", '"', '/', 'a', '=', ' ', '\n', ']', '!', '-') }),
)

test('whatever a field holds, the tags and attributes are the same, or the spec is refused', () => {
  const skeleton = skeletonOf(domainXml(base, context))
  let accepted = 0
  fc.assert(
    fc.property(fc.constantFrom(...paths), payload, (path, text) => {
      // Types hold no one back who sends plain data: numbers are tried as text too.
      const spec = withLeaf(base, path, text) as DomainSpec
      try {
        expect(skeletonOf(domainXml(spec, context))).toBe(skeleton)
        accepted += 1
      } catch (error) {
        if (!(error instanceof HypervisorError)) throw error
        expect(error.code).toBe('invalid')
      }
    }),
    { numRuns: 5_000 },
  )
  expect(accepted).toBeGreaterThan(500)
})

test('numbers that are none are refused by name', () => {
  for (const value of [Number.NaN, 1.5, -1, Number.POSITIVE_INFINITY]) {
    expect(() => domainXml({ ...base, memoryMiB: value }, context)).toThrowError(/memoryMiB/)
    expect(() => domainXml({ ...base, bandwidth: { inbound: { average: value } } }, context)).toThrowError(
      /inbound average/,
    )
  }
})

test('what no guest can be is refused: BIOS on ARM, a device without KVM', () => {
  const arm = { ...limits, arch: 'aarch64', boot: { kind: 'firmware', firmware: 'bios' } } as const
  expect(() => domainXml(arm, context)).toThrowError(/no BIOS/)
  expect(() => domainXml(base, { ...context, type: 'qemu' })).toThrowError(/only be passed .* under KVM/)
  expect(() => domainXml({ ...base, arch: 'aarch64' }, context)).toThrowError(/only be passed .* under KVM/)
})
