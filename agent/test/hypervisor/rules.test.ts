import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freeAddress, overlaps, parseRoutes, parseSubnet } from '../../src/hypervisor/ipv4.ts'
import { decideAcceleration, type KvmFacts, probeKvm } from '../../src/hypervisor/libvirt/kvm.ts'
import { domainState, hypervisorEvent } from '../../src/hypervisor/libvirt/states.ts'
import { macOf } from '../../src/hypervisor/mac.ts'
import { checkInstance, leaseIdOfName } from '../../src/hypervisor/names.ts'

const good: KvmFacts = { arch: 'x86_64', device: true, cpuVirtualization: true, pvm: false }

test.each([
  [good, 'auto', 'kvm'],
  [{ ...good, device: false }, 'auto', 'tcg'],
  [{ ...good, cpuVirtualization: false }, 'auto', 'tcg'],
  [{ ...good, pvm: true }, 'auto', 'tcg'],
  [{ ...good, arch: 'aarch64', cpuVirtualization: false }, 'auto', 'kvm'],
  [{ ...good, arch: 'aarch64', pvm: true }, 'auto', 'tcg'],
  [{ ...good, device: false }, 'kvm', 'kvm'],
  [good, 'tcg', 'tcg'],
] as const)('%o under %s runs on %s', (facts, choice, expected) => {
  const decision = decideAcceleration(facts, choice)
  expect(decision.acceleration).toBe(expected)
  expect(decision.reason).toMatch(/^(KVM|TCG), as .+\.$/)
})

test('left to itself, KVM is chosen exactly where all of its conditions hold', () => {
  const flags = [false, true]
  for (const arch of ['x86_64', 'aarch64'] as const) {
    for (const device of flags)
      for (const cpuVirtualization of flags)
        for (const pvm of flags) {
          const boots = device && !pvm && (arch !== 'x86_64' || cpuVirtualization)
          const { acceleration } = decideAcceleration({ arch, device, cpuVirtualization, pvm }, 'auto')
          expect(acceleration).toBe(boots ? 'kvm' : 'tcg')
        }
  }
})

test('what was found out by trying counts for more than what the machine shows, and less than the operator', () => {
  const why = 'TCG, as a probe guest under KVM did not boot.'
  expect(decideAcceleration(good, 'auto', why)).toEqual({ acceleration: 'tcg', reason: why })
  expect(decideAcceleration(good, 'kvm', why).acceleration).toBe('kvm')
  expect(decideAcceleration({ ...good, device: false }, 'auto', why).reason).toContain('/dev/kvm')
})

