// A healthy node has no fault; each of the twelve is seeded for real on an otherwise healthy one, and named alone.
import { once } from 'node:events'
import { chmod, open, readdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest'
import { startAnvil } from '../../../test/world/anvil.ts'
import { listen, makePatient, type Patient, whyNot } from './patient.ts'
import { startShifted } from './time-shift.ts'

const missing = whyNot()
const HOUR = 3_600

if (missing !== null) {
  console.warn(`SKIPPED: the doctor on a whole node: ${missing}`)
  test.skip(`the doctor on a whole node: ${missing}`, () => {})
}

describe.skipIf(missing !== null)('the doctor', { timeout: 240_000 }, () => {
  let patient: Patient
  beforeAll(async () => {
    patient = await makePatient()
  }, 120_000)
  afterAll(() => patient?.close())

  /** Every file of a folder with what tells a change. */
  const traces = async (folder: string) => {
    const names = await readdir(folder, { recursive: true })
    return Promise.all(
      names.sort().map(async (name) => {
        const { mtimeMs, size, mode } = await stat(join(folder, name))
        return [name, mtimeMs, size, mode]
      }),
    )
  }

  it('finds nothing wrong with a healthy node, knows everything about it, and changes nothing', async () => {
    const before = await traces(patient.file(''))
    const { code, findings, fails } = await patient.diagnose()
    expect(fails).toEqual([])
    expect(findings.filter(({ level }) => level === 'unknown')).toEqual([])
    expect(code).toBe(0)
    expect(findings.find(({ check }) => check === 'relay')?.found).toMatch(
      /answers; not looked at: WireGuard/,
    )
    expect(await traces(patient.file(''))).toEqual(before)
  })

  it('finds nothing wrong beside a running agent, which it tells from others', async () => {
    const agent = await patient.bench.start({}, { apiPort: patient.port, dataDir: patient.file('data') })
    await vi.waitFor(async () => expect((await agent.health()).status).toBe('ok'), { timeout: 30_000 })
    const { fails, findings } = await patient.diagnose()
    const byCheck = Object.fromEntries(findings.map((finding) => [finding.check, finding]))
    expect(fails).toEqual([])
    expect(byCheck['agent']?.found).toContain(`process ${process.pid} runs as node`)
    expect(byCheck['API port']?.found).toContain("the agent's")
    expect(byCheck['feed']?.found).toMatch(/^live in the agent/)
    await agent.close()
  })

  it('no KVM', async () => {
    const { fails, findings } = await patient.diagnose({
      env: { DECLOUD_ACCELERATION: 'auto' },
      mounts: 'mount --bind /dev /dev && mount -o remount,bind,nodev /dev',
    })
    expect(fails).toEqual(['kvm-missing'])
    expect(findings.find(({ code }) => code === 'kvm-missing')?.todo).toContain('VT-x')
  })

  it('libvirtd down', async () => {
    const uri = `qemu+unix:///system?socket=${patient.file('no-such-socket')}`
    expect((await patient.diagnose({ env: { DECLOUD_LIBVIRT_URI: uri } })).fails).toEqual(['libvirt-down'])
  })

  it('low disk', async () => {
    const data = patient.file('data')
    const { fails } = await patient.diagnose({
      mounts: `mount -t tmpfs -o size=1100m,mode=711 tmpfs ${data} && fallocate -l 1050m ${data}/full`,
    })
    expect(fails).toEqual(['disk-low'])
  })

  it.each([HOUR, -HOUR])('clock off, by %i s', async (seconds) => {
    const shifted = await startShifted(patient.bench.anvil.rpcUrl, seconds)
    const { fails, findings } = await patient.diagnose({
      env: { DECLOUD_RPC_URLS: shifted.url },
      args: ['--max-block-age', '120'],
    })
    await shifted.close()
    expect(fails).toEqual(['clock-off'])
    const { found = '' } = findings.find(({ check }) => check === 'clock') ?? {}
    expect(found).toMatch(seconds > 0 ? /^3[56]\d\d s behind/ : /^3[56]\d\d s ahead of/)
  })

  it('wrong chain', async () => {
    const other = await startAnvil()
    await other.client.request({ method: 'anvil_setChainId' as never, params: [1_337] as never })
    const { fails, findings } = await patient.diagnose({ env: { DECLOUD_RPC_URLS: other.rpcUrl } })
    await other.stop()
    expect(fails).toEqual(['chain-id-wrong'])
    // What needs the chain is not guessed.
    const unknown = findings.filter(({ level }) => level === 'unknown').map(({ check }) => check)
    expect(unknown).toEqual(expect.arrayContaining(['registration', 'gas', 'feed', 'relay', 'capacity']))
  })

  it('no gas', async () => {
    const { anvil, registered } = patient.bench
    const { address } = anvil.account(registered.agent)
    const value = await anvil.client.getBalance({ address })
    await anvil.client.setBalance({ address, value: 0n })
    const { fails } = await patient.diagnose()
    await anvil.client.setBalance({ address, value })
    expect(fails).toEqual(['gas-none'])
  })

  it('port taken', async () => {
    const taken = await listen(patient.port)
    const { fails, findings } = await patient.diagnose()
    taken.close()
    await once(taken, 'close')
    expect(fails).toEqual(['port-taken'])
    expect(findings.find(({ code }) => code === 'port-taken')?.todo).toContain('ss -ltnp')
  })

  it('key missing', async () => {
    const key = patient.file('agent.json')
    await rename(key, `${key}.away`)
    const { fails, code } = await patient.diagnose()
    await rename(`${key}.away`, key)
    expect(fails).toEqual(['key-missing'])
    expect(code).toBe(1)
  })

  it('stale feed', async () => {
    const { client } = patient.bench.anvil
    await client.setIntervalMining({ interval: 0 })
    const { timestamp } = await client.getBlock()
    await vi.waitFor(() => expect(Date.now() / 1_000 - Number(timestamp)).toBeGreaterThan(4), {
      ...{ timeout: 20_000, interval: 200 },
    })
    const { fails } = await patient.diagnose({ args: ['--max-block-age', '3'] })
    await client.setIntervalMining({ interval: 1 })
    expect(fails).toEqual(['feed-stale'])
  })

  it('image corrupt', async () => {
    const path = patient.file('images/tiny/current/disk')
    const flip = async () => {
      const handle = await open(path, 'r+')
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, 54_321)
      await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, 54_321)
      await handle.close()
    }
    await flip()
    const { fails, findings } = await patient.diagnose()
    await flip()
    expect(fails).toEqual(['image-corrupt'])
    expect(findings.find(({ code }) => code === 'image-corrupt')?.found).toContain('images/tiny')
  })

  it('firewall backend missing', async () => {
    const { fails, findings } = await patient.diagnose({
      env: { PATH: '/usr/bin' },
      mounts: 'mount -t tmpfs tmpfs /usr/sbin; [ -L /sbin ] || mount -t tmpfs tmpfs /sbin',
    })
    expect(fails).toEqual(['firewall-missing'])
    expect(findings.find(({ code }) => code === 'firewall-missing')?.found).toMatch(/nft .*tc/)
  })

  it('relay unreachable', async () => {
    const { relay } = patient
    const { port } = relay.address() as { port: number }
    relay.close()
    await once(relay, 'close')
    const { fails } = await patient.diagnose()
    relay.listen(port, '127.0.0.1')
    await once(relay, 'listening')
    expect(fails).toEqual(['relay-unreachable'])
  })

  it('is healthy again after all of them', async () => {
    await chmod(patient.file('data'), 0o711)
    expect((await patient.diagnose()).fails).toEqual([])
    expect(await readFile(patient.file('deployment.json'), 'utf8')).toContain('nodeRegistry')
  })
})
