// The real shaper, in a network namespace of this test's own.
import { describe, expect, test } from 'vitest'
import { linkRate } from '../../src/domain/tiers.ts'
import { detectShaping, placeOfTrial } from '../../src/qos/detect.ts'
import { ifbName, ifbPrefix } from '../../src/qos/names.ts'
import { makeTcShaper } from '../../src/qos/tc-shaper.ts'
import { makeTools, type Tools } from '../../src/qos/tools.ts'
import { shaperContract } from './contract.ts'
import { makeNamespace, namespaceMissing } from './namespace.ts'

const missing = await namespaceMissing()
const BASIC = linkRate(0)!

if (missing) {
  console.warn(`SKIPPED: bandwidth limits by tc: ${missing}`)
  test.skip(`tc: ${missing}`, () => {})
} else {
  const shaperIn = (within: readonly string[], instance: string) =>
    makeTcShaper({ instance, tools: makeTools(within), mode: 'tc', reason: 'tried here' })

  shaperContract('tc', async () => {
    const namespace = await makeNamespace()
    return {
      shaper: (instance) => shaperIn(namespace.within, instance),
      device: async (name) => {
        await namespace.run('ip', 'link', 'del', 'dev', name).catch(() => {}) // the first time there is none
        await namespace.run('ip', 'link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `${name}p`)
        await namespace.run('ip', 'link', 'set', 'dev', name, 'up')
      },
      release: () => namespace.close(),
    }
  })

  describe('tc against what else may be on the machine', () => {
    const inNamespace = async (use: (ns: Awaited<ReturnType<typeof makeNamespace>>) => Promise<void>) => {
      const namespace = await makeNamespace()
      try {
        await namespace.run('ip', 'link', 'add', 'name', 'tap1', 'type', 'veth', 'peer', 'name', 'tap1p')
        await namespace.run('ip', 'link', 'set', 'dev', 'tap1', 'up')
        await use(namespace)
      } finally {
        await namespace.close()
      }
    }

    test('each part that somebody took away or changed is seen and put back', () =>
      inNamespace(async ({ within, run }) => {
        const shaper = shaperIn(within, 'mine')
        const ifb = ifbName('mine', '0xa1')
        await shaper.shape('0xa1', 'tap1', BASIC)
        const harm: [string, ...string[]][] = [
          ['tc', 'qdisc', 'del', 'dev', 'tap1', 'root'],
          ['tc', 'qdisc', 'del', 'dev', 'tap1', 'ingress'],
          ['tc', 'class', 'change', 'dev', 'tap1', 'parent', '1:', 'classid', '1:1', 'htb', 'rate', '1gbit'],
          ['tc', 'class', 'change', 'dev', ifb, 'parent', '1:', 'classid', '1:1', 'htb', 'rate', '1gbit'],
          ['tc', 'qdisc', 'replace', 'dev', 'tap1', 'root', 'handle', '8001:', 'pfifo'],
          ['ip', 'link', 'set', 'dev', ifb, 'down'],
          ['ip', 'link', 'del', 'dev', ifb],
        ]
        for (const command of harm) {
          await run(...command)
          expect(await shaper.limitsOf('0xa1', 'tap1'), command.join(' ')).toBeNull()
          await shaper.shape('0xa1', 'tap1', BASIC)
          expect(await shaper.limitsOf('0xa1', 'tap1'), command.join(' ')).toEqual(BASIC)
        }
      }))

    test('a device that goes away is no error to read, and leaves no limits', () =>
      inNamespace(async ({ within, run }) => {
        const shaper = shaperIn(within, 'mine')
        await shaper.shape('0xa1', 'tap1', BASIC)
        await run('ip', 'link', 'del', 'dev', 'tap1')
        expect(await shaper.limitsOf('0xa1', 'tap1')).toBeNull()
        await expect(shaper.shape('0xa1', 'tap1', BASIC)).rejects.toMatchObject({ code: 'shaping-failed' })
        await shaper.sweep(async () => [])
        expect(await run('ip', '-o', 'link')).not.toContain(ifbPrefix('mine'))
      }))

    test("lifting the limits of a device leaves another agent's alone", () =>
      inNamespace(async ({ within }) => {
        const [mine, theirs] = ['mine', 'theirs'].map((instance) => shaperIn(within, instance))
        await theirs!.shape('0xa1', 'tap1', BASIC)
        await mine!.shape('0xa1', 'tap1', null)
        expect(await theirs!.limitsOf('0xa1', 'tap1')).toEqual(BASIC)
      }))
  })

  test('what this kernel can do is found by trying, and the trial leaves nothing on the machine', async () => {
    const tools = makeTools()
    const before = await tools.run('ip', ['-o', 'link'])
    const { mode, reason } = await detectShaping(tools)
    expect(['libvirt', 'tc']).toContain(mode)
    expect(reason).toMatch(/^The kernel .*\.$/)
    expect(await tools.run('ip', ['-o', 'link'])).toBe(before)
    expect(await tools.run('tc', ['qdisc', 'show', 'dev', 'lo'])).not.toContain('htb')
  })

  test('one that may only change the network finds the same, on links that it takes away again', async () => {
    const namespace = await makeNamespace()
    try {
      const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--no-new-privs']
      const caps = [
        '--bounding-set',
        '-all,+net_admin',
        '--inh-caps',
        '+net_admin',
        '--ambient-caps',
        '+net_admin',
      ]
      const tools = makeTools([...namespace.within, ...user, ...caps])
      const place = placeOfTrial('mine', 65_534)
      const links = place.namespace ? expect.fail('it has no namespaces') : place.links
      expect(`${links}d`.length).toBeLessThanOrEqual(15)
      // What one that was killed in the middle leaves.
      await namespace.run('ip', 'link', 'add', 'name', links, 'type', 'veth', 'peer', 'name', `${links}p`)
      const { mode } = await detectShaping(makeTools())
      expect(await detectShaping(tools, place)).toMatchObject({ mode })
      expect(await namespace.run('ip', '-o', 'link')).not.toContain(links)
      const powerless = makeTools([...namespace.within, ...user])
      expect(await detectShaping(powerless, place)).toMatchObject({ mode: 'none' })
    } finally {
      await namespace.close()
    }
  })

  test('a kernel that lacks the parts of one way, or of both, is told apart', async () => {
    const without = (...parts: string[]): Tools => ({
      run: async (_tool, _args, stdin = '') => {
        const lacking = parts.find((part) => stdin.includes(part))
        if (lacking === undefined) return ''
        throw new Error('refused', { cause: new Error(`tc: Specified qdisc kind is unknown: ${lacking}`) })
      },
    })
    expect(await detectShaping(without())).toMatchObject({ mode: 'libvirt' })
    expect(await detectShaping(without('sfq'))).toMatchObject({
      mode: 'tc',
      reason: expect.stringContaining('sfq'),
    })
    expect(await detectShaping(without('police'))).toMatchObject({ mode: 'tc' })
    expect(await detectShaping(without('htb'))).toMatchObject({ mode: 'none' })
    const none = makeTcShaper({ instance: 'x', tools: without('htb'), mode: 'none', reason: '' })
    await expect(none.shape('0xa1', 'tap1', BASIC)).rejects.toMatchObject({ code: 'shaping-unsupported' })
  })
}
