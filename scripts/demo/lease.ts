// The main job, as a tenant and an operator do it: lease, log in, close, settle, withdraw.
import { formatUsdc, leaseEscrowAbi, type Resources } from '@decloud/protocol'
import type { LeaseStatusReport } from '@decloud/protocol/wire/node'
import { erc20Abi, type Hex } from 'viem'
import { ROLES } from '../../test/world/market.ts'
import type { World } from '../../test/world/world.ts'
import { type Key, runInGuest } from '../lib/guest-shell.ts'
import type { Progress } from '../lib/progress.ts'
import { closeLease, makeTenant, openLease } from '../lib/tenant.ts'
import { type Bill, billOf, endpointOf, sshLine, waitActive } from '../lib/tenant-view.ts'
import { until } from '../lib/until.ts'

export type DemoResult = Bill & {
  leaseId: Hex
  secondsToReady: number
  withdrawn: bigint
  /** What the escrow still holds of this lease: 0. */
  left: bigint
  guestSaid: string | null
}

const RESOURCES: Resources = { vcpus: 2, tier: 1, bandwidth: 0, gpus: 0, memoryMiB: 1_024, diskGiB: 3 }
const HOLD_BACK = 3_600
/** Seconds: a bill of nothing would prove nothing. */
const LEAST_USE = 5
const TEARDOWN_DEADLINE_MS = 120_000

export const runLease = async (
  world: World,
  progress: Progress,
  shell: { directory: string; key: Key } | null,
): Promise<DemoResult> => {
  const tenant = await makeTenant({
    rpcUrls: [world.anvil.rpcUrl],
    deployment: world.deployment,
    account: world.anvil.account(ROLES.tenant),
  })
  try {
    const held = await usdcOf(world, world.deployment.leaseEscrow)
    const { node, operator } = world.nodes[0]!.registered
    const opened = await progress.step(
      'the tenant signs: USDC into the escrow, a sealed manifest in the event',
      () =>
        openLease(tenant, {
          node,
          resources: RESOURCES,
          hours: 2,
          holdBack: HOLD_BACK,
          manifest: {
            version: 1,
            image: 'debian-12',
            hostname: 'demo',
            sshKeys: shell === null ? [] : [shell.key.publicKey],
            passwordHash: null,
            variables: { DECLOUD_VM_NAME: 'demo' },
          },
        }),
    )
    const { leaseId } = opened
    progress.say(
      `  lease ${leaseId}\n  ${formatUsdc(opened.pricePerHour)} USDC an hour, ${formatUsdc(opened.terms.deposit)} paid in`,
    )

    const started = performance.now()
    const endpoint = await endpointOf(tenant, node)
    const active = await progress.step('the node boots the guest; billing begins when it is ready', (note) =>
      waitActive(tenant, leaseId, { endpoint, onReport: (report) => note(phaseOf(report)) }),
    )
    const secondsToReady = Math.round((performance.now() - started) / 100) / 10

    const guestSaid = await logIn(progress, active.report, shell)
    await progress.step('the guest runs, the meter counts seconds', () =>
      until(
        async () => (await world.anvil.client.getBlock()).timestamp >= BigInt(active.startedAt + LEAST_USE),
        30_000,
        'the chain has not moved on',
      ),
    )

    await progress.step('the tenant closes: the refund comes in the same transaction', () =>
      closeLease(tenant, leaseId),
    )
    const bill = await billOf(tenant, leaseId)
    await progress.step('the end is final: the node removes the guest and sets its disk aside', () =>
      until(
        () => world.nodes[0]!.agent().vm(leaseId)?.status === 'Deleted',
        TEARDOWN_DEADLINE_MS,
        'the guest is still there',
      ),
    )
    const withdrawn = await progress.step(
      'past the hold-back the keeper settles, and the operator withdraws',
      () => settleAndWithdraw(world, node, operator),
    )
    const left = (await usdcOf(world, world.deployment.leaseEscrow)) - held
    return { ...bill, leaseId, secondsToReady, withdrawn, left, guestSaid }
  } finally {
    await tenant.close()
  }
}

const phaseOf = ({ vm, readiness }: LeaseStatusReport): string =>
  vm.reason?.message ?? readiness.find((check) => check.state === 'Checking')?.message ?? vm.phase

const logIn = async (
  progress: Progress,
  report: LeaseStatusReport | null,
  shell: { directory: string; key: Key } | null,
): Promise<string | null> => {
  if (shell === null || report?.ssh == null) return null
  const { ssh } = report
  const said = await progress.step(`the tenant logs in: ${sshLine(ssh)}`, () =>
    runInGuest(
      shell.directory,
      shell.key,
      ssh,
      'echo "$(whoami)@$(hostname): $(uname -sr), $(nproc) vCPU, up $(cut -d" " -f1 /proc/uptime) s"',
    ),
  )
  progress.say(`  ${said}`)
  return said
}

/** The chain's clock is moved: nobody waits an hour for a demo. */
const settleAndWithdraw = async (world: World, node: number, operator: number): Promise<bigint> => {
  const { anvil, deployment, keeper } = world
  await anvil.moveTime(HOLD_BACK + 1)
  await keeper.synced({ height: await anvil.client.getBlockNumber() })
  await keeper.upkeep()
  const payee = anvil.account(operator).address
  const escrow = { address: deployment.leaseEscrow, abi: leaseEscrowAbi } as const
  const earned = await anvil.client.readContract({ ...escrow, functionName: 'earnedOf', args: [node] })
  const before = await usdcOf(world, payee)
  const hash = await anvil
    .wallet(operator)
    .writeContract({ ...escrow, functionName: 'withdrawEarned', args: [node, payee, earned] })
  await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  return (await usdcOf(world, payee)) - before
}

const usdcOf = ({ anvil, deployment }: World, account: Hex): Promise<bigint> =>
  anvil.client.readContract({
    address: deployment.usdc,
    abi: erc20Abi,
    functionName: 'balanceOf',
    args: [account],
  })
