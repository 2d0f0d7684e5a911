// A blank keeper reads a busy market from a local chain, beside a plain loop with viem.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { readFlags } from '../../lib/flags.ts'
import { makeProgress } from '../../lib/progress.ts'
import { inPairs, median, report } from '../lib.ts'
import { makeHistory } from './history.ts'
import type { Result, Task } from './side.ts'

const HELP = `usage: npm run bench -- sync [--events N] [--pairs N]

  --events N   events on the chain, about (default 100000)
  --pairs N    how often each side reads all of them, in turn (default 2)

The chain is made by the first run and kept in build/bench/sync-N: for 100000 events that takes some minutes. An
interrupted run goes on where it stopped. Each side runs in a process of its own, with an empty database.`

const SIDE_DEADLINE_MS = 1_200_000
const FOLDER = join(import.meta.dirname, '..', '..', '..', 'build', 'bench')

const { whole } = readFlags(HELP, {
  events: { type: 'string', default: '100000' },
  pairs: { type: 'string', default: '2' },
})

const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort())

const runSide = (script: string, task: Task): Promise<Result> =>
  new Promise((resolve, reject) => {
    const file = join(import.meta.dirname, script)
    const child = spawn(process.execPath, [file, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      signal: AbortSignal.any([abort.signal, AbortSignal.timeout(SIDE_DEADLINE_MS)]),
    })
    let output = ''
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString('utf8')
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as Result)
      else reject(new Error(`${script} ended with ${code}`))
    })
  })

const figuresOf = (results: readonly Result[]) => {
  const middle = (figure: (result: Result) => number) => median(results.map(figure))
  return {
    eventsPerSecond: middle(({ events, seconds }) => events / seconds),
    eventsPerCoreSecond: middle(({ events, coreSeconds }) => events / coreSeconds),
    coreSeconds: middle(({ coreSeconds }) => coreSeconds),
    seconds: middle(({ seconds }) => seconds),
    events: middle(({ events }) => events),
    rpcRequests: middle(({ requests }) => requests),
    rpcCalls: middle(({ calls }) => calls),
    databaseBytes: middle(({ bytes }) => bytes),
    bytesPerEvent: middle(({ bytes, events }) => bytes / events),
    maxRssMiB: middle(({ maxRssMiB }) => maxRssMiB),
    runs: results.map(({ events, seconds }) => events / seconds),
  }
}

const progress = makeProgress()
const wanted = whole('events', 1)
const folder = join(FOLDER, `sync-${wanted}`)
const history = await progress.step(`a chain with ${wanted} events`, (note) =>
  makeHistory(folder, wanted, { note, signal: abort.signal }),
)
try {
  const height = Number(await history.anvil.client.getBlockNumber({ cacheTime: 0 }))
  const { rpcUrl } = history.anvil
  const taskOf = (name: string): Task => ({
    ...{ rpcUrl, height, deployment: history.deployment, file: join(folder, `${name}.sqlite`) },
  })
  const { ours, peer } = await inPairs(
    whole('pairs', 1),
    (nth) => progress.step(`ours, ${nth + 1}`, () => runSide('ours.ts', taskOf('ours'))),
    (nth) => progress.step(`viem, ${nth + 1}`, () => runSide('peer.ts', taskOf('peer'))),
  )
  const [our, their] = [figuresOf(ours), figuresOf(peer)]
  report({
    name: 'sync',
    ours: our,
    peer: { name: 'getLogs and parseEventLogs of viem, into one table', ...their },
    ratio: our.eventsPerSecond / their.eventsPerSecond,
    targets: [
      {
        ...{ what: 'every event is there', wanted: String(their.events), got: String(our.events) },
        held: our.events === their.events,
      },
    ],
  })
} finally {
  await history.stop()
}
