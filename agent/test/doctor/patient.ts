// A healthy node as its operator would have it, and the doctor through its command line, in a mount namespace of its own
// where a fault is one of the machine's.
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { saveKey } from '@decloud/chain'
import { nodeRegistryAbi } from '@decloud/protocol'
import { encodeFunctionData, type Hex, toHex, zeroHash } from 'viem'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { registerNode, SMALL_NODE } from '../../../test/world/market.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { hostArchitecture } from '../../src/hypervisor/architecture.ts'
import { type Bench, makeBench } from '../helpers/node.ts'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const ONE_COIN = 10n ** 18n
const PLACES = 1

export type Diagnosis = { code: number; findings: readonly Finding[]; fails: readonly string[] }
export type Patient = Awaited<ReturnType<typeof makePatient>>

/** Why the node of these tests cannot be healthy on this machine; null when it can. */
export const whyNot = (): string | null => {
  const folders = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':')
  const has = (tool: string) => folders.some((folder) => existsSync(join(folder, tool)))
  const missing = ['tc', 'ip', 'qemu-img', 'genisoimage', 'unshare', 'virsh'].filter((tool) => !has(tool))
  if (!has('nft') && !has('iptables')) missing.push('nft or iptables')
  if (missing.length > 0) return `there is no ${missing.join(', ')}`
  if (process.getuid?.() !== 0) return 'only root has a packet filter and mounts of its own'
  try {
    execFileSync('unshare', ['-m', 'true'], { timeout: 10_000 })
    return null
  } catch {
    return 'this machine gives no mount namespaces'
  }
}

export const makePatient = async () => {
  const bench: Bench = await makeBench()
  const folder = await mkdtemp(join(tmpdir(), 'decloud-doctor-'))
  const file = (name: string) => join(folder, name)
  const relay = await listen()
  await writeFile(file('deployment.json'), JSON.stringify(bench.deployment))
  await writeFile(file('password'), 'correct horse\n', { mode: 0o600 })
  const agentKey = toHex(bench.anvil.account(bench.registered.agent).getHdKey().privateKey!)
  await saveKey(file('agent.json'), agentKey, 'correct horse', 1 << 12)
  await writeFile(file('sealing.json'), JSON.stringify({ 1: bench.registered.sealingKey.privateKey }), {
    mode: 0o600,
  })
  await mkdir(file('data'), { mode: 0o711 })
  await makeImage(file('images'))
  await chooseRelay(bench, portOf(relay))
  await promise(bench)
  const port = await freePort()
  const env: Record<string, string> = {
    ...bareEnv(),
    DECLOUD_RPC_URLS: bench.anvil.rpcUrl,
    DECLOUD_DEPLOYMENT: file('deployment.json'),
    DECLOUD_NODE: `${bench.registered.node}`,
    DECLOUD_DATA_DIR: file('data'),
    DECLOUD_IMAGE_DIR: file('images'),
    DECLOUD_AGENT_KEYSTORE: file('agent.json'),
    DECLOUD_AGENT_PASSWORD_FILE: file('password'),
    DECLOUD_SEALING_KEYS: file('sealing.json'),
    DECLOUD_HYPERVISOR: 'libvirt',
    // libvirt's own simulation, which needs no daemon; emulation is what the operator of this node wants.
    DECLOUD_LIBVIRT_URI: 'test:///default',
    DECLOUD_ACCELERATION: 'tcg',
    DECLOUD_API_PORT: `${port}`,
  }
  return {
    bench,
    file,
    port,
    relay,
    env,
    /** @param mounts shell that changes what the doctor, and nobody else, sees of the machine. */
    diagnose: (change: { env?: Record<string, string>; args?: string[]; mounts?: string } = {}) =>
      diagnose({ ...env, ...change.env }, change.args ?? [], change.mounts),
    close: async () => {
      relay.close()
      await bench.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const diagnose = (env: Record<string, string>, args: string[], mounts = ''): Promise<Diagnosis> =>
  new Promise((resolve, reject) => {
    const node = [process.execPath, CLI, 'doctor', '--json', ...args]
    const [command = '', ...rest] =
      mounts === '' ? node : ['unshare', '-m', 'sh', '-ec', `${mounts}\nexec "$0" "$@"`, ...node]
    execFile(command, rest, { env, timeout: 110_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      try {
        const { findings } = JSON.parse(stdout) as { findings: Finding[] }
        const fails = findings.filter(({ level }) => level === 'fail').map(({ code }) => code)
        resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), findings, fails })
      } catch (cause) {
        reject(new Error(`the doctor said nothing: ${stdout} ${stderr}`, { cause }))
      }
    })
  })