test('the facts are read from the machine: the device opened, the flags and the module looked for', async () => {
  const root = await mkdtemp(join(tmpdir(), 'decloud-kvm-facts-'))
  try {
    expect(await probeKvm(root)).toMatchObject({ device: false, cpuVirtualization: false, pvm: false })
    for (const folder of ['dev', 'proc', 'sys/module/kvm_pvm'])
      await mkdir(join(root, folder), { recursive: true })
    await writeFile(join(root, 'dev/kvm'), '')
    await writeFile(join(root, 'proc/cpuinfo'), 'model name\t: no svm here\nflags\t\t: fpu vmx sse\n')
    expect(await probeKvm(root)).toMatchObject({ device: true, cpuVirtualization: true, pvm: true })
    await writeFile(join(root, 'proc/cpuinfo'), 'model name\t: no svm here\nflags\t\t: fpu sse\n')
    expect(await probeKvm(root)).toMatchObject({ cpuVirtualization: false })
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})

test('the free address is inside the range and no other guest has it, or there is none', () => {
  const subnet = parseSubnet('10.0.0.0/29')
  const hosts = ['10.0.0.2', '10.0.0.3', '10.0.0.5'].map((ip) => ({ mac: '52:54:00:00:00:00', ip }))
  for (let n = 0; n < 64; n++)
    expect(['10.0.0.4', '10.0.0.6']).toContain(freeAddress(subnet, hosts, [], `mac${n}`))
  const full = [2, 3, 4, 5, 6].map((n) => ({ mac: '52:54:00:00:00:00', ip: `10.0.0.${n}` }))
  expect(freeAddress(subnet, full, [], 'mac')).toBeNull()
})

test('the address that a departed guest has leased is given away last, and its own leased one at once', () => {
  const subnet = parseSubnet('10.0.0.0/29')
  const hosts = [{ mac: '52:54:00:00:00:01', ip: '10.0.0.2' }]
  const leased = ['10.0.0.3', '10.0.0.4', '10.0.0.5'].map((ip, n) => ({ mac: `52:54:00:00:01:0${n}`, ip }))
  const macs = Array.from({ length: 64 }, (_, n) => `52:54:00:00:02:${n}`)
  for (const mac of macs) expect(freeAddress(subnet, hosts, leased, mac)).toBe('10.0.0.6')
  const all = [...leased, { mac: '52:54:00:00:01:09', ip: '10.0.0.6' }]
  for (const mac of macs) {
    const given = freeAddress(subnet, hosts, all, mac)
    expect(all.map(({ ip }) => ip)).toContain(given)
    const own = all.map((lease) => (lease.ip === given ? { ...lease, mac } : lease))
    expect(freeAddress(subnet, hosts, own, mac)).toBe(given)
  }
})

test('a guest gets the same free address again, and not that of the one before it', () => {
  const subnet = parseSubnet('10.0.0.0/24')
  const given = Array.from({ length: 64 }, (_, n) => freeAddress(subnet, [], [], `52:54:00:00:00:${n}`))
  expect(given).toEqual(
    Array.from({ length: 64 }, (_, n) => freeAddress(subnet, [], [], `52:54:00:00:00:${n}`)),
  )
  expect(new Set(given).size).toBeGreaterThan(48)
})

test('ranges overlap whichever is the larger, and neighbours do not', () => {
  const [wide, narrow, next] = ['10.1.0.0/16', '10.1.255.0/24', '10.2.0.0/24'].map(parseSubnet)
  expect(overlaps(wide!, narrow!)).toBe(true)
  expect(overlaps(narrow!, wide!)).toBe(true)
  expect(overlaps(wide!, next!)).toBe(false)
})

test("the kernel's routes are read, the default route left out", () => {
  const table = [
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'virbr1\t00074D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    '',
  ].join('\n')
  expect(parseRoutes(table)).toEqual([{ device: 'virbr1', subnet: parseSubnet('10.77.7.0/24') }])
})

test('names carry the lease only within their instance', () => {
  expect(leaseIdOfName('node1', 'decloud-node1-a1')).toBe('0xa1')
  expect(leaseIdOfName('node', 'decloud-node1-a1')).toBeNull()
  expect(leaseIdOfName('node1', 'decloud-node1-a1.bak')).toBeNull()
  for (const odd of ['', 'a-b', '../x', 'A', 'x'.repeat(25)])
    expect(() => checkInstance(odd)).toThrow(/1 to 24/)
})

test('a MAC is local to QEMU, stable, and differs by lease and by instance', () => {
  expect(macOf('a', '0xA1')).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/)
  expect(macOf('a', '0xA1')).toBe(macOf('a', '0xa1'))
  expect(new Set([macOf('a', '0x1'), macOf('a', '0x2'), macOf('b', '0x1')]).size).toBe(3)
})

test('a crash is told from a clean power-off, and an unknown number from absence', () => {
  expect([domainState(5, 1), domainState(5, 3), domainState(5, 6), domainState(99, 0)]).toEqual([
    'stopped',
    'crashed',
    'crashed',
    'unknown',
  ])
  const report = { kind: 'lifecycle', id: 1, name: 'decloud-node1-a1', event: 5, detail: 2 } as const
  expect(hypervisorEvent('node1', report)).toEqual({ kind: 'stopped', leaseId: '0xa1', cause: 'crashed' })
  expect(hypervisorEvent('node2', report)).toBeNull()
})
