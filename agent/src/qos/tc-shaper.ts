// HTB on the tap for what goes to the guest; what comes from it takes a detour through an IFB of its own, with HTB too.
import type { Hex } from 'viem'
import { z } from 'zod'
import { AgentError } from '../lib/errors.ts'
import type { LinkRate, Shaper, ShapingMode } from '../ports/shaper.ts'
import { ifbName, ifbPrefix } from './names.ts'
import { closeTo, limitLines, limitsOfClass, redirectLines, redirectOf, rootsOf } from './tc-text.ts'
import type { Tools } from './tools.ts'

export type TcShaperOptions = {
  readonly instance: string
  readonly tools: Tools
  readonly mode: ShapingMode
  readonly reason: string
}

const links = z.array(z.object({ ifname: z.string().optional(), flags: z.array(z.string()).optional() }))

/** What changes the machine is done one after the other: a guest that starts again is not freed of its new limits. */
const makeTurns = () => {
  let last: Promise<unknown> = Promise.resolve()
  return <result>(work: () => Promise<result>): Promise<result> => {
    const mine = last.then(work)
    last = mine.catch(() => undefined) // its own caller hears of it
    return mine
  }
}

export const makeTcShaper = ({ instance, tools, mode, reason }: TcShaperOptions): Shaper => {
  const inTurn = makeTurns()
  const tc = async (...args: string[]) => (await tools.run('tc', args)) ?? ''
  const batch = (lines: readonly string[]) => tools.run('tc', ['-batch', '-'], `${lines.join('\n')}\n`)
  const linksOf = async (...which: string[]) =>
    links.parse(JSON.parse((await tools.run('ip', ['-j', 'link', 'show', ...which])) || '[]'))

  const limitsOf = async (leaseId: Hex, device: string): Promise<LinkRate | null> => {
    const ifb = ifbName(instance, leaseId)
    const [outbound, redirect, inbound, [link]] = await Promise.all([
      tc('class', 'show', 'dev', device),
      tc('-j', 'filter', 'show', 'dev', device, 'parent', 'ffff:'),
      tc('class', 'show', 'dev', ifb),
      linksOf('dev', ifb),
    ])
    if (redirectOf(redirect) !== ifb || link?.flags?.includes('UP') !== true) return null
    const limits = limitsOfClass(outbound)
    return closeTo(limits, limitsOfClass(inbound)) ? limits : null
  }

  const limit = async (device: string, ifb: string, limits: LinkRate) => {
    if ((await linksOf('dev', ifb)).length === 0)
      await tools.run('ip', ['link', 'add', 'name', ifb, 'type', 'ifb'])
    await tools.run('ip', ['link', 'set', 'dev', ifb, 'up'])
    // HTB cannot be replaced by HTB: where it is there already, only its class is.
    const [tap, detour] = await Promise.all([device, ifb].map((dev) => tc('-j', 'qdisc', 'show', 'dev', dev)))
    await batch([
      ...limitLines(device, limits, !rootsOf(tap ?? '').htb),
      ...limitLines(ifb, limits, !rootsOf(detour ?? '').htb),
      // Last: nothing is sent through the IFB before it limits.
      ...redirectLines(device, ifb),
    ])
  }

  const unlimit = async (device: string, ifb: string) => {
    const { htb, ingress } = rootsOf(await tc('-j', 'qdisc', 'show', 'dev', device))
    const detours =
      ingress && redirectOf(await tc('-j', 'filter', 'show', 'dev', device, 'parent', 'ffff:')) === ifb
    // First the detour: what is sent to an IFB that is gone is lost.
    if (detours) await tools.run('tc', ['qdisc', 'del', 'dev', device, 'ingress'])
    if (detours && htb) await tools.run('tc', ['qdisc', 'del', 'dev', device, 'root'])
    await remove(ifb)
  }

  const remove = async (ifb: string) => {
    await tools.run('ip', ['link', 'del', 'dev', ifb])
  }

  const sweep = async (running: () => Promise<readonly Hex[]>) => {
    const kept = new Set((await running()).map((leaseId) => ifbName(instance, leaseId)))
    const mine = (await linksOf('type', 'ifb')).flatMap(({ ifname }) => ifname ?? [])
    const left = mine.filter((name) => name.startsWith(ifbPrefix(instance)) && !kept.has(name))
    for (const ifb of left) await remove(ifb)
  }

  const shape = async (leaseId: Hex, device: string, limits: LinkRate | null) => {
    const ifb = ifbName(instance, leaseId)
    if (limits === null) return unlimit(device, ifb)
    if (mode === 'none')
      throw new AgentError('shaping-unsupported', 'The node cannot limit the bandwidth of guests.')
    if (closeTo(await limitsOf(leaseId, device), limits)) return
    await limit(device, ifb, limits)
    if (closeTo(await limitsOf(leaseId, device), limits)) return
    throw new AgentError(
      'shaping-failed',
      'The bandwidth limits of the guest do not read as they were set; they are set again.',
    )
  }

  return {
    mode,
    reason,
    limitsOf,
    shape: (leaseId, device, limits) => inTurn(() => shape(leaseId, device, limits)),
    release: (leaseId) => inTurn(() => remove(ifbName(instance, leaseId))),
    sweep: (running) => inTurn(() => sweep(running)),
  }
}
