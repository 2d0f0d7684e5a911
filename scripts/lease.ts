#!/usr/bin/env node
// A lease from the command line: the tenant's side, against any deployment.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { LEASE_STAGES, leaseIdsOf, loadKey, makeLens } from '@decloud/chain'
import {
  BANDWIDTH_TIERS,
  formatUsdc,
  type Manifest,
  manifestCommitment,
  manifestPayload,
  manifestSchema,
  ORDER_ACTIONS,
  type OrderAction,
  QUALITY_TIERS,
  type Resources,
  sentenceOf,
} from '@decloud/protocol'
import type { LeaseStatusReport } from '@decloud/protocol/wire/node'
import { bytesToHex, type Hex, keccak256 } from 'viem'
import {
  assignedNode,
  openForAnyNode,
  postOnChain,
  postToMailbox,
  sealFor,
  signPost,
} from './lib/any-node.ts'
import { certificatePath, getCertificate, logIn } from './lib/guest-login.ts'
import { makeKeptManifests } from './lib/kept-manifests.ts'
import { HELP } from './lib/lease-help.ts'
import {
  amount,
  deploymentIn,
  exitCodeOf,
  failureOf,
  leaseIdOption,
  oneOf,
  readText,
  regionOf,
  rpcUrlsIn,
  toJson,
  usage,
  whenBrokenOff,
  whole,
} from './lib/lease-line.ts'
import { closeByNode, giveOrder } from './lib/orders.ts'
import { closeLease, makeTenant, openLease, readLease, type Tenant } from './lib/tenant.ts'
import { billOf, endpointOf, knownHostsLine, reportOf, sshLine, waitActive } from './lib/tenant-view.ts'

