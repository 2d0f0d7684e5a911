// Requests made from the API's own document, against a real keeper on a real chain.
import { readFlags } from '../../../scripts/lib/flags.ts'
import { fuzzApi } from './fuzz.ts'
import { growthOf, MOST_GROWTH } from './heap.ts'

const HELP = `usage: npm run fuzz -- api [--requests N] [--seed S] [--only TEXT]

  --requests N  to each operation; 1000 by default
  --seed S      of a run to repeat; printed by each
  --only TEXT   only operations whose "method path" contains TEXT

Fails on a 5xx, an answer that the document does not declare or that breaks its schema, and a heap that grows.`

const { values, whole } = readFlags(HELP, {
  requests: { type: 'string', default: '1000' },
  seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
  only: { type: 'string' },
})

const run = async () => {
  const [seed, requests] = [whole('seed', 0), whole('requests', 1)]
  console.log(`seed ${seed}`)
  const started = performance.now()
  const result = await fuzzApi({
    ...{ seed, requests, ...(values.only === undefined ? {} : { only: values.only }) },
    onProgress: (line) => console.log(line),
  })
  const seconds = (performance.now() - started) / 1_000
  console.log(`${result.requests} requests to ${result.routes} operations in ${seconds.toFixed(1)} s`)
  console.log(`by status: ${JSON.stringify(result.byStatus)}`)
  for (const { route, nth, request, what } of result.failures) {
    console.log(`\n${route} (request ${nth}) ${what}\n  ${JSON.stringify(request).slice(0, 600)}`)
  }
  const growth = growthOf(result.heap)
  console.log(`heap: ${(growth / 1e6).toFixed(1)} MB between the first quarter and the last`)
  if (result.failures.length > 0 || growth > MOST_GROWTH) {
    console.log(`\nrepeat with: npm run fuzz -- api --seed ${seed} --requests ${requests}`)
    process.exitCode = 1
  }
}

await run()
