// Members of a gossip that a test watches: what each heard, and how long to wait for it.
import type { Ear, Gossip, GossipOptions, Verdict } from '../src/index.ts'

export const TOPIC = '/test/1'
export const MAX_BYTES = 1_000
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (message: Uint8Array): string => new TextDecoder().decode(message)

export type Start = (options: GossipOptions) => Promise<Gossip>
/** `met`: greetings heard, which are not part of a test. */
export type Member = Gossip & { heard: string[]; met: Set<string> }

/** Accepts, unless the message says what to do with it. */
const judge = (text: string): Verdict =>
  text.startsWith('reject') ? 'reject' : text.startsWith('ignore') ? 'ignore' : 'accept'

export const makeGroup = (start: Start) => {
  const members: Gossip[] = []
  const join = async (options: Partial<GossipOptions> & { deaf?: boolean } = {}): Promise<Member> => {
    const heard: string[] = []
    const met = new Set<string>()
    const ear: Ear = async (message) => {
      const text = textOf(message)
      if (text.startsWith('hello')) met.add(text.split(' ')[1]!)
      else heard.push(text)
      return judge(text)
    }
    const { deaf = false, ...rest } = options
    const gossip = await start({
      topic: TOPIC,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [],
      ...(deaf ? {} : { ear }),
      ...rest,
    })
    members.push(gossip)
    return Object.assign(gossip, { heard, met })
  }
  const close = async () => {
    await Promise.all(members.splice(0).map((member) => member.close()))
  }
  return { join, close }
}
/**
 * Connected is not enough: peers take one another into their mesh a moment later, and what is sent just then may be lost
 * to some. Greets until three greetings in a row arrive at once, as they do within a mesh.
 */
export const greet = async (from: Member, to: Member): Promise<void> => {
  let streak = 0
  for (let i = 0; i < 100 && streak < 3; i++) {
    const name = `${from.peerId}-${i}`
    await from.publish(bytes(`hello ${name}`))
    const end = performance.now() + 300
    while (!to.met.has(name) && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 5))
    streak = to.met.has(name) ? streak + 1 : 0
  }
  if (streak < 3) throw new Error('one member does not hear the other')
}
/** Gossip may lose a message where a link comes or goes. Says it anew until it is heard. @returns what was heard. */
export const tell = async (from: Gossip, to: Member, text: string): Promise<string> => {
  for (let i = 0; i < 10; i++) {
    const said = `${text}#${i}`
    await from.publish(bytes(said))
    const end = performance.now() + 2_000
    while (!to.heard.includes(said) && performance.now() < end) await new Promise((r) => setTimeout(r, 5))
    if (to.heard.includes(said)) return said
  }
  throw new Error(`${text.slice(0, 20)} was never heard`)
}
export type Group = ReturnType<typeof makeGroup>

export const until = async (condition: () => boolean, what: string, deadlineMs = 15_000): Promise<void> => {
  const end = performance.now() + deadlineMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
