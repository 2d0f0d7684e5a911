// How soon a killed agent that is started again has adopted its guests: real tiny ones, none of which may notice.
// `npm run bench -- adopt [--guests N] [--runs N]`. Needs root and libvirt. The peer is `virsh list` and `dominfo` of each.
import { parseArgs } from 'node:util'
import { runBenchInside } from '../inside.ts'

const { values } = parseArgs({
  options: {
    guests: { type: 'string', default: '20' },
    runs: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
})
const [guests, runs] = [Number(values.guests), Number(values.runs)]
if (values.help || !Number.isSafeInteger(guests) || !Number.isSafeInteger(runs) || guests < 1 || runs < 1) {
  console.log('usage: npm run bench -- adopt [--guests 20] [--runs 5]')
  process.exit(values.help ? 0 : 2)
}
const script = new URL('./guests.ts', import.meta.url)
process.exitCode = await runBenchInside(script, [`${guests}`, `${runs}`], 180 + 45 * guests + 60 * runs)
