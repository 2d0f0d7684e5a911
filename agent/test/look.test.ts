// One look for many: shared among those who may share it, and never older than what it is used for.
import type { Hex } from 'viem'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeLook } from '../src/reconcile/observe.ts'
import { makeReconciler } from '../src/reconcile/reconciler.ts'
import { type Crowd, makeCrowd } from './helpers/crowd.ts'

let crowd: Crowd
beforeEach(async () => {
  crowd = await makeCrowd(50)
})
afterEach(() => crowd.close())

it('is shared by all who ask while another is under way, and begun after they asked', async () => {
  const look = makeLook(crowd.deps)
  const first = look()
  const [second, third] = [look(), look()]
  expect(second).toBe(third)
  expect(second).not.toBe(first)
  await crowd.deps.hypervisor.destroy(crowd.leaseIds[0]!)
  expect((await second).of(crowd.leaseIds[0]!).domain?.state, 'asked before, looked after').toBe('stopped')
  expect(crowd.looks()).toBe(2)
})

it('fails for those who asked, and not for the next', async () => {
  const look = makeLook(crowd.deps)
  crowd.machine.disconnect()
  const [first, second] = [look(), look()]
  await expect(first).rejects.toMatchObject({ code: 'unavailable' })
  await expect(second).rejects.toMatchObject({ code: 'unavailable' })
  crowd.machine.reconnect()
  await expect(look()).resolves.toBeDefined()
})

it('is one for a sweep of a node at rest', async () => {
  const settled = crowd.allSettled()
  const reconciler = makeReconciler({ deps: crowd.deps, sweepMs: 3_600_000, onSettled: settled.one })
  reconciler.start()
  await settled.all
  await reconciler.close()
  expect(crowd.looks()).toBe(1)
})

it('of a sweep is never what something is done on: a guest that came up meanwhile is not started again', async () => {
  const leaseId: Hex = crowd.leaseIds[7]!
  await crowd.deps.hypervisor.destroy(leaseId)
  // The sweep sees it off; before its flight takes its turn, somebody starts it.
  crowd.afterLook(async () => {
    if (crowd.looks() === 1) await crowd.deps.hypervisor.start(leaseId)
  })
  const settled = crowd.allSettled()
  const moved: string[] = []
  const reconciler = makeReconciler({
    deps: crowd.deps,
    sweepMs: 3_600_000,
    onSettled: settled.one,
    beforeStep: (_, step) => moved.push(step.kind),
  })
  reconciler.start()
  await settled.all
  await reconciler.close()
  // Its limits are set anew, as for every guest that has just come up: what it is not is moved or started.
  expect(moved.filter((kind) => kind !== 'Shape' && kind !== 'Tune')).toEqual([])
  expect(crowd.machine.find(crowd.instance, leaseId)?.boots).toBe(2)
})

it('comes after each own step: what went off and comes up is followed to its end', async () => {
  const leaseId: Hex = crowd.leaseIds[7]!
  await crowd.deps.hypervisor.destroy(leaseId)
  const settled = crowd.allSettled((id) => id !== leaseId || crowd.deps.store.get(id)?.status === 'Running')
  const reconciler = makeReconciler({ deps: crowd.deps, sweepMs: 200, onSettled: settled.one })
  reconciler.start()
  await settled.all
  await reconciler.close()
  expect(crowd.deps.store.get(leaseId)).toMatchObject({
    status: 'Running',
    facts: { bootId: expect.any(String) },
  })
  expect(crowd.machine.find(crowd.instance, leaseId)?.boots, 'once').toBe(2)
})
