// What a lease adds to the boot of a bare guest, from the tenant's signature to Active, in turn on the same machine.
// `npm run bench -- ready [--runs N]`. Needs root and libvirt. The peer is the same image, started with virsh.
import { parseArgs } from 'node:util'
import { runBenchInside } from '../inside.ts'

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '20' }, help: { type: 'boolean', default: false } },
})
const runs = Number(values.runs)
if (values.help || !Number.isSafeInteger(runs) || runs < 1) {
  console.log(
    'usage: npm run bench -- ready [--runs 20]      one run is a pair, about 20 s of it without KVM',
  )
  process.exit(values.help ? 0 : 2)
}
process.exitCode = await runBenchInside(new URL('./pairs.ts', import.meta.url), [`${runs}`], 120 + 90 * runs)
