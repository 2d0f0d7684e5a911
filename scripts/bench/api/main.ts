// The API's hot routes beside a bare fastify route that answers a constant of the same bytes, and how fast pages come.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import autocannon from 'autocannon'
import { readFlags } from '../../lib/flags.ts'
import { atLeast, inPairs, median, report, type Target } from '../lib.ts'

const HELP = `usage: npm run bench -- api [--pairs N] [--seconds S] [--connections C]

  --pairs N        times that each route and its bare twin are measured in turn; 5 by default
  --seconds S      of one measurement; 2 by default
  --connections C  kept open by the load generator, which is a process of its own; 32 by default

The keeper and the bare server are processes of their own. Both figures of requests per second, and the processor time
that a request cost each server, are in the report: on a machine that is busy with other things the second is the steadier.`

const { whole } = readFlags(HELP, {
  pairs: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  connections: { type: 'string', default: '32' },
})
const [pairs, seconds, connections] = [whole('pairs', 1), whole('seconds', 1), whole('connections', 1, 4_000)]

type Up = { kind: 'up'; url: string; hot: string[]; page: string }
type Taken = { perSecond: number; cpuMicroseconds: number }

const start = async (file: string, ...args: string[]) => {
  const child = fork(new URL(file, import.meta.url), args)
  const [up] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error(`${file} ended before it was up`)
    }),
  ])) as [Up]
  return { ...up, child }
}

const stop = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.send('stop')
  await ended
}

const cpuOf = async (child: ChildProcess): Promise<number> => {
  const answer = once(child, 'message')
  child.send('cpu')
  const [{ microseconds }] = (await answer) as [{ microseconds: number }]
  return microseconds
}

const measure = async (child: ChildProcess, url: string): Promise<Taken> => {
  const before = await cpuOf(child)
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    // A thread of its own: the generator must not share this one with the bookkeeping.
    workers: 1,
  })
  const cpu = (await cpuOf(child)) - before
  if (result['2xx'] === 0 || result.non2xx > 0 || result.errors > 0)
    throw new Error(
      `${url}: ${result.non2xx} refusals and ${result.errors} errors among ${result.requests.total}`,
    )
  return {
    perSecond: result.requests.total / result.duration,
    cpuMicroseconds: cpu / result.requests.total,
  }
}

const medians = (taken: readonly Taken[]): Taken => ({
  perSecond: median(taken.map(({ perSecond }) => perSecond)),
  cpuMicroseconds: median(taken.map(({ cpuMicroseconds }) => cpuMicroseconds)),
})

const WANTED_RATIO = 0.9
const WANTED_PAGES = 5_000

const run = async () => {
  const children: ChildProcess[] = []
  try {
    const keeper = await start('./keeper.ts')
    children.push(keeper.child)
    const ours: Record<string, number> = {}
    const peer: Record<string, number> = {}
    const targets: Target[] = []
    const ratios: number[] = []
    for (const path of [...keeper.hot, keeper.page]) {
      const body = await (await fetch(`${keeper.url}${path}`)).text()
      const bare = await start('./bare.ts', body)
      children.push(bare.child)
      // Code that has never run is slow code: neither server is measured cold.
      for (const [child, url] of [
        [keeper.child, `${keeper.url}${path}`],
        [bare.child, bare.url],
      ] as const)
        await measure(child, url)
      const taken = await inPairs(
        pairs,
        () => measure(keeper.child, `${keeper.url}${path}`),
        () => measure(bare.child, bare.url),
      )
      await stop(bare.child)
      const [a, b] = [medians(taken.ours), medians(taken.peer)]
      // Pairs were taken side by side: the median of their ratios, not the ratio of their medians.
      const ratio = median(taken.ours.map((one, i) => one.perSecond / (taken.peer[i]?.perSecond ?? 1)))
      const cpuRatio = median(
        taken.ours.map((one, i) => (taken.peer[i]?.cpuMicroseconds ?? 1) / one.cpuMicroseconds),
      )
      const name = `${path} (${Buffer.byteLength(body)} bytes)`
      ours[`${name} per second`] = a.perSecond
      ours[`${name} cpu µs`] = a.cpuMicroseconds
      peer[`${name} per second`] = b.perSecond
      peer[`${name} cpu µs`] = b.cpuMicroseconds
      ratios.push(ratio)
      targets.push(atLeast(`${path}: of a bare route`, WANTED_RATIO, ratio))
      targets.push(atLeast(`${path}: of a bare route, by processor time`, WANTED_RATIO, cpuRatio))
      if (path === keeper.page)
        targets.push(atLeast('a page of 50 rows, per second', WANTED_PAGES, a.perSecond))
    }
    report({ name: 'api', ours, peer, ratio: Math.min(...ratios), targets })
  } finally {
    await Promise.all(children.map(stop))
  }
}

await run()
