// libvirt's statistics of a domain → ours. Pure.
import type { Hex } from 'viem'
import type { GuestStats } from '../../ports/hypervisor.ts'

type Values = ReadonlyMap<string, bigint>

const NS_PER_SECOND = 1e9
const KIB = 1024

export function guestStats(leaseId: Hex, values: Values): GuestStats {
  const cpu = values.get('cpu.time')
  const rss = values.get('balloon.rss')
  return {
    leaseId,
    cpuSeconds: cpu === undefined ? null : Number(cpu) / NS_PER_SECOND,
    memoryBytes: rss === undefined ? null : Number(rss) * KIB,
    disk: whole(values, 'block', {
      readBytes: ['rd.bytes'],
      writtenBytes: ['wr.bytes'],
      readRequests: ['rd.reqs'],
      writeRequests: ['wr.reqs'],
    }),
    net: whole(values, 'net', {
      receivedBytes: ['rx.bytes'],
      sentBytes: ['tx.bytes'],
      receivedPackets: ['rx.pkts'],
      sentPackets: ['tx.pkts'],
      droppedPackets: ['rx.drop', 'tx.drop'],
    }),
  }
}

/** Summed over the devices of a group; null when libvirt says nothing of any of them. */
function whole<name extends string>(
  values: Values,
  group: 'block' | 'net',
  names: Readonly<Record<name, readonly string[]>>,
): Record<name, number> | null {
  const count = Number(values.get(`${group}.count`) ?? 0n)
  const devices = Array.from({ length: count }, (_, i) => `${group}.${i}`)
  const wanted = Object.entries<readonly string[]>(names)
  const said = devices.filter((device) => values.has(`${device}.${wanted[0]?.[1][0]}`))
  if (said.length === 0) return null
  const sum = (parts: readonly string[]) =>
    said
      .flatMap((device) => parts.map((part) => Number(values.get(`${device}.${part}`) ?? 0n)))
      .reduce(add, 0)
  // The same keys as `names` by construction: Object.fromEntries forgets them.
  return Object.fromEntries(wanted.map(([name, parts]) => [name, sum(parts)])) as Record<name, number>
}

const add = (a: number, b: number) => a + b
