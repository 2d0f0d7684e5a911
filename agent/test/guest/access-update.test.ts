// The script that a guest runs, in a shell of this machine whose /etc is a folder of the test's.
import { execFile, execFileSync } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type GuestKeys, updateAccess } from '../../src/guest/access-update.ts'
import { nodeKeyLine } from '../../src/guest/seed.ts'
import { type GuestExecResult, HypervisorError } from '../../src/ports/hypervisor.ts'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'

const unshared = (() => {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
if (!unshared) console.warn('SKIPPED: who may enter a guest: no mount namespace can be had here')

const [ada, bea, cid, node, oldNode] = Array.from({ length: 5 }, () => makeKeyPair().publicKey)
const HASH = `$6$salt$${'a'.repeat(86)}`
const OTHER = `$6$salt$${'b'.repeat(86)}`
const accessBy = (nodeKey: string) => ({
  ...{ hostKey: makeKeyPair(), userAuthority: cid!, principal: '0xa1', nodeKey, nodeAddress: '10.77.0.1' },
})
const nodeLine = (key: string) => nodeKeyLine(accessBy(key))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decloud-access-'))
  await mkdir(join(folder, 'etc/ssh/sshd_config.d'), { recursive: true })
  await mkdir(join(folder, 'home/.ssh'), { recursive: true })
  // Debian finds its awk through /etc.
  await cp('/etc/alternatives', join(folder, 'etc/alternatives'), { recursive: true, verbatimSymlinks: true })
  const { uid, gid } = await stat(folder)
  await writeFile(join(folder, 'etc/passwd'), `decloud:x:${uid}:${gid}::${folder}/home:/bin/sh\n`)
  await writeFile(join(folder, 'etc/shadow'), 'root:*:1:0:9:7:::\ndecloud:!$6$old:1:0:9:7:::\n')
  await chmod(join(folder, 'etc/shadow'), 0o640)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** What a guest agent does, but in this machine's own programs. */
const exec = (_: string, argv: readonly string[], __?: number, input = ''): Promise<GuestExecResult> =>
  new Promise((resolve) => {
    const etc = `mount --bind ${folder}/etc /etc && exec "$@"`
    const child = execFile('unshare', ['-m', 'sh', '-c', etc, 'sh', ...argv], (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr }),
    )
    child.stdin?.end(input)
  })

const update = (change: Partial<GuestKeys>) =>
  updateAccess({ exec }, '0xa1', {
    ...{ userName: 'decloud', sshKeys: [], passwordHash: null, access: accessBy(node!) },
    ...change,
  })
const linesOf = async (path: string) => (await readFile(join(folder, path), 'utf8')).trim().split('\n')
const put = (lines: readonly string[]) =>
  writeFile(join(folder, 'home/.ssh/authorized_keys'), lines.map((line) => `${line}\n`).join(''))
const keys = () => linesOf('home/.ssh/authorized_keys')

describe.skipIf(!unshared)('keys', () => {
  test('of an earlier manifest go, those of the new one come, and what people added stays', async () => {
    await put([`${ada} from cloud-init`, nodeLine(node!)])
    expect(await update({ sshKeys: [ada!, bea!] })).toBeNull()
    expect(await keys()).toEqual([`${ada} from cloud-init`, nodeLine(node!), bea])

    const byHand = [`command="date" ${cid} by hand`, '# a remark']
    await put([...(await keys()), ...byHand])
    expect(await update({ sshKeys: [bea!] })).toBeNull()
    expect(await keys()).toEqual([nodeLine(node!), bea, ...byHand])
    expect(await update({ sshKeys: [] })).toBeNull()
    expect(await keys()).toEqual([nodeLine(node!), ...byHand])
  })

  test('a second time changes nothing, and the file is its owner’s alone', async () => {
    await update({ sshKeys: [ada!, bea!] })
    const once = await keys()
    await update({ sshKeys: [ada!, bea!] })
    expect(await keys()).toEqual(once)
    const { mode, uid } = await stat(join(folder, 'home/.ssh/authorized_keys'))
    expect([mode & 0o777, uid]).toEqual([0o600, (await stat(join(folder, 'home'))).uid])
  })

  test('that people took away themselves do not come back', async () => {
    await update({ sshKeys: [ada!, bea!] })
    await put([bea!])
    await update({ sshKeys: [ada!, bea!, cid!] })
    expect(await keys()).toEqual([bea, cid])
  })

  test('of the node take the place of one that it does not hold any more, and are not put back', async () => {
    await put([nodeLine(oldNode!), ada!])
    await update({ sshKeys: [ada!] })
    expect(await keys()).toEqual([ada, nodeLine(node!)])
    await update({ sshKeys: [ada!] })
    expect(await keys()).toEqual([ada, nodeLine(node!)])
    await put([nodeLine(oldNode!), ada!, nodeLine(node!)])
    await update({ sshKeys: [ada!] })
    expect(await keys()).toEqual([ada, nodeLine(node!)])
    await put([ada!])
    await update({ sshKeys: [ada!] })
    expect(await keys()).toEqual([ada])
  })

  test('of certificates are those of the present authority, where people have not removed it', async () => {
    const trusted = 'etc/ssh/decloud_user_authority.pub'
    await update({})
    await expect(stat(join(folder, trusted))).rejects.toMatchObject({ code: 'ENOENT' })
    await writeFile(join(folder, trusted), `${bea}\n`)
    await update({})
    expect(await linesOf(trusted)).toEqual([cid])
    expect((await stat(join(folder, trusted))).mode & 0o777).toBe(0o644)
  })

  test('a folder that is not there yet is made', async () => {
    await rm(join(folder, 'home/.ssh'), { recursive: true })
    expect(await update({ sshKeys: [ada!] })).toBeNull()
    expect(await keys()).toEqual([ada])
    expect((await stat(join(folder, 'home/.ssh'))).mode & 0o777).toBe(0o700)
  })
})

describe.skipIf(!unshared)('the password', () => {
  const SHADOW = 'etc/shadow'
  const LOGIN = 'etc/ssh/sshd_config.d/11-decloud-password.conf'

  test('is set when the manifest brings another, and opens or closes login by it', async () => {
    expect(await update({ passwordHash: HASH })).toBeNull()
    expect(await linesOf(SHADOW)).toEqual(['root:*:1:0:9:7:::', `decloud:${HASH}:1:0:9:7:::`])
    expect(await linesOf(LOGIN)).toEqual(['PasswordAuthentication yes'])
    expect((await stat(join(folder, SHADOW))).mode & 0o777).toBe(0o640)
    await update({ passwordHash: null })
    expect((await linesOf(SHADOW))[1]).toBe('decloud:*:1:0:9:7:::')
    expect(await linesOf(LOGIN)).toEqual(['PasswordAuthentication no'])
  })

  test('that was changed in the guest stays while the manifest’s is the same', async () => {
    await update({ passwordHash: HASH })
    await writeFile(join(folder, SHADOW), `decloud:${OTHER}:1:0:9:7:::\n`)
    await update({ passwordHash: HASH, sshKeys: [ada!] })
    expect(await linesOf(SHADOW)).toEqual([`decloud:${OTHER}:1:0:9:7:::`])
  })
})

test.skipIf(!unshared)('a guest that cannot do it says why', async () => {
  await rm(join(folder, 'etc/shadow'))
  expect(await update({ passwordHash: HASH })).toMatch(/could not change.*shadow/)
})

test.each([
  ['agent-not-ready', /does not answer/],
  ['timeout', /slow/],
  ['agent-error', /cannot run/],
] as const)('a guest agent with %s is tried again', async (code, why) => {
  const failing = async () => {
    throw new HypervisorError(code, 'no')
  }
  const keys = { userName: 'decloud', sshKeys: [], passwordHash: null, access: accessBy(node!) }
  expect(await updateAccess({ exec: failing }, '0xa1', keys)).toMatch(why)
})