const OPTIONS = {
  node: { type: 'string' },
  'ssh-key': { type: 'string', multiple: true },
  key: { type: 'string' },
  deployment: { type: 'string' },
  rpc: { type: 'string' },
  image: { type: 'string', default: 'debian-12' },
  hostname: { type: 'string', default: 'vm' },
  vcpus: { type: 'string', default: '1' },
  memory: { type: 'string', default: '1024' },
  disk: { type: 'string', default: '10' },
  gpus: { type: 'string', default: '0' },
  tier: { type: 'string', default: 'Standard' },
  bandwidth: { type: 'string', default: 'Standard' },
  hours: { type: 'string', default: '1' },
  deposit: { type: 'string' },
  'max-price': { type: 'string' },
  'any-node': { type: 'boolean', default: false },
  region: { type: 'string' },
  keeper: { type: 'string' },
  state: { type: 'string', default: '.decloud' },
  all: { type: 'boolean', default: false },
  'no-wait': { type: 'boolean', default: false },
  from: { type: 'string' },
  'on-chain': { type: 'boolean', default: false },
  signed: { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

const parse = (args: string[]) => {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw usage(sentenceOf(error))
  }
}
type Options = ReturnType<typeof parse>['values']

const say = (line: string) => process.stderr.write(`${line}\n`)

const problemsOf = ({ issues }: { issues: readonly { path: PropertyKey[]; message: string }[] }) =>
  issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`).join('; ')

const keyOf = async (env: NodeJS.ProcessEnv) => {
  if (env['DECLOUD_KEY']) return loadKey({ privateKey: env['DECLOUD_KEY'] })
  const [keystore, passwordFile] = [env['DECLOUD_KEYSTORE'], env['DECLOUD_PASSWORD_FILE']]
  if (!keystore || !passwordFile) {
    throw usage(
      "The tenant's key is missing: set DECLOUD_KEY, or DECLOUD_KEYSTORE and DECLOUD_PASSWORD_FILE.",
    )
  }
  return loadKey({ keystore, password: (await readText(passwordFile)).replace(/\r?\n$/, '') })
}

const tenantOf = async (options: Options): Promise<Tenant> => {
  const path = options.deployment ?? process.env['DECLOUD_DEPLOYMENT']
  if (!path) throw usage('Give the deployment file with --deployment.')
  const rpcUrls = rpcUrlsIn(options.rpc ?? process.env['DECLOUD_RPC_URLS'] ?? '')
  return makeTenant({ rpcUrls, deployment: await deploymentIn(path), account: await keyOf(process.env) })
}

const manifestOf = async (options: Options): Promise<Manifest> => {
  const keys = await Promise.all((options['ssh-key'] ?? []).map(readText))
  if (keys.length === 0) throw usage('Give at least one SSH public key with --ssh-key.')
  const parsed = manifestSchema.safeParse({
    version: 1,
    image: options.image,
    hostname: options.hostname,
    sshKeys: keys.map((key) => key.trim()),
    passwordHash: null,
    variables: {},
  })
  if (!parsed.success) throw usage(problemsOf(parsed.error))
  return parsed.data
}

const resourcesOf = (options: Options): Resources => ({
  vcpus: whole('vcpus', options.vcpus, 1),
  memoryMiB: whole('memory', options.memory, 1),
  diskGiB: whole('disk', options.disk, 1),
  gpus: whole('gpus', options.gpus, 0),
  tier: oneOf('tier', QUALITY_TIERS, options.tier),
  bandwidth: oneOf('bandwidth', BANDWIDTH_TIERS, options.bandwidth),
})

/** Seals what was kept to the node of the lease, and leaves it where that node's agent looks. @returns the node. */
const post = async (tenant: Tenant, options: Options, leaseId: Hex): Promise<number> => {
  const kept = makeKeptManifests(options.state)
  const payload = await kept.read(leaseId)
  say('waiting for a node …')
  const node = await assignedNode(tenant, leaseId)
  const sealed = await sealFor(tenant, leaseId, node, payload)
  const keeper = options.keeper ?? process.env['DECLOUD_KEEPER']
  if (keeper === undefined) {
    await postOnChain(tenant, { leaseId, sealed, commitment: keccak256(payload) })
  } else await postToMailbox(keeper, leaseId, await signPost(tenant, { leaseId, node, sealed }))
  await kept.forget(leaseId)
  say(`node ${node} takes it; the manifest is ${keeper === undefined ? 'posted on chain' : `at ${keeper}`}`)
  return node
}

const SENT = 'What was sent may still be mined: `list` shows the lease if it was, and `close` ends it.'

const openAnywhere = async (tenant: Tenant, options: Options) => {
  if (options['max-price'] === undefined) throw usage('--any-node takes --max-price.')
  using broken = whenBrokenOff(say)
  broken.leaves(SENT)
  const lease = await openForAnyNode(
    tenant,
    {
      manifest: await manifestOf(options),
      resources: resourcesOf(options),
      maxPricePerHour: amount('max-price', options['max-price']),
      hours: whole('hours', options.hours, 1),
      ...(options.deposit === undefined ? {} : { deposit: amount('deposit', options.deposit) }),
      ...(options.region === undefined ? {} : { region: regionOf(options.region) }),
    },
    makeKeptManifests(options.state).keep,
  )
  broken.leaves(`The lease stays open: \`post ${lease.leaseId}\` goes on with it, \`close\` ends it.`)
  say(`lease ${lease.leaseId}`)
  say(`${formatUsdc(lease.terms.deposit)} USDC paid in`)
  if (options['no-wait']) return { leaseId: lease.leaseId, transaction: lease.transaction }
  return follow(tenant, lease.leaseId, await post(tenant, options, lease.leaseId))
}

const open = async (tenant: Tenant, options: Options) => {
  if (options['any-node']) return openAnywhere(tenant, options)
  const node = whole('node', options.node, 1)
  const request = {
    node,
    manifest: await manifestOf(options),
    hours: whole('hours', options.hours, 1),
    resources: resourcesOf(options),
    ...(options.deposit === undefined ? {} : { deposit: amount('deposit', options.deposit) }),
    ...(options['max-price'] === undefined
      ? {}
      : { maxPricePerHour: amount('max-price', options['max-price']) }),
  }
  say(`opening a lease on node ${node} …`)
  using broken = whenBrokenOff(say)
  broken.leaves(SENT)
  const lease = await openLease(tenant, request)
  say(`lease ${lease.leaseId}`)
  say(`${formatUsdc(lease.pricePerHour)} USDC an hour, ${formatUsdc(lease.terms.deposit)} USDC paid in`)
  if (options['no-wait']) return { leaseId: lease.leaseId, transaction: lease.transaction }
  return follow(tenant, lease.leaseId, node)
}

