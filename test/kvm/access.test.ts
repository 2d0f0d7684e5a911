// How people enter a real guest that a real agent runs: by key, password and certificate, each with the host key pinned;
// and who is turned away.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  DecloudError,
  leaseAccessAbi,
  type Manifest,
  manifestCommitment,
  manifestPayload,
} from '@decloud/protocol'
import { bytesToHex, type Hex, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseSubnet } from '../../agent/src/hypervisor/ipv4.ts'
import type { GuestLogin } from '../../agent/src/ports/guest-login.ts'
import type { LeaseKeyStore } from '../../agent/src/ports/lease-keys.ts'
import { issueCertificate } from '../../agent/src/ssh/certificate.ts'
import { connectGuest } from '../../agent/src/ssh/guest-client.ts'
import { makeKeyPair } from '../../agent/src/ssh/key-pair.ts'
import { authorityFile, makeKeyStore } from '../../agent/src/ssh/key-store.ts'
import { makeNodeLogin } from '../../agent/src/ssh/node-login.ts'
import { postOnChain, sealFor } from '../../scripts/lib/any-node.ts'
import { getCertificate } from '../../scripts/lib/guest-login.ts'
import { makeKey } from '../../scripts/lib/guest-shell.ts'
import { buildImage } from '../../scripts/lib/images.ts'
import { giveOrder } from '../../scripts/lib/orders.ts'
import { openLease } from '../../scripts/lib/tenant.ts'
import { waitActive } from '../../scripts/lib/tenant-view.ts'
import { until } from '../../scripts/lib/until.ts'
import { ROLES } from '../world/market.ts'
import { networkOf } from '../world/node.ts'
import { useRealWorld } from './real-world.ts'

const LEASE_CLI = new URL('../../scripts/lease.ts', import.meta.url).pathname
const PASSWORD = 'correct horse battery'
const HASH =
  '$6$decloudaccess$aWBpKjozvVDbtUkyNkte0GeWWK4UcxnrZM6u1ljhApQ6Xv6eRWGeIP6xn8OwFKCbLetBNGLggdwTC8ziv3Ik//'
const FRIEND = 7
const USER = 2
/** Under emulation on a busy machine everything takes long. */
const LONG = 900_000

const { missing, real } = await useRealWorld('how people enter a guest', async (images) => {
  await buildImage('debian-12')
  return images
})

