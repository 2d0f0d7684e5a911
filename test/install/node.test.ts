// A new operator's path, from an empty Debian to money in the wallet and back to an empty Debian, in a real guest with its
// own systemd. Leases are served there on the simulated hypervisor; test/kvm/ serves real ones.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { saveKey } from '@decloud/chain'
import { nodeRegistryAbi, USDC } from '@decloud/protocol'
import { erc20Abi, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { closeLease, makeTenant, openLease, readLease, type Tenant } from '../../scripts/lib/tenant.ts'
import { until } from '../../scripts/lib/until.ts'
import { type Anvil, startAnvil } from '../world/anvil.ts'
import { openMarket, ROLES } from '../world/market.ts'
import { type Answer, type Debian, edit, ROOT, run, startDebian, variant } from './debian.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: the newcomer's path: ${missing}`)

const MINUTE = 60_000
const PATIENT = '--health-deadline 1800'
/** Seconds within which the node has to activate: a node that is emulated takes its time. */
const ACTIVATE_WITHIN = 3_600
const GAS = 10n ** 18n
/** Each look is a login. */
const POLL_MS = 5_000

let debian: Debian | undefined
let anvil: Anvil | undefined
let tenant: Tenant | undefined

beforeAll(async () => {
  if (missing) return
  // Four cores, because what an emulated one is measured at is worth less than the smallest guest.
  debian = await startDebian({ memoryMiB: 2_048, diskGiB: 8, vcpus: 4 })
  anvil = await startAnvil({ blockTime: 2 })
}, 15 * MINUTE)
afterAll(async () => {
  await tenant?.close()
  await anvil?.stop()
  await debian?.tearDown()
}, 2 * MINUTE)

/** The line of JSON that a verb ends with, whatever it said to a person before. */
const resultOf = (answer: Answer): Record<string, unknown> => {
  expect(answer, answer.text).toMatchObject({ code: 0 })
  const line = answer.text.split('\n').findLast((one) => one.startsWith('{'))
  if (line === undefined) expect.fail(`no JSON in: ${answer.text}`)
  return JSON.parse(line) as Record<string, unknown>
}

test.skipIf(missing)(
  "a newcomer's path: install, register, earn, upgrade, roll back, leave",
  { timeout: 120 * MINUTE },
  async () => {
    const { directory, guest, send, listenFor, listenForApt } = debian!
    const chain = anvil!
    const deployment = await openMarket(chain)
    const step = (text: string) => console.info(`${new Date().toISOString().slice(11, 19)} ${text}`)
    const verb = (line: string) => guest(`cd /root; decloud-node ${line}`)
    const unit = async (property: string) =>
      (await guest(`systemctl show -p ${property} --value decloud-node`)).text.trim()

    const packed = join(directory, 'good.tar.gz')
    const pack = ['agent/install/install.sh', '--pack', packed, '--from', '.']
    await run('sh', pack, { cwd: ROOT, timeout: 10 * MINUTE, maxBuffer: 1e8 })
    const better = await variant(packed, 'better', async () => {})
    const broken = await variant(packed, 'broken', (folder) =>
      edit(
        folder,
        'agent/src/cli/commands/run.ts',
        'async (io) => {',
        "async () => { throw new Error('broken release')",
      ),
    )

    // ------------------------------------------------------------------------------------------------ install
    step('install.sh')
    await send(packed, '/root/good')
    const proxy = await listenForApt()
    await guest(`echo "Acquire::http::Proxy \\"${proxy}\\";" > /etc/apt/apt.conf.d/99proxy`)
    await guest('mkdir -p /root/new && tar -xf /root/good -C /root/new ./agent/install ./scripts/install')
    const install = 'sh /root/new/agent/install/install.sh'
    const before = (await guest('ls /opt /etc /var/lib; getent passwd')).text
    expect(await guest(`${install} --release /root/good --dry-run`)).toMatchObject({ code: 0 })
    expect((await guest('ls /opt /etc /var/lib; getent passwd')).text).toBe(before)
    const wrongSum = await guest(`${install} --release /root/good --sha256 ${'0'.repeat(64)} --no-packages`)
    expect(wrongSum.text).toContain('is not the file with the checksum')
    expect(wrongSum.code).toBe(1)
    // Under emulation on a busy machine Node alone takes minutes to load; the unit's own limits are for real ones.
    const slow = '[Service]\nTimeoutStartSec=1800\nWatchdogSec=900\n'
    const dropIns = '/etc/systemd/system/decloud-node.service.d'
    await guest(`mkdir -p ${dropIns}; printf "${slow}" > ${dropIns}/slow.conf`)
    const first = await guest(`${install} --release /root/good`)
    expect(first, first.text).toMatchObject({ code: 0 })
    expect(first.text).toMatch(/installing Debian packages: .*qemu-system-x86/)
    expect(
      (await guest('virsh -c qemu:///system version && qemu-img --version && sysbench --version')).code,
    ).toBe(0)
    expect((await guest('id -nG decloud-node')).text.trim().split(' ').sort()).toEqual([
      'decloud-node',
      'kvm',
      'libvirt',
    ])
    expect(
      (await guest('runuser -u decloud-node -- find /opt/decloud-node/current/compiled/ -type f')).text,
    ).not.toBe('')
    expect(await unit('ActiveState')).toBe('inactive')
    const verified = await guest('systemd-analyze verify decloud-node.service')
    expect(verified, verified.text).toMatchObject({ code: 0, text: '' })
    const security = await guest('systemd-analyze security --no-pager decloud-node')
    console.info(security.text)
    const exposure = /level for decloud-node.service: ([\d.]+)/.exec(security.text)?.[1]
    expect(Number(exposure)).toBeLessThanOrEqual(2)

    // ------------------------------------------------------------------------------------------------ init
    step('init')
    const operatorKey = generatePrivateKey()
    const operator = privateKeyToAddress(operatorKey)
    await writeFile(join(directory, 'deployment.json'), JSON.stringify(deployment))
    await saveKey(join(directory, 'operator.json'), operatorKey, 'open sesame', 1 << 12)
    await writeFile(join(directory, 'password'), 'open sesame\n')
    await send(join(directory, 'deployment.json'), '/etc/decloud-node/deployment.json')
    await send(join(directory, 'operator.json'), '/root/operator.json')
    await send(join(directory, 'password'), '/root/password')
    await guest('chmod 600 /root/operator.json /root/password; chmod 640 /etc/decloud-node/deployment.json')
    const rpcUrl = await listenFor(chain.rpcUrl)
    const signing = '--operator-password-file /root/password'
    const made = resultOf(
      await verb(
        `init --rpc-urls ${rpcUrl} --deployment /etc/decloud-node/deployment.json --hypervisor simulated --operator-keystore /root/operator.json ${signing} --json`,
      ),
    )
    expect(made['operator']).toMatchObject({ kind: 'imported', address: operator })
    const agent = (made['agent'] as { address: Hex }).address
    const modes = await guest(
      'stat -c "%a %U:%G %n" /etc/decloud-node /etc/decloud-node/node.json /etc/decloud-node/credentials/* /var/lib/decloud-node',
    )
    expect(modes.text.trim().split('\n')).toEqual([
      '2750 root:decloud-node /etc/decloud-node',
      '640 root:decloud-node /etc/decloud-node/node.json',
      '600 root:root /etc/decloud-node/credentials/agent-keystore',
      '600 root:root /etc/decloud-node/credentials/agent-password',
      '600 root:root /etc/decloud-node/credentials/operator-keystore',
      '600 root:root /etc/decloud-node/credentials/sealing-keys',
      '2710 decloud-node:libvirt-qemu /var/lib/decloud-node',
    ])
    await chain.client.setBalance({ address: agent, value: GAS })
    await chain.client.setBalance({ address: operator, value: GAS })

    // ------------------------------------------------------------------------------------------------ what it is
    step('discover, benchmark, probe')
    const machine = resultOf(await verb('discover --json'))
    expect(JSON.stringify(machine)).not.toContain('undefined')
    const measured = await verb('benchmark --json')
    console.info(measured.text.trim())
    expect(measured.text).toContain('pointUnits')
    expect(resultOf(await verb('probe --json'))).toMatchObject({ outcome: 'simulated' })

    // ------------------------------------------------------------------------------------------------ register
    step('register')
    const cheap = await verb(`register --price-point 0.000001 ${signing} --yes --json`)
    expect(cheap.code, cheap.text).not.toBe(0)
    expect(cheap.text).toContain('floor')
    expect(await chain.client.getBalance({ address: operator })).toBe(GAS)
    expect(await chain.client.getTransactionCount({ address: operator })).toBe(0)
    const registered = resultOf(await verb(`register --region eu-west ${signing} --yes --json`))
    const node = registered['node'] as number
    expect(node).toBe(1)
    expect(JSON.parse((await guest('cat /etc/decloud-node/node.json')).text)).toMatchObject({ node })
    const offer = await chain.client.readContract({
      ...{ address: deployment.nodeRegistry, abi: nodeRegistryAbi },
      ...{ functionName: 'offer', args: [node] },
    })
    console.info(offer)

    // ------------------------------------------------------------------------------------------------ serve
    step('start, and a lease')
    const started = await guest('systemctl start decloud-node')
    expect(started, started.text).toMatchObject({ code: 0 })
    const well = async () => (await unit('StatusText')).startsWith('ok: ')
    await until(well, 15 * MINUTE, 'the agent does not say that it is well', POLL_MS)
    const user = await guest('ps -o user=,supgrp= -p $(systemctl show -p MainPID --value decloud-node)')
    expect(user.text).toMatch(/^decloud\+? +kvm,libvirt/)

    const account = chain.account(ROLES.tenant)
    tenant = await makeTenant({ rpcUrls: [chain.rpcUrl], deployment, account })
    const opened = await openLease(tenant, {
      node,
      resources: { vcpus: 1, tier: 3, bandwidth: 0, gpus: 0, memoryMiB: 256, diskGiB: 1 },
      manifest: {
        ...{ version: 1, image: 'debian-12', hostname: 'box', passwordHash: null, variables: {} },
        sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDCrFn2oZjmbMZ2CEdZHGVZIX1V2r7pP3NJIJg9HjGq3 me@host'],
      },
      deposit: USDC,
      // What is older than this has vested, and can be withdrawn.
      holdBack: 60,
      activateWithin: ACTIVATE_WITHIN,
    })
    const { leaseId } = opened
    const isActive = async () => (await readLease(tenant!, leaseId)).status === 'Active'
    await until(isActive, 20 * MINUTE, 'the lease is not activated', POLL_MS)
    const domains = async () => (await guest('cat /var/lib/decloud-node/simulated-machine.json')).text.trim()
    const guestBefore = JSON.parse(await domains()) as { domains: { boots: number; state: string }[] }
    expect(guestBefore.domains).toMatchObject([{ state: 'running', boots: 1 }])
    /** The same guest, started once, with the boot id and the limits that it had: what a restart would change. */
    const untouched = async () => {
      expect(JSON.parse(await domains())).toEqual(guestBefore)
      expect(await isActive()).toBe(true)
    }

    step('killed, it comes back by itself')
    const pid = await unit('MainPID')
    await guest(`kill -9 ${pid}`)
    const back = async () =>
      (await unit('MainPID')) !== pid && (await unit('ActiveState')) === 'active' && (await well())
    await until(back, 20 * MINUTE, 'the agent does not come back', POLL_MS)
    await untouched()

    // ------------------------------------------------------------------------------------------------ earn
    step('earnings, withdraw')
    const earned = resultOf(await verb('earnings --json'))
    expect(BigInt((earned['totals'] as { accrued: string }).accrued)).toBeGreaterThan(0n)
    const taken = resultOf(await verb(`withdraw ${signing} --yes --json`))
    const purse = await chain.client.readContract({
      ...{ address: deployment.usdc, abi: erc20Abi, functionName: 'balanceOf', args: [operator] },
    })
    expect(purse).toBeGreaterThan(0n)
    expect(purse).toBe(BigInt(taken['earned'] as string) + BigInt(taken['balance'] as string))

    // ------------------------------------------------------------------------------------------------ upgrade
    step('upgrade')
    const release = async () => (await guest('cat /opt/decloud-node/current/RELEASE')).text.trim()
    const good = await release()
    await guest('rm -f /root/good')
    await send(better, '/root/better')
    expect(JSON.parse((await verb('upgrade --release /root/better --check --json')).text)).toEqual({
      ...{ running: good, offered: '0.1.0-better', upgrade: true },
    })
    expect(await release()).toBe(good)
    const upgraded = await verb(`upgrade --release /root/better ${PATIENT}`)
    expect(upgraded, upgraded.text).toMatchObject({ code: 0 })
    expect(await release()).toBe('0.1.0-better')
    expect(await well()).toBe(true)
    await untouched()
    const copies = (await guest('cd /var/lib/decloud-node/backups && ls *')).text
    expect(copies).toMatch(/agent\.db\n(.*\n)*node\.json/)

    step('an upgrade that fails')
    await guest('rm -f /root/better')
    await send(broken, '/root/broken')
    const failed = await verb(`upgrade --release /root/broken ${PATIENT}`)
    expect(failed.code, failed.text).toBe(1)
    expect(failed.text).toContain('broken release')
    expect(failed.text).toContain('was rolled back to 0.1.0-better')
    expect(await release()).toBe('0.1.0-better')
    expect(await well()).toBe(true)
    await untouched()

    // ------------------------------------------------------------------------------------------------ leave
    step('drain')
    resultOf(await verb(`drain ${signing} --json`))
    const drained = await chain.client.readContract({
      ...{ address: deployment.nodeRegistry, abi: nodeRegistryAbi },
      ...{ functionName: 'offer', args: [node] },
    })
    expect(drained).toMatchObject({ active: false })

    step('uninstall')
    const refused = await guest(`${install} --uninstall`)
    expect(refused.code, refused.text).toBe(1)
    expect(refused.text).toContain('1 guests of tenants run on this machine')
    expect(await unit('ActiveState')).toBe('active')
    await closeLease(tenant, leaseId)
    const over = async () => !(await domains()).includes('"running"')
    await until(over, 15 * MINUTE, 'the guest of an ended lease still runs', POLL_MS)
    expect((await guest(`${install} --uninstall`)).code).toBe(0)
    const kept =
      '/etc/decloud-node/node.json /etc/decloud-node/credentials/agent-keystore /var/lib/decloud-node/agent.db'
    expect((await guest(`ls ${kept}`)).code).toBe(0)
    const disks = (await guest('ls /var/lib/decloud-node/disks')).text.trim()
    expect(disks).toContain(leaseId.slice(2))
    expect((await guest('ls /opt/decloud-node /usr/local/bin/decloud-node')).text).not.toContain('releases')
    expect((await guest(`${install} --uninstall --purge`)).code).toBe(0)
    expect((await guest('ls -A /etc/decloud-node')).code).not.toBe(0)
    expect((await guest('ls /var/lib/decloud-node/disks')).text.trim()).toBe(disks)
    expect((await guest(`${install} --uninstall --purge --purge-disks --yes`)).code).toBe(0)
    expect((await guest('ls /var/lib/decloud-node; getent passwd decloud-node')).text).not.toContain('disks')
  },
)
