// How soon a killed agent that is started again has adopted its guests: real tiny ones, none of which may notice.
// `npm run bench -- adopt [--guests N] [--runs N]`. Needs root and libvirt. The peer is `virsh list` and `dominfo` of each.
import { readFlags } from '../../lib/flags.ts'
import { runBenchInside } from '../inside.ts'

const { whole } = readFlags('usage: npm run bench -- adopt [--guests 20] [--runs 5]', {
  guests: { type: 'string', default: '20' },
  runs: { type: 'string', default: '5' },
})
const [guests, runs] = [whole('guests', 1, 1_000), whole('runs', 1, 1_000)]
const script = new URL('./guests.ts', import.meta.url)
process.exitCode = await runBenchInside(script, [`${guests}`, `${runs}`], 180 + 45 * guests + 60 * runs)
