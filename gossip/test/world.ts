// Members of a gossip that a test watches: what each heard, and how long to wait for it.
import type { Ear, Gossip, GossipOptions, Verdict } from '../src/index.ts'

export const TOPIC = '/test/1'
export const MAX_BYTES = 1_000
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (message: Uint8Array): string => new TextDecoder().decode(message)

export type Start = (options: GossipOptions) => Promise<Gossip>
export type Member = Gossip & { heard: string[] }

/** Accepts, unless the message says what to do with it. */
const judge = (text: string): Verdict =>
  text.startsWith('reject') ? 'reject' : text.startsWith('ignore') ? 'ignore' : 'accept'

export const makeGroup = (start: Start) => {
  const members: Gossip[] = []
  const join = async (options: Partial<GossipOptions> & { deaf?: boolean } = {}): Promise<Member> => {
    const heard: string[] = []
    const ear: Ear = async (message) => {
      heard.push(textOf(message))
      return judge(textOf(message))
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
    return Object.assign(gossip, { heard })
  }
  const close = async () => {
    await Promise.all(members.splice(0).map((member) => member.close()))
  }
  return { join, close }
}
export type Group = ReturnType<typeof makeGroup>

export const until = async (condition: () => boolean, what: string, deadlineMs = 15_000): Promise<void> => {
  const end = performance.now() + deadlineMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
