// The node's installer without a guest: what it refuses, what it would do, and how it switches between releases, in a
// mount namespace with a systemctl of the test's own. test/install/ runs it on a real Debian.
import { execFile, execFileSync } from 'node:child_process'
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../../..')
const INSTALL = join(ROOT, 'agent/install/install.sh')
const UNIT = join(ROOT, 'agent/install/decloud-node.service')

type Answer = { code: number; text: string }
const answerOf = (promise: Promise<{ stdout: string; stderr: string }>): Promise<Answer> =>
  promise.then(
    ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
    (error: { code?: number; stdout?: string; stderr?: string }) => ({
      code: error.code ?? -1,
      text: `${error.stdout ?? ''}${error.stderr ?? ''}`,
    }),
  )
const has = (command: string, ...args: string[]) => {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false // not installed, or not allowed: the caller says so
  }
}

let work = ''
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'decloud-install-'))
  await chmod(work, 0o755)
})
afterAll(() => rm(work, { recursive: true, force: true }))

describe('the scripts', () => {
  const scripts = ['agent/install/install.sh', 'agent/install/decloud-node.sh', 'scripts/install/lib.sh']
  test.each([...scripts, 'keeper/install/install.sh', 'keeper/install/decloud-keeper.sh'])(
    '%s is plain sh',
    async (script) => {
      await run('sh', ['-n', join(ROOT, script)])
      if (!has('shellcheck', '--version')) return console.warn('SKIPPED: shellcheck is not installed')
      await run('shellcheck', ['-x', '-s', 'sh', '-S', 'warning', script], { cwd: ROOT })
    },
  )

  test.each([
    [['--from'], '--from needs a value'],
    [['--colour'], "unknown option '--colour'"],
    [['--health-deadline', 'soon'], "takes seconds, not 'soon'"],
    [['--release', '/x', '--sha256', 'abc'], '64 hex digits'],
    [['--from', '.', '--arch', 'arm64'], '--arch is for --pack'],
    [['--pack', '/x', '--from', '.', '--arch', 'mips'], "not 'mips'"],
    [['--purge'], '--purge goes with --uninstall'],
    [['--dry-run', '--from', '.', '--yes'], 'go with --uninstall'],
    [['--dry-run', '--uninstall', '--purge-disks'], '--purge-disks goes with --purge'],
    [['--dry-run', '--uninstall', '--purge', '--yes'], '--yes goes with --purge-disks'],
  ])('%j is refused before anything is done', async (args, why) => {
    const answer = await answerOf(run('sh', [INSTALL, ...args], { cwd: ROOT }))
    expect(answer.text).toContain(why)
    expect(answer.code).toBe(2)
  })
})

test('units, commands and the installer run Node with the same flags: what is compiled ahead goes by them', async () => {
  const lib = await readFile(join(ROOT, 'scripts/install/lib.sh'), 'utf8')
  const flags = /^NODE_FLAGS=(.+)$/m.exec(lib)?.[1] ?? expect.fail('no NODE_FLAGS')
  for (const name of ['agent/install/decloud-node', 'keeper/install/decloud-keeper']) {
    for (const end of ['.service', '.sh']) {
      expect(await readFile(join(ROOT, `${name}${end}`), 'utf8'), name + end).toContain(flags)
    }
  }
})

