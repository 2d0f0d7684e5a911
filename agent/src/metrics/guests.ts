// The figures of guests, a series for each that is on: those of a guest that is gone vanish with it.
import type { Metrics } from '@decloud/service/metrics'
import type { GuestStats } from '../ports/hypervisor.ts'
import type { Usage } from './usage.ts'

/** More guests than a machine has room for. */
const MOST = 2_000

type Figure = (guest: GuestStats) => number | null | undefined

const TOTALS: Readonly<Record<string, readonly [help: string, read: Figure]>> = {
  guest_cpu_seconds_total: ['CPU time of a guest since it was started.', (guest) => guest.cpuSeconds],
  guest_disk_read_bytes_total: ['Bytes a guest has read.', ({ disk }) => disk?.readBytes],
  guest_disk_written_bytes_total: ['Bytes a guest has written.', ({ disk }) => disk?.writtenBytes],
  guest_disk_read_requests_total: ['Read requests of a guest.', ({ disk }) => disk?.readRequests],
  guest_disk_write_requests_total: ['Write requests of a guest.', ({ disk }) => disk?.writeRequests],
  guest_net_received_bytes_total: ['Bytes that came to a guest.', ({ net }) => net?.receivedBytes],
  guest_net_sent_bytes_total: ['Bytes that a guest has sent.', ({ net }) => net?.sentBytes],
  guest_net_received_packets_total: ['Packets that came to a guest.', ({ net }) => net?.receivedPackets],
  guest_net_sent_packets_total: ['Packets that a guest has sent.', ({ net }) => net?.sentPackets],
  guest_net_dropped_packets_total: [
    'Packets of a guest that were dropped.',
    ({ net }) => net?.droppedPackets,
  ],
}

export const watchGuests = (metrics: Metrics, usage: Pick<Usage, 'all'>) => {
  const read = (figure: Figure) => () =>
    usage.all().flatMap((guest) => {
      const value = figure(guest)
      return value === null || value === undefined ? [] : [{ labels: { lease: guest.leaseId }, value }]
    })
  for (const [name, [help, figure]] of Object.entries(TOTALS)) {
    metrics.watchTotals(name, help, ['lease'], read(figure), { most: MOST })
  }
  const memory = read(({ memoryBytes }) => memoryBytes)
  const help = "Memory of the host that a guest's process holds."
  metrics.watchEach('guest_memory_bytes', help, ['lease'], memory, { most: MOST })
}
