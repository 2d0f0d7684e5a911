// Whether this kernel can do what libvirt's `<bandwidth>` asks of it. Tried, not looked up: what a kernel is built with,
// and which modules it may load, is seen by using it.
import { sentenceOf } from '@decloud/protocol'
import type { ShapingMode } from '../ports/shaper.ts'
import { ifbPrefix } from './names.ts'
import type { Tools } from './tools.ts'

/** What libvirt runs for a `<bandwidth>` element. */
const libvirtLines = (device: string) => [
  ...htbLines(device),
  `qdisc add dev ${device} parent 1:1 handle 2: sfq perturb 10`,
  `qdisc add dev ${device} ingress`,
  `filter add dev ${device} parent ffff: protocol all u32 match u32 0 0 police rate 1000kbps burst 100kb mtu 64kb drop flowid :1`,
]

/** What our own shaper runs. */
const tcLines = (device: string, detour: string) => [
  ...htbLines(device),
  `qdisc add dev ${device} parent 1:1 handle 10: bfifo limit 256kb`,
  `qdisc add dev ${device} handle ffff: ingress`,
  `filter add dev ${device} parent ffff: protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev ${detour}`,
]

const htbLines = (device: string) => [
  `qdisc add dev ${device} root handle 1: htb default 1`,
  `class add dev ${device} parent 1: classid 1:1 htb rate 1000kbps`,
]

/**
 * Where the trials take place. Root has a network namespace for each, which lives as long as the one process in it:
 * nothing is left behind, however this one ends. To make one takes powers over the whole machine, though; an agent that
 * may only change the network tries it on links of its own, and removes those that an earlier one was killed with.
 */
export type Trial = { readonly namespace: true } | { readonly namespace: false; readonly links: string }

export const placeOfTrial = (instance: string, uid = process.getuid?.() ?? 0): Trial =>
  uid === 0 ? { namespace: true } : { namespace: false, links: `${ifbPrefix(instance)}-try` }

export const detectShaping = async (
  tools: Tools,
  place: Trial = { namespace: true },
): Promise<{ mode: ShapingMode; reason: string }> => {
  const attempt = place.namespace ? inNamespace(tools) : onOwnLinks(tools, place.links)
  const without = await reasonAgainst(attempt.libvirt)
  if (without === null)
    return { mode: 'libvirt', reason: "The kernel has all that libvirt's <bandwidth> needs." }
  const why = await reasonAgainst(attempt.tc)
  if (why === null) {
    return {
      mode: 'tc',
      reason: `The kernel lacks what libvirt's <bandwidth> needs (${without}): limits are set with tc.`,
    }
  }
  return { mode: 'none', reason: `The kernel cannot limit bandwidth: ${why}. Only unmetered guests can run.` }
}

type Attempt = () => Promise<string | null>

const text = (lines: readonly string[]) => `${lines.join('\n')}\n`

const inNamespace = (tools: Tools): { libvirt: Attempt; tc: Attempt } => {
  const withDetour = 'ip link add name detour type ifb && exec tc -batch -'
  return {
    libvirt: () => tools.run('unshare', ['--net', 'tc', '-batch', '-'], text(libvirtLines('lo'))),
    tc: () => tools.run('unshare', ['--net', 'sh', '-c', withDetour], text(tcLines('lo', 'detour'))),
  }
}

/** @param name with room for one more letter: the kernel's names of links have 15. */
const onOwnLinks = (tools: Tools, name: string): { libvirt: Attempt; tc: Attempt } => {
  const detour = `${name}d`
  // A pair goes with either end.
  const remove = async () => {
    for (const link of [name, detour]) await tools.run('ip', ['link', 'del', 'dev', link])
  }
  const on = async (add: readonly (readonly string[])[], lines: readonly string[]) => {
    await remove()
    try {
      for (const link of add) await tools.run('ip', ['link', 'add', 'name', ...link])
      return await tools.run('tc', ['-batch', '-'], text(lines))
    } finally {
      await remove()
    }
  }
  const pair = [name, 'type', 'veth', 'peer', 'name', `${name}p`]
  return {
    libvirt: () => on([pair], libvirtLines(name)),
    tc: () => on([pair, [detour, 'type', 'ifb']], tcLines(name, detour)),
  }
}

/** @returns null when every line was taken, else the reason in the tool's words. */
const reasonAgainst = async (attempt: Attempt): Promise<string | null> => {
  try {
    return (await attempt()) === null ? 'no device to try it on' : null
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    return sentenceOf(cause ?? error)
      .replace(/\s+/g, ' ')
      .replace(/\.$/, '')
  }
}
