import { describe, expect, it } from 'vitest'
import { type Manifest, manifestCommitment, manifestPayload, manifestSchema } from './manifest.ts'
import { checkOf, type Service, servicesSchema } from './readiness.ts'

const salt = `0x${'5a'.repeat(32)}` as const
const old: Manifest = {
  version: 1,
  image: 'debian-12',
  hostname: 'box',
  sshKeys: [],
  passwordHash: null,
  variables: {},
}
const service = (change: Partial<Service> = {}): Service => ({
  name: 'web',
  port: 80,
  protocol: 'http',
  ...change,
})
const refused = (...services: unknown[]) => servicesSchema.safeParse(services).error?.issues[0]?.message

describe('the check of a service', () => {
  it.each(['http', 'ws'] as const)('of %s is GET / in the clear', (protocol) =>
    expect(checkOf(service({ protocol }))).toEqual({
      ...{ name: 'web', kind: 'HttpGet', port: 80, path: '/', scheme: 'http', timeoutSeconds: 300 },
    }),
  )
  it.each(['https', 'wss'] as const)('of %s is GET / over TLS', (protocol) =>
    expect(checkOf(service({ protocol }))).toMatchObject({ kind: 'HttpGet', scheme: 'https' }),
  )
  it.each(['tcp', 'both'] as const)('of %s is a connection', (protocol) =>
    expect(checkOf(service({ protocol, port: 25_565 }))).toEqual({
      ...{ name: 'web', kind: 'TcpPort', port: 25_565, timeoutSeconds: 300 },
    }),
  )
  it('of udp is none: silence there says nothing', () =>
    expect(checkOf(service({ protocol: 'udp' }))).toEqual({ name: 'web', kind: 'none', timeoutSeconds: 300 }))

  it('is what the manifest says instead, where it says so', () => {
    const check = { kind: 'ExecCommand', command: ['pg_isready', '-q'], timeoutSeconds: 120 } as const
    expect(checkOf(service({ protocol: 'tcp', check: { ...check, command: [...check.command] } }))).toEqual({
      ...{ name: 'web', kind: 'ExecCommand', command: ['pg_isready', '-q'], timeoutSeconds: 120 },
    })
    expect(checkOf(service({ check: { path: '/health', timeoutSeconds: 1_800 } }))).toMatchObject({
      ...{ kind: 'HttpGet', path: '/health', timeoutSeconds: 1_800 },
    })
    expect(checkOf(service({ protocol: 'tcp', check: { kind: 'HttpGet' } }))).toMatchObject({
      scheme: 'http',
    })
    expect(checkOf(service({ check: { kind: 'CloudInitDone' } }))).toMatchObject({ kind: 'CloudInitDone' })
  })
})

describe('services in a manifest', () => {
  it('leave an older manifest as it was, to the byte and to the hash', () => {
    const text = new TextDecoder().decode(manifestPayload(manifestSchema.parse(old), salt).subarray(32))
    expect(text).toBe(
      '{"hostname":"box","image":"debian-12","passwordHash":null,"sshKeys":[],"variables":{},"version":1}',
    )
    expect(manifestCommitment(manifestPayload(manifestSchema.parse(old), salt))).toBe(
      '0x8b5da9d8ebebe8868f4a9675eff907fff22f3b64ab249682d179e2b481b54006',
    )
  })

  it('are part of what the tenant signs', () => {
    const one = manifestSchema.parse({ ...old, services: [service()] })
    const other = manifestSchema.parse({ ...old, services: [service({ port: 81 })] })
    const hashes = [old, one, other].map((manifest) => manifestCommitment(manifestPayload(manifest, salt)))
    expect(new Set(hashes).size).toBe(3)
  })

  it.each([
    ['a space in the path', service({ check: { path: '/a b' } }), /path/],
    ['a second request in the path', service({ check: { path: '/ HTTP/1.0\r\nX: y' } }), /path/],
    ['a path that is none', service({ check: { path: 'index.html' } }), /path/],
    ['a path of a port that speaks no HTTP', service({ protocol: 'tcp', check: { path: '/' } }), /path/],
    ['a command without its kind', service({ check: { command: ['true'] } }), /ExecCommand/],
    ['its kind without a command', service({ check: { kind: 'ExecCommand' } }), /ExecCommand/],
    ['a command without a program', service({ check: { kind: 'ExecCommand', command: [''] } }), /program/],
    ['a NUL in an argument', service({ check: { kind: 'ExecCommand', command: ['a', 'b\0'] } }), /NUL/],
    ['port 0', service({ port: 0 }), />=1/],
    ['a time-out of days', service({ check: { timeoutSeconds: 86_401 } }), /<=86400/],
    ['a name in capitals, as System', service({ name: 'System' }), /lower case/],
    ['an unknown field', { ...service(), colour: 'red' }, /colour/],
  ])('are refused with %s', (_, wrong, message) => expect(refused(wrong)).toMatch(message))

  it('are refused when two bear one name, or when there are too many', () => {
    expect(refused(service(), service({ port: 81 }))).toMatch(/name of its own/)
    const many = Array.from({ length: 17 }, (_, i) => service({ name: `s${i}` }))
    expect(refused(...many)).toMatch(/16/)
  })
})