let folder: string
let mine: { file: string; publicKey: string }
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decloud-access-'))
  mine = await makeKey(folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const manifest = (change: Partial<Manifest> = {}): Manifest => ({
  ...{ version: 1, image: 'debian-12', hostname: 'entered', variables: {} },
  ...{ sshKeys: [mine.publicKey], passwordHash: HASH },
  ...change,
})

const lease = async (given: Manifest): Promise<Hex> => {
  const { world, tenant, endpoint } = real()
  const big = given.image === 'debian-12'
  const { leaseId } = await openLease(tenant, {
    node: world.nodes[0]!.registered.node,
    resources: {
      ...{ vcpus: big ? 2 : 1, tier: 1, bandwidth: 3, gpus: 0 },
      ...{ memoryMiB: big ? 1_024 : 256, diskGiB: big ? 3 : 1 },
    },
    hours: 1,
    manifest: given,
  })
  await waitActive(tenant, leaseId, { endpoint })
  // The chain is ahead of the agent's record by a moment.
  const isUp = async () => vmOf(leaseId)?.status === 'Running' && vmOf(leaseId)?.manifestSeen !== null
  await until(isUp, 120_000, 'the guest is not running')
  return leaseId
}

const vmOf = (leaseId: Hex) => real().world.nodes[0]!.agent().vm(leaseId)
const nodeLogin = (keys: LeaseKeyStore) =>
  makeNodeLogin({ keys, store: { get: vmOf }, network: parseSubnet(networkOf(0).subnet) })
const factsOf = (leaseId: Hex) => {
  const facts = vmOf(leaseId)?.facts
  if (facts == null) throw new Error(`the guest of ${leaseId} has not reported itself`)
  return facts
}

type Way = {
  options?: Record<string, string>
  user?: string
  hostKey?: string
  /** Asks for this port of the guest's, and for no command. */
  forward?: string
  env?: Record<string, string>
}
type Said = { code: number; stdout: string; stderr: string }

/** OpenSSH's own client; the host key is the one given, or none is accepted. */
const enter = async (leaseId: Hex, command: string, way: Way): Promise<Said> => {
  const { ipv4, sshHostKey } = factsOf(leaseId)
  const known = join(folder, 'known_hosts')
  await writeFile(known, `${ipv4} ${way.hostKey ?? sshHostKey}\n`)
  const options = {
    ...{ UserKnownHostsFile: known, GlobalKnownHostsFile: '/dev/null', StrictHostKeyChecking: 'yes' },
    ...{ IdentitiesOnly: 'yes', IdentityFile: '/dev/null', ConnectTimeout: '30', BatchMode: 'yes' },
    ...way.options,
  }
  const args = [
    '-F',
    '/dev/null',
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ]
  const env = { ...process.env, ...way.env }
  const target = `${way.user ?? 'decloud'}@${ipv4}`
  const wanted = way.forward === undefined ? [target, command] : ['-W', way.forward, target]
  const once = () =>
    new Promise<Said>((resolve) =>
      execFile('ssh', [...args, ...wanted], { env, timeout: 90_000 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
      ),
    )
  // The guest agent reports before sshd listens.
  let said = await once()
  for (let i = 0; i < 60 && /Connection refused|timed out/.test(said.stderr); i++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    said = await once()
  }
  return said
}

const byKey = (file = mine.file): Way => ({ options: { IdentityFile: file } })
const byPassword = async (password: string): Promise<Way> => {
  const askpass = join(folder, 'askpass')
  await writeFile(askpass, `#!/bin/sh\necho '${password}'\n`, { mode: 0o700 })
  return {
    options: { BatchMode: 'no', PreferredAuthentications: 'password', NumberOfPasswordPrompts: '1' },
    env: { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' },
  }
}
/** A key that no guest knows, with a certificate over it. */
const byCertificate = async (
  issue: (publicKey: string) => Promise<{ certificate: string }>,
): Promise<Way> => {
  const home = await mkdtemp(join(folder, 'key-'))
  const { file, publicKey } = await makeKey(home)
  await writeFile(`${file}-cert.pub`, `${(await issue(publicKey)).certificate}\n`)
  return { options: { IdentityFile: file, CertificateFile: `${file}-cert.pub` } }
}

const signers = new Map<number, { chain: ReturnType<typeof real>['tenant']['chain']; account: never }>()
const signer = (index: number) => {
  const known = signers.get(index) ?? {
    chain: real().tenant.chain,
    account: real().world.anvil.account(index) as never,
  }
  signers.set(index, known)
  return known
}
const access = async (functionName: 'grant' | 'revoke', ...args: unknown[]) => {
  const { anvil, deployment } = real().world
  const call = { address: deployment.leaseAccess!, abi: leaseAccessAbi, functionName, args }
  // The names and arguments are those of the ABI above.
  const hash = await anvil.wallet(ROLES.tenant).writeContract(call as never)
  await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
}

const entered = { code: 0, stdout: 'decloud\n' }
const turnedAway = { code: 255, stdout: '', stderr: expect.stringContaining('Permission denied') }
const WHO = 'id -un'

describe.skipIf(missing)('a Debian guest', { timeout: LONG }, () => {
  let leaseId: Hex
  let keysFolder: string
  const issue =
    (order: { nowMs?: number; principal?: string }, directory = keysFolder) =>
    (publicKey: string) =>
      issueCertificate(authorityFile(directory, leaseId), folder, {
        ...{ leaseId, publicKey, nowMs: Date.now(), wallet: real().tenant.account.address },
        ...order,
      })

  beforeAll(async () => {
    leaseId = await lease(manifest())
    keysFolder = join(real().world.directory, 'node-0', 'ssh')
  }, LONG)

  test('is entered by key and by password', async () => {
    expect(await enter(leaseId, WHO, byKey())).toMatchObject(entered)
    expect(await enter(leaseId, WHO, await byPassword(PASSWORD))).toMatchObject(entered)
  })

  test('is entered with a certificate of an hour, from the command line of its tenant', async () => {
    const { world, tenant } = real()
    await writeFile(join(folder, 'deployment.json'), JSON.stringify(world.deployment))
    const env = {
      ...process.env,
      DECLOUD_RPC_URLS: world.anvil.rpcUrl,
      DECLOUD_DEPLOYMENT: join(folder, 'deployment.json'),
      DECLOUD_KEY: toHex(world.anvil.account(ROLES.tenant).getHdKey().privateKey!),
    }
    const run = (...words: string[]) =>
      promisify(execFile)(process.execPath, [LEASE_CLI, 'ssh', leaseId, '--json', '--', ...words], {
        env,
        timeout: 120_000,
      })
    const said = JSON.parse((await run(WHO)).stdout) as Said & { serial: string }
    expect(said).toMatchObject({ exitCode: 0, stdout: 'decloud\n' })
    const log = await enter(leaseId, `sudo journalctl -o cat -t sshd | grep '${said.serial}'`, byKey())
    expect(log.stdout).toContain(`wallet=${tenant.account.address} lease=${leaseId}`)
    const failed = await run('exit 3').catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 3 })
  })

  test('is entered by whom the tenant lets in, until that is taken back', async () => {
    const friend = real().world.anvil.account(FRIEND).address
    const ask = (publicKey: string) => getCertificate(signer(FRIEND), leaseId, publicKey)
    await access('grant', leaseId, friend, USER)
    await until(
      async () => (await codeOf(ask(mine.publicKey))) === 'issued',
      60_000,
      'the friend is not let in',
    )
    expect(await enter(leaseId, WHO, await byCertificate(ask))).toMatchObject(entered)
    await access('revoke', leaseId, friend)
    await until(async () => (await codeOf(ask(mine.publicKey))) === 'lease-unknown', 60_000, 'still let in')
  })

  test('turns away a wrong password, and certificates that are not for now, for it, or of its authority', async () => {
    expect(await enter(leaseId, WHO, await byCertificate(issue({})))).toMatchObject(entered)

    expect(await enter(leaseId, WHO, await byPassword('another'))).toMatchObject(turnedAway)
    const past = Date.now() - 3_600_000 - 120_000
    expect(await enter(leaseId, WHO, await byCertificate(issue({ nowMs: past })))).toMatchObject(turnedAway)
    const future = Date.now() + 3_600_000
    expect(await enter(leaseId, WHO, await byCertificate(issue({ nowMs: future })))).toMatchObject(turnedAway)
    for (const principal of ['decloud', 'root', `0x${'b2'.repeat(32)}`]) {
      expect(await enter(leaseId, WHO, await byCertificate(issue({ principal })))).toMatchObject(turnedAway)
    }
    // Another lease's, made out to this one.
    const others = join(folder, 'others')
    await makeKeyStore(others).ensure(leaseId)
    expect(await enter(leaseId, WHO, await byCertificate(issue({}, others)))).toMatchObject(turnedAway)
    const root = { ...(await byCertificate(issue({}))), user: 'root' }
    expect(await enter(leaseId, WHO, root)).toMatchObject(turnedAway)
  })

  test('is not entered while another host key answers', async () => {
    const said = await enter(leaseId, WHO, { ...byKey(), hostKey: makeKeyPair().publicKey })
    expect(said).toMatchObject({
      code: 255,
      stdout: '',
      stderr: expect.stringMatching(/HOST IDENTIFICATION HAS CHANGED/),
    })
  })

  test("is entered by its node from the node's address alone, until the tenant removes that line", async () => {
    const login = await nodeLogin(makeKeyStore(keysFolder))(leaseId)
    expect(await runAsNode(login, WHO)).toMatch(/^decloud\r?$/m)
    const another = { ...login, hostKey: makeKeyPair().publicKey }
    await expect(runAsNode(another, WHO)).rejects.toMatchObject({ code: 'guest-host-key' })
    const file = join(folder, 'node')
    await writeFile(file, login.privateKey, { mode: 0o600 })
    expect(await enter(leaseId, WHO, byKey(file))).toMatchObject(entered)
    const forwarded = await enter(leaseId, WHO, { ...byKey(file), forward: '127.0.0.1:22' })
    expect(forwarded).toMatchObject({ code: 255, stdout: '', stderr: expect.stringContaining('prohibited') })

    // The same key, from within the guest: another address.
    const key = Buffer.from(login.privateKey).toString('base64')
    const within = [
      `umask 077; echo ${key} | base64 -d > stolen`,
      'ssh -i stolen -o BatchMode=yes -o StrictHostKeyChecking=accept-new decloud@127.0.0.1 id -un',
    ].join('; ')
    expect(await enter(leaseId, within, byKey())).toMatchObject(turnedAway)

    await enter(leaseId, "sed -i '/decloud-node: /d' ~/.ssh/authorized_keys", byKey())
    await expect(runAsNode(login, WHO)).rejects.toMatchObject({ code: 'guest-login-refused' })
  })

  test('lets in whom a newer manifest names, and no longer whom the one before did', async () => {
    const next = await makeKey(await mkdtemp(join(folder, 'next-')))
    const byHand = await makeKey(await mkdtemp(join(folder, 'hand-')))
    await enter(leaseId, `echo '${byHand.publicKey}' >> ~/.ssh/authorized_keys`, byKey())
    const change = { sshKeys: [next.publicKey], passwordHash: null, hostname: 'renamed' }
    await post(leaseId, manifest(change))
    const isIn = async () => (await enter(leaseId, WHO, byKey(next.file))).code === 0
    await until(isIn, 120_000, 'the new key does not enter')
    expect(await enter(leaseId, WHO, byKey())).toMatchObject(turnedAway)
    expect(await enter(leaseId, WHO, await byPassword(PASSWORD))).toMatchObject({ code: 255, stdout: '' })
    expect(await enter(leaseId, WHO, byKey(byHand.file))).toMatchObject(entered)
    expect(await enter(leaseId, WHO, await byCertificate(issue({})))).toMatchObject(entered)

    const { sshHostKey } = factsOf(leaseId)
    await giveOrder(real().tenant, { leaseId, action: 'Reinstall', onChain: false })
    expect(factsOf(leaseId).sshHostKey, 'the host key outlives the disk').toBe(sshHostKey)
    const anew = await enter(leaseId, 'hostname', { ...byKey(next.file), hostKey: sshHostKey })
    expect(anew).toMatchObject({ code: 0, stdout: 'renamed\n' })
    expect(await enter(leaseId, WHO, byKey(byHand.file))).toMatchObject(turnedAway)
    expect(await enter(leaseId, WHO, await byCertificate(issue({})))).toMatchObject(entered)
  })
})

test.skipIf(missing)(
  'the tiny guest is entered by key, password and node, and follows a newer manifest',
  { timeout: LONG },
  async () => {
    const leaseId = await lease(manifest({ image: 'tiny' }))
    expect(await enter(leaseId, WHO, byKey())).toMatchObject(entered)
    expect(await enter(leaseId, WHO, await byPassword(PASSWORD))).toMatchObject(entered)
    expect(await enter(leaseId, WHO, await byPassword('another'))).toMatchObject({ code: 255, stdout: '' })
    const keys = makeKeyStore(join(real().world.directory, 'node-0', 'ssh'))
    const login = await nodeLogin(keys)(leaseId)
    expect(await runAsNode(login, WHO)).toMatch(/^decloud\r?$/m)
    const next = await makeKey(await mkdtemp(join(folder, 'next-')))
    await post(leaseId, manifest({ image: 'tiny', sshKeys: [next.publicKey], passwordHash: null }))
    const isIn = async () => (await enter(leaseId, WHO, byKey(next.file))).code === 0
    await until(isIn, 120_000, 'the new key does not enter')
    expect(await enter(leaseId, WHO, byKey())).toMatchObject(turnedAway)
    expect(await enter(leaseId, WHO, await byPassword(PASSWORD))).toMatchObject({ code: 255, stdout: '' })
  },
)

const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'issued',
    (error: unknown) => (error instanceof DecloudError ? error.code : String(error)),
  )

const post = async (leaseId: Hex, wanted: Manifest) => {
  const { tenant, world } = real()
  const payload = manifestPayload(wanted, bytesToHex(crypto.getRandomValues(new Uint8Array(32))))
  const { node } = world.nodes[0]!.registered
  const sealed = await sealFor(tenant, leaseId, node, bytesToHex(payload))
  await postOnChain(tenant, { leaseId, sealed, commitment: manifestCommitment(payload) })
}

/** In a shell of the node's own client. @throws AgentError as `connectGuest`. */
const runAsNode = async (login: GuestLogin, command: string): Promise<string> => {
  const client = await connectGuest(login)
  try {
    const shell = await client.shell({ cols: 80, rows: 24 })
    return await new Promise<string>((resolve) => {
      let said = ''
      shell.on('data', (part: Buffer) => {
        said += part.toString()
      })
      shell.once('close', () => resolve(said))
      shell.write(`${command}; exit\n`)
    })
  } finally {
    client.close()
  }
}