/** Shows what the node does until the guest is there. */
const follow = async (tenant: Tenant, leaseId: Hex, node: number) => {
  using broken = whenBrokenOff(say)
  broken.leaves(
    `The lease stays open, and is billed once its machine is ready: \`close ${leaseId}\` ends it.`,
  )
  const began = Date.now()
  const { startedAt, report } = await waitActive(tenant, leaseId, {
    endpoint: await endpointOf(tenant, node),
    onReport: ({ vm }) =>
      say(
        `${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${vm.phase}${vm.reason === null ? '' : `: ${vm.reason.message}`}`,
      ),
  })
  const ssh = report?.ssh ?? null
  if (ssh !== null) say(`\n  ${sshLine(ssh)}\n\nknown_hosts: ${knownHostsLine(ssh)}`)
  return { leaseId, startedAt, ssh }
}

const list = async (tenant: Tenant, all: boolean) => {
  const { address } = tenant.account
  const ids = await leaseIdsOf(tenant.chain, { tenant: address })
  const leases = await makeLens(tenant.chain).leases(ids, { tenant: address, live: !all })
  if (leases.length === 0)
    say(`${address} has no lease${all ? '' : ' that lives; --all shows those that ended'}`)
  return leases.map(({ leaseId, stage, lease, runsOutAt, refundable }) => {
    const { node, pricePerHour, deposited, settled } = lease
    const shown = { leaseId, stage: LEASE_STAGES[stage] ?? 'None', node, pricePerHour }
    say(
      `${leaseId} ${shown.stage}, node ${node}, ${formatUsdc(pricePerHour)} USDC an hour, ${formatUsdc(refundable)} USDC left`,
    )
    return { ...shown, deposited, settled, refundable, runsOutAt }
  })
}

const status = async (tenant: Tenant, leaseId: Hex) => {
  const lease = await readLease(tenant, leaseId)
  const endpoint = await endpointOf(tenant, lease.node)
  const report = endpoint === null ? null : await reportOf(tenant, endpoint, leaseId)
  say(
    `on chain: ${lease.status}; node ${lease.node}: ${report === null ? 'not reachable' : `${report.vm.status}, ${report.vm.phase}`}`,
  )
  if (report?.vm.reason) say(report.vm.reason.message)
  if (report?.ssh) say(sshLine(report.ssh))
  return { leaseId, status: lease.status, deposited: lease.deposited, settled: lease.settled, report }
}

const phaseLine = (began: number, { vm }: LeaseStatusReport) =>
  `${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${vm.status}, ${vm.phase}${vm.reason === null ? '' : `: ${vm.reason.message}`}`

const order = async (tenant: Tenant, options: Options, leaseId: Hex, action: OrderAction) => {
  if (action === 'Reinstall' && !options.yes) {
    throw usage('reinstall takes the disk out of use; say --yes if that is meant.')
  }
  const from = options.from === undefined ? null : leaseIdOption(options.from)
  if (from !== null && (action !== 'Restore' || options['on-chain'])) {
    throw usage('--from goes with a restore that is signed.')
  }
  const began = Date.now()
  const { transaction, report } = await giveOrder(tenant, {
    ...{ leaseId, action, from, onChain: options['on-chain'] },
    onReport: (report) => say(phaseLine(began, report)),
  })
  if (report.ssh !== null && report.vm.status === 'Running') say(sshLine(report.ssh))
  return { leaseId, action, transaction, report }
}