describe('the unit', () => {
  const missing = has('systemd-analyze', '--version') ? null : 'systemd-analyze is not installed'
  if (missing) console.warn(`SKIPPED: the unit, looked at by systemd: ${missing}`)
  const withPrograms = async (folder: string) => {
    const text = (await readFile(UNIT, 'utf8'))
      .replace(/^ExecStart=.*/m, 'ExecStart=/bin/true')
      .replace(/^Documentation=.*\n/m, '')
    const file = join(folder, 'decloud-node.service')
    await writeFile(file, text)
    return file
  }

  test.skipIf(missing)('is one that systemd understands, and is exposed no more than 2 of 10', async () => {
    const file = await withPrograms(work)
    const verified = await answerOf(run('systemd-analyze', ['verify', '--man=no', file]))
    expect(verified.text.split('\n').filter((line) => line.includes('decloud-node'))).toEqual([])
    const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', file])
    const level = /exposure level for decloud-node.service: ([\d.]+)/.exec(stdout)?.[1]
    expect(Number(level), stdout).toBeLessThanOrEqual(2)
  })

  test('has one capability, and nothing of it ends guests', async () => {
    const lines = (await readFile(UNIT, 'utf8')).split('\n')
    expect(lines).toContain('User=decloud-node')
    expect(lines).toContain('CapabilityBoundingSet=CAP_NET_ADMIN')
    expect(lines).toContain('NoNewPrivileges=yes')
    expect(lines).toContain('KillMode=mixed')
    expect(lines.filter((line) => /^(Requires|BindsTo|PartOf|Delegate|Slice)=/.test(line))).toEqual([])
  })
})

const rootless =
  process.getuid?.() === 0 && has('unshare', '--mount', 'true') ? null : 'mount namespaces need root'
if (rootless) console.warn(`SKIPPED: upgrades and rollbacks without a guest: ${rootless}`)

/** A release that is small: its Node is a shell script that knows what the installer asks of it. */
const makeRelease = async (
  version: string,
  health: string,
  arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64',
) => {
  const folder = join(work, `release-${version}`)
  await mkdir(join(folder, 'agent/src/cli'), { recursive: true })
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true })
  await cp(join(ROOT, 'agent/install'), join(folder, 'agent/install'), { recursive: true })
  await cp(join(ROOT, 'scripts/install'), join(folder, 'scripts/install'), { recursive: true })
  await writeFile(join(folder, 'agent/src/cli/main.ts'), '')
  await writeFile(join(folder, 'RELEASE'), `${version}\n`)
  await writeFile(join(folder, 'ARCH'), `${arch}\n`)
  await writeFile(join(folder, 'health'), `${health}\n`)
  const node = join(folder, 'node_modules/.bin/node')
  await writeFile(
    node,
    '#!/bin/sh\ncase $1 in *copy-database.cjs) cp "$2" "$3" ;; --no-wasm-tier-up) [ "$3 $4" = "config check" ] || [ "$3 $4" = "run --help" ] ;; *) false ;; esac\n',
  )
  await chmod(node, 0o755)
  const file = join(work, `${version}.tar`)
  await run('tar', ['-C', folder, '-cf', file, '.'])
  return file
}

