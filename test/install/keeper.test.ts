// The keeper's installer in a real Debian guest with its own systemd: install, upgrade, a broken upgrade, uninstall.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { saveKey } from '@decloud/chain'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Local, startLocal } from '../../chain/test/local.ts'
import { keyOf } from '../../keeper/test/harness.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { type Debian, edit, ROOT, run, startDebian, variant } from './debian.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: the installer's test: ${missing}`)

let debian: Debian | undefined
let local: Local | undefined

beforeAll(async () => {
  if (missing) return
  debian = await startDebian()
  local = await startLocal({ blockTime: 2 })
}, 900_000)
afterAll(async () => {
  await local?.stop()
  await debian?.tearDown()
}, 120_000)

test.skipIf(missing)(
  'the installer: installs, upgrades, rolls a broken release back, keeps the state when it goes',
  { timeout: 3_000_000 },
  async () => {
    const { directory, guest, send, listenFor } = debian!
    const packed = join(directory, 'good.tar.gz')
    const install = join(ROOT, 'keeper/install/install.sh')
    await run('sh', [install, '--pack', packed, '--from', ROOT], { timeout: 400_000, maxBuffer: 1e8 })
    const better = await variant(packed, 'better', async () => {})
    const broken = await variant(packed, 'broken', (folder) =>
      edit(
        folder,
        'keeper/src/cli/run.ts',
        'const stopped = firstSignal()',
        "throw new TypeError('broken release')",
      ),
    )
    const status = async () => {
      const { text } = await guest('curl -s http://127.0.0.1:8470/health')
      return JSON.parse(text) as Record<string, unknown>
    }
    // Under emulation on a busy machine Node alone takes a minute to load; the unit's own limits are for real ones.
    const slow = '[Service]\nTimeoutStartSec=900\nWatchdogSec=600\n'
    const room = '/etc/systemd/system/decloud-keeper.service.d'
    await guest(`mkdir -p ${room}; printf "${slow}" > ${room}/slow.conf`)
    const patient = '--health-deadline 900'

    const rpcUrl = await listenFor(local!.anvil.rpcUrl)
    const config = join(directory, 'keeper.json')
    await writeFile(config, JSON.stringify({ rpcUrls: [rpcUrl], deployment: local!.deployment }))
    await saveKey(join(directory, 'keystore'), keyOf(local!), 'open sesame', 1 << 12)
    await writeFile(join(directory, 'password'), 'open sesame\n')
    for (const name of ['keeper.json', 'keystore', 'password'])
      await send(join(directory, name), `/root/${name}`)
    await send(install, '/root/install.sh')
    await send(join(ROOT, 'scripts/install/lib.sh'), '/root/lib.sh')
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
