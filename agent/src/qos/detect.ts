// Whether this kernel can do what libvirt's `<bandwidth>` asks of it. Tried, not looked up: what a kernel is built with,
// and which modules it may load, is seen by using it. Both trials run on the loopback of a network namespace that lives
// as long as the one process in it: nothing is left behind, however this one ends.
import { sentenceOf } from '@decloud/protocol'
import type { ShapingMode } from '../ports/shaper.ts'
import type { Tools } from './tools.ts'

const HTB = [
  'qdisc add dev lo root handle 1: htb default 1',
  'class add dev lo parent 1: classid 1:1 htb rate 1000kbps',
]

/** What libvirt runs for a `<bandwidth>` element. */
const LIBVIRT = [
  ...HTB,
  'qdisc add dev lo parent 1:1 handle 2: sfq perturb 10',
  'qdisc add dev lo ingress',
  'filter add dev lo parent ffff: protocol all u32 match u32 0 0 police rate 1000kbps burst 100kb mtu 64kb drop flowid :1',
]

/** What our own shaper runs. */
const TC = [
  ...HTB,
  'qdisc add dev lo parent 1:1 handle 10: bfifo limit 256kb',
  'qdisc add dev lo handle ffff: ingress',
  'filter add dev lo parent ffff: protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev detour',
]

export const detectShaping = async (tools: Tools): Promise<{ mode: ShapingMode; reason: string }> => {
  const without = await trial(tools, ['tc', '-batch', '-'], LIBVIRT)
  if (without === null)
    return { mode: 'libvirt', reason: "The kernel has all that libvirt's <bandwidth> needs." }
  const withDetour = 'ip link add name detour type ifb && exec tc -batch -'
  const why = await trial(tools, ['sh', '-c', withDetour], TC)
  if (why === null) {
    return {
      mode: 'tc',
      reason: `The kernel lacks what libvirt's <bandwidth> needs (${without}): limits are set with tc.`,
    }
  }
  return { mode: 'none', reason: `The kernel cannot limit bandwidth: ${why}. Only unmetered guests can run.` }
}

/** @returns null when every line was taken, else the reason in the tool's words. */
const trial = async (
  tools: Tools,
  command: readonly string[],
  lines: readonly string[],
): Promise<string | null> => {
  try {
    const done = await tools.run('unshare', ['--net', ...command], `${lines.join('\n')}\n`)
    return done === null ? 'no loopback device' : null
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    return sentenceOf(cause ?? error)
      .replace(/\s+/g, ' ')
      .replace(/\.$/, '')
  }
}
