// By the kernel's own tables. A bridge learns where a MAC is from whoever sends by it, and the host learns whose an IP
// address is from whoever answers: a guest that sends and answers as its neighbour would be sent what is the neighbour's.
// So neither learns of guests: both are told.
import type { Hex } from 'viem'
import { z } from 'zod'
import { AgentError } from '../lib/errors.ts'
import { makeSemaphore } from '../lib/semaphore.ts'
import type { Anchors } from '../ports/anchors.ts'
import type { Tools } from '../qos/tools.ts'

const neighbours = z.array(z.object({ dst: z.string(), lladdr: z.string().optional() }))
const entries = z.array(z.object({ mac: z.string(), master: z.string().optional() }))
/** Of guests; what an operator has written for other machines stays. */
const OURS = '52:54:00:'

export const makeAnchors = ({ run }: Tools): Anchors => {
  const inTurn = makeSemaphore(1)
  /** Where a guest was last seen: with its device, everything goes but what the host knows of its address. */
  const bridges = new Map<Hex, string>()
  const tidied = new Set<string>()

  const listed = async (tool: 'ip' | 'bridge', ...args: string[]): Promise<unknown> =>
    JSON.parse((await run(tool, ['-j', ...args])) || '[]')

  /** Forgets the addresses of guests that no port of the bridge leads to. */
  const tidy = async (bridge: string) => {
    const known = neighbours.parse(await listed('ip', 'neigh', 'show', 'dev', bridge, 'nud', 'permanent'))
    const ports = entries.parse(await listed('bridge', 'fdb', 'show', 'br', bridge))
    const there = new Set(ports.flatMap(({ mac, master }) => (master === bridge ? [mac] : [])))
    for (const { dst, lladdr } of known) {
      if (lladdr === undefined || !lladdr.startsWith(OURS) || there.has(lladdr)) continue
      await run('ip', ['neigh', 'del', dst, 'dev', bridge])
    }
  }

  const hold: Anchors['hold'] = async (leaseId, { device, bridge, mac, ip }) => {
    if (bridge === null) return
    bridges.set(leaseId, bridge)
    // `sticky`: an entry that is only static moves to the port that its MAC is next heard from.
    const lines = [
      `link set dev ${device} learning off`,
      `fdb replace ${mac} dev ${device} master static sticky`,
    ]
    if ((await run('bridge', ['-batch', '-'], `${lines.join('\n')}\n`)) === null) return // it went off
    if (ip !== null)
      await run('ip', ['neigh', 'replace', ip, 'lladdr', mac, 'dev', bridge, 'nud', 'permanent'])
    // What an agent before this one has left.
    if (!tidied.has(bridge)) await tidy(bridge)
    tidied.add(bridge)
  }

  const release: Anchors['release'] = async (leaseId) => {
    const bridge = bridges.get(leaseId)
    if (bridge === undefined) return
    await tidy(bridge)
    bridges.delete(leaseId)
  }

  return {
    hold: (leaseId, nic) => inTurn(() => hold(leaseId, nic)).catch(fail),
    release: (leaseId) => inTurn(() => release(leaseId)).catch(fail),
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
