// What gossip promises, whoever carries it: run against libp2p and against the bus.
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  bytes,
  type Group,
  greet,
  MAX_BYTES,
  type Member,
  makeGroup,
  type Start,
  tell,
  until,
} from './world.ts'

export const describeGossip = (start: Start) => {
  let group: Group
  beforeEach(() => {
    group = makeGroup(start)
  })
  afterEach(() => group.close())

  /** a – b – c: what c hears of a went through b. */
  const line = async () => {
    const b = await group.join()
    const a = await group.join({ bootstrap: b.addresses(), listen: [] })
    const c = await group.join({ bootstrap: b.addresses() })
    await until(
      () => a.listeners() === 1 && b.listeners() === 2 && c.listeners() === 1,
      'everybody connected',
    )
    return { a, b, c }
  }
  const times = (member: Member, text: string) => member.heard.filter((heard) => heard === text).length

  it('carries a message to everybody, once, through others', async () => {
    const { a, b, c } = await line()
    const said = await tell(a, c, 'one')
    await greet(a, c)
    expect([times(a, said), times(b, said), times(c, said)]).toEqual([0, 1, 1])
  })

  // Later messages come after earlier ones: once a greeting is there, what is not there was dropped.
  it.each(['reject', 'ignore'])('does not carry on what is judged %s', async (verdict) => {
    const { a, b, c } = await line()
    await tell(a, b, `${verdict} this`)
    await greet(a, c)
    expect(c.heard).toEqual([])
  })

  it('neither shows nor carries on a message that is too long', async () => {
    const { a, b, c } = await line()
    await a.publish(bytes('x'.repeat(MAX_BYTES + 1)))
    await greet(a, c)
    const longest = await tell(a, c, 'y'.repeat(MAX_BYTES - 2))
    expect(longest).toHaveLength(MAX_BYTES)
    expect([...b.heard, ...c.heard].filter((text) => text.startsWith('x'))).toEqual([])
  })

  it('sends the same message round once only', async () => {
    const { a, c } = await line()
    const said = await tell(a, c, 'one')
    expect(await a.publish(bytes(said))).toBe(0)
    expect(await c.publish(bytes(said))).toBe(0)
    await greet(a, c)
    expect(times(c, said)).toBe(1)
  })

  it('says that nobody hears', async () => {
    const alone = await group.join()
    expect(alone.listeners()).toBe(0)
    expect(await alone.publish(bytes('one'))).toBe(0)
  })

  it('sends nothing to a member without an ear, and takes from it', async () => {
    const { a, b, c } = await line()
    const d = await group.join({ bootstrap: b.addresses(), deaf: true, listen: [] })
    await until(() => d.listeners() === 1, 'd connected')
    await greet(d, c)
    expect(a.listeners()).toBe(1)
    expect(b.listeners()).toBe(2)
    await Promise.all([tell(d, c, 'from d to c'), tell(d, a, 'from d to a')])
  })

  it('is not stopped by an ear that fails, and blames nobody', async () => {
    const errors: unknown[] = []
    const ears: string[] = []
    const b = await group.join({
      ear: async (message) => {
        ears.push(new TextDecoder().decode(message))
        if (ears.length <= 40) throw new Error('the disk is full')
        return 'accept'
      },
      onError: (error) => errors.push(error),
    })
    const a = await group.join({ bootstrap: b.addresses() })
    await until(() => a.listeners() === 1, 'connected')
    for (let i = 0; i < 41; i++) await a.publish(bytes(`message ${i}`))
    await until(() => ears.length === 41, 'all heard')
    expect(errors).toHaveLength(40)
  })

  it('stops looking at what a flooding peer sends, and goes on hearing the others', async () => {
    const { a, b, c } = await line()
    for (let i = 0; i < 300; i++) await a.publish(bytes(`reject ${i}`))
    await until(() => b.listeners() === 1, 'a is cut off')
    await tell(c, b, 'from c')
    expect(b.heard.filter((text) => text.startsWith('reject')).length).toBeLessThanOrEqual(16)
    await a.publish(bytes('from a'))
    await tell(c, b, 'later')
    expect(b.heard).not.toContain('from a')
    expect(c.heard).toEqual([])
  })

  it('is left for good', async () => {
    const { a, b, c } = await line()
    await c.close()
    await c.close()
    await until(() => b.listeners() === 1, 'c is gone')
    await tell(a, b, 'one')
    expect(c.heard).toEqual([])
  })
}