describe.skipIf(rootless)('on a machine of its own', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    await mkdir(join(work, 'bin'))
    await copyFile(join(import.meta.dirname, 'systemctl.sh'), join(work, 'bin/systemctl'))
    for (const [name, text] of [
      ['virsh', 'cat "$(dirname "$0")/../guests" 2>/dev/null || true'],
      ['journalctl', 'echo "its last words"'],
      // The installer lets seconds pass between two looks at a unit, which here never changes by itself.
      ['sleep', '/bin/sleep 0.1'],
      // Its calendar stands still: all upgrades of a story fall into one second.
      ['date', 'if [ "$1" = -u ]; then echo 20260102T030405Z; else exec /bin/date "$@"; fi'],
    ] as const) {
      await writeFile(join(work, 'bin', name), `#!/bin/sh\n${text}\n`)
    }
    for (const name of ['systemctl', 'virsh', 'journalctl', 'sleep', 'date'])
      await chmod(join(work, 'bin', name), 0o755)
    await symlink(INSTALL, join(work, 'install.sh'))
    for (const [version, health] of [
      ['1.0.0-a', 'ok'],
      ['1.1.0-b', 'ok'],
      ['1.2.0-dies', 'dies'],
      ['1.3.0-spoils', 'spoils'],
      ['1.4.0-ill', 'degraded'],
    ] as const)
      await makeRelease(version, health)
    await makeRelease('1.5.0-other', 'ok', 'riscv64')
  })

  /** A whole story in one namespace, whose files end with it. `$i` is the installer with short patience. */
  const story = (script: string): Promise<Answer> => {
    const prelude = `set -u; W=${work}; rm -rf $W/units/* $W/guests; i="sh ${INSTALL} --no-packages --health-deadline 3"
      configure() { echo {} > /etc/decloud-node/node.json; echo key > /etc/decloud-node/credentials/agent-keystore
        echo one > /var/lib/decloud-node/agent.db; chown decloud-node /var/lib/decloud-node/agent.db; systemctl start x; }
      state() { echo "now $(cat /opt/decloud-node/current/RELEASE) before $(basename "$(readlink /opt/decloud-node/previous)") unit $(systemctl is-active x) data $(cat /var/lib/decloud-node/agent.db)"; }
    `
    const root = join(import.meta.dirname, 'own-root.sh')
    const args = [
      '--mount',
      '--propagation',
      'private',
      'sh',
      root,
      work,
      'sh',
      '-c',
      `${prelude}\n${script}`,
    ]
    return answerOf(run('unshare', args, { timeout: 100_000 }))
  }

  test('installed, it waits for init; configured and stopped, an upgrade leaves it stopped', async () => {
    const { text, code } = await story(`
      $i --release $W/1.0.0-a.tar; stat -c '%a %U %G %n' /etc/decloud-node /etc/decloud-node/credentials /var/lib/decloud-node
      systemctl is-active x
      configure; systemctl stop x; $i --release $W/1.1.0-b.tar; state; ls /var/lib/decloud-node/backups/*`)
    expect(text).toContain('Next: decloud-node init')
    expect(text).toMatch(/^2750 root decloud-node \/etc\/decloud-node\n2?700 root root /m)
    expect(text).toContain('not started, because it was not running')
    expect(text).toContain('now 1.1.0-b before 1.0.0-a unit inactive data one')
    expect(text).toMatch(/agent\.db\nnode\.json/)
    expect(code).toBe(0)
  })

  test('a healthy release stays, with a way back; an ill one goes, to the data as they are or to the copy', async () => {
    const { text } = await story(`
      $i --release $W/1.0.0-a.tar; configure; state
      $i --release $W/1.1.0-b.tar; echo "exit $?"; state
      $i --release $W/1.2.0-dies.tar; echo "exit $?"; state
      $i --release $W/1.3.0-spoils.tar; echo "exit $?"; state
      $i --release $W/1.4.0-ill.tar; echo "exit $?"; state
      $i --rollback; echo "exit $?"; state; $i --rollback; state`)
    const states = text.split('\n').filter((line) => /^(exit|now) /.test(line))
    expect(states).toEqual([
      'now 1.0.0-a before  unit active data one',
      ...['exit 0', 'now 1.1.0-b before 1.0.0-a unit active data one'],
      ...['exit 1', 'now 1.1.0-b before 1.0.0-a unit active data one'],
      ...['exit 1', 'now 1.1.0-b before 1.0.0-a unit active data one'],
      ...['exit 1', 'now 1.1.0-b before 1.0.0-a unit active data one'],
      ...['exit 0', 'now 1.0.0-a before 1.1.0-b unit active data one'],
      'now 1.1.0-b before 1.0.0-a unit active data one',
    ])
    expect(text).toContain('restoring the copy from before the upgrade')
    expect(text).toContain('its last words')
  })

  test('what was ill before the upgrade is no reason to go back', async () => {
    const { text } = await story(`
      $i --release $W/1.4.0-ill.tar; configure; rm -rf /tmp/two; mkdir /tmp/two; tar -xf $W/1.4.0-ill.tar -C /tmp/two
      echo 1.4.1-ill > /tmp/two/RELEASE; tar -C /tmp/two -cf $W/1.4.1-ill.tar .; rm -rf /tmp/two
      $i --release $W/1.4.1-ill.tar; echo "exit $?"; state`)
    expect(text).toContain('exit 0\nnow 1.4.1-ill before 1.4.0-ill unit active')
  })

  test('a release of another machine, or another file, changes nothing; nor does a dry run', async () => {
    const { text } = await story(`
      $i --release $W/1.0.0-a.tar --dry-run; echo "exit $?"; ls -A /opt /etc/decloud-node; getent passwd decloud-node
      $i --release $W/1.0.0-a.tar; configure; mkdir /opt/decloud-node/releases/.new-killed
      $i --release $W/1.5.0-other.tar; echo "exit $?"; $i --release $W/install.sh; echo "exit $?"
      $i --release $W/1.1.0-b.tar --sha256 ${'0'.repeat(64)}; echo "exit $?"
      state; ls -A /opt/decloud-node/releases`)
    expect(text).toContain('would run: useradd')
    expect(text).not.toContain('decloud-node:x:')
    expect(text).toContain('the release is for riscv64')
    expect(text.match(/^exit \d/gm)).toEqual(['exit 0', 'exit 1', 'exit 1', 'exit 1'])
    expect(text).toContain('now 1.0.0-a before  unit active data one\n1.0.0-a\n')
    expect(text).not.toContain('.new-killed')
  })

  test('it goes only when no guest runs, and takes disks only when it is told so twice', async () => {
    const { text } = await story(`
      $i --release $W/1.0.0-a.tar; configure
      mkdir /var/lib/decloud-node/disks; touch /var/lib/decloud-node/disks/c0ffee.qcow2 /var/lib/decloud-node/disks/beef.17.quarantine
      echo decloud-n1-c0ffee > $W/guests
      $i --uninstall; echo "exit $?"; state
      $i --uninstall --purge --purge-disks; echo "exit $?"; state
      $i --uninstall --leave-guests; echo "exit $?"; ls /opt /usr/local/bin; ls /etc/decloud-node
      rm $W/guests; echo '{"domains":[{"state":"running"}]}' > /var/lib/decloud-node/simulated-machine.json
      $i --uninstall --purge; echo "exit $?"; rm /var/lib/decloud-node/simulated-machine.json
      $i --uninstall --purge; echo "exit $?"; ls /etc/decloud-node; ls -R /var/lib/decloud-node
      $i --uninstall --purge --purge-disks; echo "exit $?"
      rm /var/lib/decloud-node/disks/c0ffee.qcow2
      $i --uninstall --purge --purge-disks; echo "exit $?"; ls /var/lib/decloud-node; getent passwd decloud-node`)
    expect(text.match(/^exit \d/gm)).toEqual([1, 1, 0, 1, 0, 1, 0].map((code) => `exit ${code}`))
    expect(text).toContain('1 guests of tenants run on this machine')
    expect(text).toContain('1 disks belong to leases that have not ended')
    expect(text).toMatch(/c0ffee\.qcow2/)
    expect(text).toContain('removed, with configuration, keys, databases and disks')
    expect(text).not.toContain('decloud-node:x:')
  })

  test('the command refuses what is not its own, and says what an upgrade would be', async () => {
    const { text } = await story(`
      $i --release $W/1.0.0-a.tar; configure
      decloud-node run; echo "exit $?"
      decloud-node upgrade; echo "exit $?"
      decloud-node upgrade --release $W/install.sh; echo "exit $?"
      decloud-node upgrade --release $W/1.1.0-b.tar --check --json
      decloud-node upgrade --release $W/1.1.0-b.tar --no-packages --health-deadline 6; echo "exit $?"; state
      decloud-node upgrade --rollback --health-deadline 6; state; ls /run | grep decloud-node`)
    expect(text.match(/^exit \d/gm)).toEqual(['exit 2', 'exit 2', 'exit 1', 'exit 0'])
    expect(text).toContain('{"running":"1.0.0-a","offered":"1.1.0-b","upgrade":true}')
    expect(text).toContain('now 1.1.0-b before 1.0.0-a unit active data one')
    expect(text).toContain('now 1.0.0-a before 1.1.0-b unit active data one\n')
    expect(text).not.toMatch(/^decloud-node\./m)
  })
})
