// The keeper's installer in a real Debian guest with its own systemd: install, upgrade, a broken upgrade, uninstall.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { saveKey } from '@decloud/chain'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { waitForSystem } from '../../agent/src/guest/system-check.ts'
import { type Local, startLocal } from '../../chain/test/local.ts'
import { keyOf } from '../../keeper/test/harness.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { testMachine } from '../kvm/machine.ts'

const run = promisify(execFile)
const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: the installer's test: ${missing}`)

const ROOT = join(import.meta.dirname, '../..')
const LEASE = '0xc0ffee'
let machine: Awaited<ReturnType<typeof testMachine>> | undefined
let local: Local | undefined
let bridge: Server | undefined

beforeAll(async () => {
  if (missing) return
  machine = await testMachine('debian-12')
  local = await startLocal({ blockTime: 2 })
}, 600_000)
afterAll(async () => {
  bridge?.close()
  await local?.stop()
  await machine?.tearDown()
}, 120_000)

/** Lets the guest reach the chain, which listens on this machine's loopback alone. */
const listenFor = async (host: string, target: string): Promise<string> => {
  const { port } = new URL(target)
  bridge = createServer((socket) => {
    const onward = connect(Number(port), '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    for (const one of [socket, onward]) one.on('error', () => [socket, onward].map((end) => end.destroy()))
  })
  bridge.listen(0, host)
  await once(bridge, 'listening')
  const address = bridge.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://${host}:${address.port}`
}

/** Releases beside the one that was packed: the same but for what `change` does to it. */
const variant = async (packed: string, name: string, change: (folder: string) => Promise<void>) => {
  const folder = join(machine!.directory, name)
  await mkdir(folder)
  await run('tar', ['-xf', packed, '-C', folder])
  await writeFile(join(folder, 'RELEASE'), `0.1.0-${name}\n`)
  await change(folder)
  const file = `${folder}.tar`
  await run('tar', ['-C', folder, '-cf', file, '.'])
  return file
}

test.skipIf(missing)(
  'the installer: installs, upgrades, rolls a broken release back, keeps the state when it goes',
  { timeout: 3_000_000 },
  async () => {
    const { hypervisor, network, directory, specOf } = machine!
    const packed = join(directory, 'good.tar.gz')
    const install = join(ROOT, 'keeper/install/install.sh')
    await run('sh', [install, '--pack', packed, '--from', ROOT], { timeout: 400_000, maxBuffer: 1e8 })
    const better = await variant(packed, 'better', async () => {})
    const broken = await variant(packed, 'broken', async (folder) => {
      const file = join(folder, 'keeper/src/cli/run.ts')
      const source = await readFile(file, 'utf8')
      await writeFile(
        file,
        source.replace('const stopped = firstSignal()', "throw new TypeError('broken release')"),
      )
    })

    const identity = join(directory, 'id')
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'operator', '-f', identity])
    const spec = await specOf(LEASE, await readFile(`${identity}.pub`, 'utf8'))
    await hypervisor.define(spec)
    await hypervisor.start(LEASE)
    const check = await waitForSystem(hypervisor, LEASE, spec.network.mac, { deadlineMs: 400_000 })
    if (check.state !== 'ready') expect.fail(check.reason)
    const { ipv4, sshHostKey } = check.facts
    const known = join(directory, 'known_hosts')
    await writeFile(known, `${ipv4} ${sshHostKey}\n`)
    const ssh = ['-i', identity, '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes']
    const login = [...ssh, '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=60', `decloud@${ipv4}`]

    /** As root in the guest. A failure is a result here, not an error. */
    const guest = async (script: string, input?: string): Promise<{ code: number | null; text: string }> => {
      const child = spawn('ssh', [...login, `sudo sh -c '${script}'`], { stdio: ['pipe', 'pipe', 'pipe'] })
      let text = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (data: Buffer) => {
          text += data.toString('utf8')
        })
      }
      if (input === undefined) child.stdin.end()
      else createReadStream(input).pipe(child.stdin)
      await once(child, 'close')
      return { code: child.exitCode, text }
    }
    const send = async (file: string, to: string) => {
      expect((await guest(`cat > ${to}`, file)).code).toBe(0)
    }
    const status = async () => {
      const { text } = await guest('curl -s http://127.0.0.1:8470/health')
      return JSON.parse(text) as Record<string, unknown>
    }
    // Under emulation on a busy machine Node alone takes a minute to load; the unit's own limits are for real ones.
    const slow = '[Service]\nTimeoutStartSec=900\nWatchdogSec=600\n'
    const room = '/etc/systemd/system/decloud-keeper.service.d'
    await guest(`mkdir -p ${room}; printf "${slow}" > ${room}/slow.conf`)
    const patient = '--health-deadline 900'

    const host = network.subnet.replace(/0\/24$/, '1')
    const rpcUrl = await listenFor(host, local!.anvil.rpcUrl)
    const config = join(directory, 'keeper.json')
    await writeFile(config, JSON.stringify({ rpcUrls: [rpcUrl], deployment: local!.deployment }))
    await saveKey(join(directory, 'keystore'), keyOf(local!), 'open sesame', 1 << 12)
    await writeFile(join(directory, 'password'), 'open sesame\n')
    for (const name of ['keeper.json', 'keystore', 'password'])
      await send(join(directory, name), `/root/${name}`)
    await send(install, '/root/install.sh')
    await send(packed, '/root/good')
    const own = '--config /root/keeper.json --keystore /root/keystore --password-file /root/password'

    const dry = await guest(`sh /root/install.sh --release /root/good ${own} --dry-run`)
    expect(dry).toMatchObject({ code: 0 })
    expect((await guest('ls /opt/decloud-keeper /etc/decloud-keeper')).code).not.toBe(0)

    const first = await guest(`sh /root/install.sh --release /root/good ${own} ${patient}`)
    expect(first, first.text).toMatchObject({ code: 0 })
    expect((await guest('systemctl is-active decloud-keeper')).text.trim()).toBe('active')
    expect(await status()).toMatchObject({ status: 'ok', chainId: 31_337 })
    const doctor = await guest('decloud-keeper doctor --json')
    expect(doctor, doctor.text).toMatchObject({ code: 0 })
    expect(doctor.text).toContain(local!.anvil.account(4).address)
    const modes = await guest(
      'stat -c "%a %U %n" /etc/decloud-keeper/keeper.json /etc/decloud-keeper/credentials/* /var/lib/decloud-keeper',
    )
    expect(modes.text.trim().split('\n')).toEqual([
      '640 root /etc/decloud-keeper/keeper.json',
      '600 root /etc/decloud-keeper/credentials/keystore',
      '600 root /etc/decloud-keeper/credentials/keystore-password',
      '700 decloud-keeper /var/lib/decloud-keeper',
    ])
    const exposure = await guest('systemd-analyze security --no-pager decloud-keeper | tail -1')
    console.info(exposure.text.trim())
    expect(Number(/level for decloud-keeper.service: ([\d.]+)/.exec(exposure.text)?.[1])).toBeLessThanOrEqual(
      2,
    )

    // Killed, it comes back by itself.
    const pidOf = async () => (await guest('systemctl show -p MainPID --value decloud-keeper')).text.trim()
    const before = await pidOf()
    await guest(`kill -9 ${before}`)
    await guest('for i in $(seq 450); do systemctl is-active -q decloud-keeper && break; sleep 2; done')
    expect(await pidOf()).not.toBe(before)

    const release = async () => (await guest('cat /opt/decloud-keeper/current/RELEASE')).text.trim()
    const good = await release()
    await send(better, '/root/better')
    const upgrade = await guest(`sh /root/install.sh --release /root/better ${patient}`)
    expect(upgrade, upgrade.text).toMatchObject({ code: 0 })
    expect(await release()).toBe('0.1.0-better')
    expect((await status())['status']).toBe('ok')

    await guest('rm -f /root/better /root/good')
    await send(broken, '/root/broken')
    const bad = await guest(`sh /root/install.sh --release /root/broken ${patient}`)
    expect(bad.code, bad.text).toBe(1)
    expect(bad.text).toContain('broken release')
    expect(bad.text).toContain('was rolled back to 0.1.0-better')
    expect(await release()).toBe('0.1.0-better')
    expect((await status())['status']).toBe('ok')

    const rollback = await guest(`sh /root/install.sh --rollback ${patient}`)
    expect(rollback, rollback.text).toMatchObject({ code: 0 })
    expect(await release()).toBe(good)

    expect((await guest('sh /root/install.sh --uninstall')).code).toBe(0)
    expect((await guest('systemctl is-active decloud-keeper')).text.trim()).toBe('inactive')
    expect(
      (await guest('ls /var/lib/decloud-keeper/local.sqlite /etc/decloud-keeper/keeper.json')).code,
    ).toBe(0)
    expect((await guest('ls /opt/decloud-keeper')).code).not.toBe(0)
    expect((await guest('sh /root/install.sh --uninstall --purge')).code).toBe(0)
    expect((await guest('ls /var/lib/decloud-keeper')).code).not.toBe(0)
  },
)