const portOf = (server: Server): number => (server.address() as AddressInfo).port

export const listen = async (port = 0): Promise<Server> => {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

const freePort = async (): Promise<number> => {
  const server = await listen()
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** As scripts/image/build.sh leaves one, but smaller. */
const makeImage = async (images: string) => {
  const build = join(images, 'tiny', 'build-1')
  await mkdir(build, { recursive: true })
  const files: Record<string, { file: string; sha256: string }> = {}
  for (const name of ['disk', 'kernel', 'initrd']) {
    const bytes = Buffer.alloc(100_000, name)
    await writeFile(join(build, name), bytes)
    files[name] = { file: name, sha256: createHash('sha256').update(bytes).digest('hex') }
  }
  const manifest = {
    ...{ version: 1, id: 'tiny', buildKey: 'x', arch: hostArchitecture() },
    ...{ virtualSizeBytes: 1 << 20, cmdline: 'quiet', files },
  }
  await writeFile(join(build, 'manifest.json'), JSON.stringify(manifest))
  await symlink('build-1', join(images, 'tiny', 'current'))
}

type Call =
  | { functionName: 'setRelayOffer' | 'chooseRelay'; args: readonly [node: number, value: number] }
  | { functionName: 'setActive'; args: readonly [node: number, active: boolean] }
  | { functionName: 'setCapacity'; args: readonly [node: number, capacity: Capacity] }
  | { functionName: 'setNetwork'; args: readonly [node: number, network: Network] }
type Capacity = { pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: number }
type Network = { peerId: Hex; addresses: string[]; wireguardKey: Hex; behindNat: boolean }

/** One call of the registry by an operator. */
export const operate = async ({ anvil, deployment }: Bench, operator: number, call: Call) => {
  const data = encodeFunctionData({ abi: nodeRegistryAbi, ...call })
  const hash = await anvil.wallet(operator).sendTransaction({ to: deployment.nodeRegistry, data })
  const { status } = await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  if (status !== 'success') throw new Error(`the registry refused ${call.functionName}`)
}

const chooseRelay = async (bench: Bench, port: number) => {
  const { anvil, deployment, registered } = bench
  const relay = await registerNode(anvil, deployment, {
    ...{ nth: 1, offer: SMALL_NODE, endpoint: `http://127.0.0.1:${port}`, agentFunds: ONE_COIN },
  })
  await operate(bench, relay.operator, { functionName: 'setRelayOffer', args: [relay.node, PLACES] })
  const network: Network = { peerId: '0x', addresses: [], wireguardKey: zeroHash, behindNat: true }
  await operate(bench, registered.operator, { functionName: 'setNetwork', args: [registered.node, network] })
  await operate(bench, registered.operator, {
    functionName: 'chooseRelay',
    args: [registered.node, relay.node],
  })
}

/** By default what any machine has that runs these tests. */
export const promise = (bench: Bench, memoryMiB = 512n) => {
  const { node, operator } = bench.registered
  const capacity = { pointUnits: 96n, memoryMiB, diskGiB: 1n, gpus: 0 }
  return operate(bench, operator, { functionName: 'setCapacity', args: [node, capacity] })
}
