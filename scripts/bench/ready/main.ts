// What a lease adds to the boot of a bare guest, from the tenant's signature to Active, in turn on the same machine.
// `npm run bench -- ready [--runs N]`. Needs root and libvirt. The peer is the same image, started with virsh.
import { readFlags } from '../../lib/flags.ts'
import { runBenchInside } from '../inside.ts'

const { whole } = readFlags(
  'usage: npm run bench -- ready [--runs 20]      one run is a pair, about 20 s of it without KVM',
  { runs: { type: 'string', default: '20' } },
)
const runs = whole('runs', 1, 1_000)
process.exitCode = await runBenchInside(new URL('./pairs.ts', import.meta.url), [`${runs}`], 120 + 90 * runs)