const close = async (tenant: Tenant, options: Options, leaseId: Hex) => {
  await readLease(tenant, leaseId)
  if (options.signed) await closeByNode(tenant, leaseId)
  else await closeLease(tenant, leaseId)
  const bill = await billOf(tenant, leaseId)
  say(`closed: billed ${formatUsdc(bill.bill)} USDC, refunded ${formatUsdc(bill.refund)} USDC`)
  return { leaseId, ...bill }
}

const ssh = async (tenant: Tenant, options: Options, leaseId: Hex, command: readonly string[]) => {
  if (options.json && command.length === 0) throw usage('With --json, ssh takes a command after --.')
  const ran = await logIn(tenant, leaseId, command, { capture: options.json })
  return { leaseId, ...ran }
}

const certificate = async (tenant: Tenant, options: Options, leaseId: Hex) => {
  if (options.key === undefined) throw usage('Give your public key with --key.')
  const entry = await getCertificate(tenant, leaseId, await readText(options.key))
  const path = certificatePath(options.key)
  await writeFile(path, `${entry.certificate}\n`)
  const until = new Date(entry.validBefore * 1_000).toLocaleTimeString()
  say(`${path}, good until ${until}\n\n  ${sshLine(entry.ssh)}\n\nknown_hosts: ${knownHostsLine(entry.ssh)}`)
  return { leaseId, path, ...entry }
}

const replaceManifest = async (tenant: Tenant, options: Options, leaseId: Hex) => {
  const payload = manifestPayload(await manifestOf(options), bytesToHex(randomBytes(32)))
  const { node } = await readLease(tenant, leaseId)
  const sealed = await sealFor(tenant, leaseId, node, bytesToHex(payload))
  const commitment = manifestCommitment(payload)
  const transaction = await postOnChain(tenant, { leaseId, sealed, commitment })
  say(`posted: node ${node} lets in whom it names`)
  return { leaseId, transaction, commitment }
}

const main = async (args: string[]): Promise<number> => {
  const { values, positionals } = parse(args)
  const [command, id, ...words] = positionals
  if (values.help || command === undefined) {
    process.stdout.write(HELP)
    return values.help ? 0 : 2
  }
  const orders = Object.fromEntries(
    ORDER_ACTIONS.map((action) => [
      action.toLowerCase(),
      (tenant: Tenant) => order(tenant, values, leaseIdOption(id), action),
    ]),
  )
  const commands = {
    open: (tenant: Tenant) => open(tenant, values),
    post: async (tenant: Tenant) => {
      const leaseId = leaseIdOption(id)
      return follow(tenant, leaseId, await post(tenant, values, leaseId))
    },
    list: (tenant: Tenant) => list(tenant, values.all),
    status: (tenant: Tenant) => status(tenant, leaseIdOption(id)),
    close: (tenant: Tenant) => close(tenant, values, leaseIdOption(id)),
    ssh: (tenant: Tenant) => ssh(tenant, values, leaseIdOption(id), words),
    certificate: (tenant: Tenant) => certificate(tenant, values, leaseIdOption(id)),
    manifest: (tenant: Tenant) => replaceManifest(tenant, values, leaseIdOption(id)),
    ...orders,
  }
  if (!Object.hasOwn(commands, command)) throw usage(`There is no command ${command}.`)
  if (command !== 'ssh' && words.length > 0) throw usage(`${command} takes no more words than a lease id.`)
  const tenant = await tenantOf(values)
  try {
    const result = await commands[command as keyof typeof commands](tenant)
    if (values.json) process.stdout.write(`${toJson(result)}\n`)
    return 'exitCode' in result ? result.exitCode : 0
  } finally {
    await tenant.close()
  }
}

let unwritten = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads has seen enough, as `head` has.
  if (error.code === 'EPIPE' || unwritten) return
  unwritten = true
  say(`The result cannot be written: ${error.message}.`)
  process.exitCode = 1
})

const args = process.argv.slice(2)
const code = await main(args).catch((error: unknown) => {
  if (args.includes('--json')) process.stdout.write(`${toJson(failureOf(error))}\n`)
  say(sentenceOf(error))
  return exitCodeOf(error)
})
process.exitCode = unwritten ? 1 : code
