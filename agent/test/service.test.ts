import { expect, test } from 'vitest'
import type { Health } from '../src/api/health.ts'
import { makeLogger } from '../src/lib/log.ts'
import { openService } from '../src/service.ts'

const health = (status: Health['status'], error: string | null = null) =>
  // What is told of it, and no more.
  ({
    status,
    node: 7,
    chain: { feed: 'live', head: '12', error },
    guests: { running: 2 },
  }) as unknown as Health

const listen = () => {
  const told: string[] = []
  const waiting: { text: string; resolve: () => void }[] = []
  const load = async () => (_: number, state: string) => {
    told.push(state)
    for (const one of waiting) if (state.includes(one.text)) one.resolve()
    return 1
  }
  const heard = (text: string) => new Promise<void>((resolve) => waiting.push({ text, resolve }))
  return { told, load, heard }
}
const log = makeLogger('silent')
const env = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '30000', WATCHDOG_PID: String(process.pid) }

test('systemd hears that the agent serves, lives, how it is, and then nothing more', async () => {
  const { told, load, heard } = listen()
  const answers = [
    health('ok'),
    health('degraded', 'the RPCs\nREADY=1\ndisagree'),
    new Error('libvirt is away'),
  ]
  const service = await openService(env, log, { everyMs: 5, load })
  const lines = ['WATCHDOG=1', 'degraded: node 7', 'libvirt is away'].map(heard)
  await service.started({
    url: 'http://127.0.0.1:7070',
    health: async () => {
      const next = answers.length > 1 ? answers.shift()! : answers[0]!
      if (next instanceof Error) throw next
      return next
    },
  })
  await Promise.all(lines)
  service.stopping()
  service.release()
  const { length } = told
  expect(told[0]).toBe('READY=1\nSTATUS=ok: node 7 at http://127.0.0.1:7070, 2 guests, chain live at 12')
  // An error's line breaks begin no assignment of their own.
  expect(told).toContain(
    'STATUS=degraded: node 7 at http://127.0.0.1:7070, 2 guests, chain live at 12 (the RPCs READY=1 disagree)',
  )
  expect(told.filter((line) => line.startsWith('STATUS=degraded: libvirt is away')).length).toBeGreaterThan(0)
  expect(told.at(-1)).toMatch(/^STOPPING=1/)
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(told).toHaveLength(length)
})

test('nobody hears anything of an agent that a person runs', async () => {
  const { told, load } = listen()
  const service = await openService({}, log, { load })
  await service.started({ url: '', health: async () => health('ok') })
  service.stopping()
  service.release()
  expect(told).toEqual([])
})
