// By the kernel's own tables. A bridge learns where a MAC is from whoever sends by it, and the host learns whose an IP
// address is from whoever answers: a guest that sends and answers as its neighbour would be sent what is the neighbour's.
// So neither learns of guests: both are told.
import { z } from 'zod'
import { AgentError } from '../lib/errors.ts'
import { makeSemaphore } from '../lib/semaphore.ts'
import type { Anchors } from '../ports/anchors.ts'
import type { Tools } from '../qos/tools.ts'

const neighbours = z.array(z.object({ dst: z.string(), dev: z.string(), lladdr: z.string().optional() }))
const links = z.array(z.object({ master: z.string().optional() }))
const entries = z.array(z.object({ mac: z.string(), master: z.string().optional() }))
/** By which the kernel tells who has written an entry: a number that no routing daemon has. */
const PROTOCOL = '220'

export const makeAnchors = ({ run }: Tools): Anchors => {
  const inTurn = makeSemaphore(1)
  const listed = async (tool: 'ip' | 'bridge', ...args: string[]): Promise<unknown> =>
    JSON.parse((await run(tool, ['-j', ...args])) || '[]')

  /** A device takes its entry in the bridge with it; what the host was told of its address stays. */
  const tidy = async () => {
    const known = neighbours.parse(await listed('ip', 'neigh', 'show', 'protocol', PROTOCOL))
    for (const bridge of new Set(known.map(({ dev }) => dev))) {
      const ports = entries.parse(await listed('bridge', 'fdb', 'show', 'br', bridge))
      const there = new Set(ports.flatMap(({ mac, master }) => (master === bridge ? [mac] : [])))
      for (const { dst, dev, lladdr } of known) {
        if (dev === bridge && (lladdr === undefined || !there.has(lladdr)))
          await run('ip', ['neigh', 'del', dst, 'dev', bridge])
      }
    }
  }

  const hold: Anchors['hold'] = async ({ device, mac, ip }) => {
    // By the kernel: what libvirt says of it is lost when it was killed while the guest came up.
    const [link] = links.parse(await listed('ip', 'link', 'show', 'dev', device))
    const bridge = link?.master
    if (bridge === undefined) return // it went off
    // `sticky`: an entry that is only static moves to the port that its MAC is next heard from. First the port: what is
    // known of an address without one is tidied away, at any time.
    const port = `link set dev ${device} learning off\nfdb replace ${mac} dev ${device} master static sticky\n`
    if ((await run('bridge', ['-batch', '-'], port)) === null || ip === null) return
    const entry = [ip, 'lladdr', mac, 'dev', bridge, 'nud', 'permanent', 'protocol', PROTOCOL]
    await run('ip', ['neigh', 'replace', ...entry])
  }

  return {
    hold: (nic) => hold(nic).catch(fail),
    tidy: () => inTurn(tidy).catch(fail),
  }
}

const fail = (error: unknown): never => {
  // The tools speak of what they are mostly used for.
  const cause = error instanceof AgentError ? (error.cause ?? error) : error
  throw new AgentError(
    'anchor-failed',
    'The node could not hold a guest to its network address; a neighbour may take it.',
    { cause },
  )
}
