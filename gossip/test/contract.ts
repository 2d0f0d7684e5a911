// What gossip promises, whoever carries it: run against libp2p and against the bus.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { bytes, type Group, MAX_BYTES, type Member, makeGroup, type Start, until } from './world.ts'

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
  /** Later messages come after earlier ones: when the mark is there, what is not there was dropped. */
  const marked = async (from: Member, at: Member) => {
    await from.publish(bytes('mark'))
    await until(() => at.heard.includes('mark'), 'the mark')
  }

  it('carries a message to everybody, once, through others', async () => {
    const { a, b, c } = await line()
    expect(await a.publish(bytes('one'))).toBe(1)
    await until(() => c.heard.length > 0, 'c hears')
    await marked(a, c)
    expect({ a: a.heard, b: b.heard, c: c.heard }).toEqual({ a: [], b: ['one', 'mark'], c: ['one', 'mark'] })
  })

  it.each(['reject', 'ignore'])('does not carry on what is judged %s', async (verdict) => {
    const { a, b, c } = await line()
    await a.publish(bytes(`${verdict} this`))
    await until(() => b.heard.length === 1, 'b hears')
    await marked(a, c)
    expect(c.heard).toEqual(['mark'])
  })

  it('neither shows nor carries on a message that is too long', async () => {
    const { a, b, c } = await line()
    await a.publish(bytes('x'.repeat(MAX_BYTES + 1)))
    await marked(a, c)
    await a.publish(bytes('y'.repeat(MAX_BYTES)))
    await until(() => c.heard.length === 2, 'the longest message there may be')
    expect(b.heard.map((text) => text[0])).toEqual(['m', 'y'])
  })

  it('sends the same message round once only', async () => {
    const { a, c } = await line()
    await a.publish(bytes('one'))
    await until(() => c.heard.length === 1, 'c hears')
    expect(await a.publish(bytes('one'))).toBe(0)
    expect(await c.publish(bytes('one'))).toBe(0)
    await marked(a, c)
    expect(c.heard).toEqual(['one', 'mark'])
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
    expect(a.listeners()).toBe(1)
    expect(b.listeners()).toBe(2)
    await d.publish(bytes('from d'))
    await until(() => c.heard.includes('from d') && a.heard.includes('from d'), 'all hear d')
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
    await c.publish(bytes('from c'))
    await until(() => b.heard.includes('from c'), 'b hears c')
    expect(b.heard.filter((text) => text.startsWith('reject')).length).toBeLessThanOrEqual(16)
    await a.publish(bytes('from a'))
    await c.publish(bytes('mark'))
    await until(() => b.heard.includes('mark'), 'the mark')
    expect(b.heard).not.toContain('from a')
    expect(c.heard).toEqual([])
  })

  it('is left for good', async () => {
    const { a, b, c } = await line()
    await c.close()
    await c.close()
    await until(() => b.listeners() === 1, 'c is gone')
    await a.publish(bytes('one'))
    await until(() => b.heard.length === 1, 'b hears')
    expect(c.heard).toEqual([])
  })
}
