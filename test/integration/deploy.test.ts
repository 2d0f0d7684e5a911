// The real deployment with Ignition on a chain of its own, killed in the middle, gone on with, and looked at.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  downtimeQuorumAbi,
  leaseDeskAbi,
  mockUSDCAbi,
  pricePolicyAbi,
  USDC_ADDRESSES,
} from '@decloud/protocol'
import {
  type Address,
  bytesToHex,
  encodeDeployData,
  encodeFunctionData,
  getAddress,
  type Hex,
  parseAbi,
  toHex,
  zeroAddress,
  zeroHash,
} from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audit } from '../../scripts/audit/audit.ts'
import { readDeployment, writeDeployment } from '../../scripts/deploy/record.ts'
import { createdByEscrow } from '../../scripts/deploy/sources.ts'
import { findUsdc } from '../../scripts/deploy/usdc.ts'
import { deployMockUsdc, deployProtocol } from '../../scripts/lib/deploy.ts'
import { type Anvil, LOCAL_CHAIN_ID, startAnvil } from '../world/anvil.ts'

type Ended = { code: number | null; out: string; err: string }

let anvil: Anvil
let directory: string
let file: string

const start = (
  script: string,
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; ended: Promise<Ended> } => {
  const child = spawn(process.execPath, [`scripts/deploy/${script}.ts`, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LOCAL_RPC_URL: anvil.rpcUrl, IGNITION_DIR: directory, ...env },
  })
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.err += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...text }))
  return { child, ended }
}
const run = (script: string, ...args: string[]) => start(script, args).ended
const countOf = (blockTag: 'latest' | 'pending') =>
  anvil.client.getTransactionCount({ address: anvil.account(0).address, blockTag })
const sent = () => countOf('latest')
const pending = () => countOf('pending')

/** How many transactions Ignition knows to have sent on this chain. */
const journalled = async () => (await journalText()).split('"type":"TRANSACTION_SEND"').length - 1

const journalPath = async () => {
  const { hash } = await anvil.client.getBlock({ blockNumber: 0n })
  return join(directory, 'deployments', `chain-${LOCAL_CHAIN_ID}-${hash.slice(2, 10)}`, 'journal.jsonl')
}
const addressesPath = (journal: string) => join(dirname(journal), 'deployed_addresses.json')
const journalText = async () => readFile(await journalPath(), 'utf8')

/** Cuts the journal before its last sending. */
const forgetLastSend = async () => {
  const lines = (await journalText()).split('\n')
  const last = lines.findLastIndex((line) => line.includes('"type":"TRANSACTION_SEND"'))
  await writeFile(await journalPath(), `${lines.slice(0, last).join('\n')}\n`)
}

beforeAll(async () => {
  anvil = await startAnvil()
  directory = await mkdtemp(join(tmpdir(), 'decloud-deploy-'))
  file = join(directory, `${LOCAL_CHAIN_ID}.json`)
})
afterAll(async () => {
  await anvil?.stop()
  if (directory) await rm(directory, { recursive: true, force: true })
})

describe('a deployment', { timeout: 400_000 }, () => {
  /** Ends a deployment on the spot, once `isSo`. */
  const killOnce = async (isSo: () => Promise<boolean>) => {
    const { child, ended } = start('main', ['--network', 'local', '--out', directory])
    const deadline = Date.now() + 120_000
    while (!(await isSo()) && Date.now() < deadline && child.exitCode === null) await delay(10)
    child.kill('SIGKILL')
    const killed = await ended
    expect(await isSo(), killed.err).toBe(true)
    // What it had handed to the chain may still be on its way.
    for (let before = -1; before !== (await pending()); await delay(500)) before = await pending()
  }

  it('is gone on with after kill -9, and deploys nothing twice', async () => {
    await killOnce(async () => (await sent()) >= 3)
    // Killed in the instant after a transaction was sent and before the journal could say so: if it was not, it is now.
    if ((await sent()) === (await journalled())) await forgetLastSend()
    expect((await sent()) - (await journalled())).toBe(1)

    // Killed in the instant before a transaction is sent: the chain never saw it.
    await anvil.client.setAutomine(false)
    let mined = 0
    await killOnce(async () => {
      // Only as many as are waited for, so that the last stays in the pool.
      if ((await sent()) < 7 && (await pending()) > (await sent())) await anvil.client.mine({ blocks: 1 })
      mined = await sent()
      return mined >= 7 && (await pending()) > mined
    })
    await anvil.client.request({ method: 'anvil_dropAllTransactions' as never })
    await anvil.client.setAutomine(true)
    expect(await pending()).toBe(mined)
    while ((await journalled()) > mined) await forgetLastSend()
    expect(await journalled()).toBe(mined)
    expect(await journalText()).toContain(`"nonce":${mined},"type":"TRANSACTION_PREPARE_SEND"`)
    // And the power was cut while it wrote its next line, and the list of addresses.
    await appendFile(await journalPath(), '\n{"futureId":"DeCloud#')
    await truncate(addressesPath(await journalPath()), 40)

    const resumed = await run('main', '--network', 'local', '--out', directory)
    expect(resumed.code, resumed.out + resumed.err).toBe(0)
    expect(resumed.out).toContain('was not sent before the interruption')
    expect(resumed.out).toContain('nothing unexpected')
    // Implementation and proxy of the token, the timelock, three of the core, six around it, two to fill the roles.
    expect(await sent()).toBe(15)

    const deployment = await readDeployment(file)
    const listed = Object.values(JSON.parse(await readFile(addressesPath(await journalPath()), 'utf8')))
    const { chainId: _, fromBlock: __, ...contracts } = deployment
    expect(listed).toEqual(expect.arrayContaining(Object.values(contracts)))

    const again = await run('main', '--network', 'local', '--out', directory)
    expect(again.code, again.err).toBe(0)
    expect(await sent()).toBe(15)
    expect(await readDeployment(file)).toEqual(deployment)
    const first = await anvil.client.getBlock({
      blockNumber: BigInt(deployment.fromBlock),
      includeTransactions: true,
    })
    expect(first.transactions).toMatchObject([{ nonce: 0 }])
  })

  it('publishes the sources of every contract, those that the escrow created too', async () => {
    const deployment = await readDeployment(file)
    const lines = (await journalText()).split('\n').filter((line) => line !== '')
    const deployed = lines
      .map((line) => JSON.parse(line) as { type: string; result?: { address?: string } })
      .filter(({ type }) => type === 'DEPLOYMENT_EXECUTION_STATE_COMPLETE')
      .map(({ result }) => result?.address)
    const { chainId: _, fromBlock: __, ...contracts } = deployment
    const created = createdByEscrow(deployment)
    const published = [...deployed, ...created.map(({ address }) => address)]
    expect(published).toEqual(expect.arrayContaining(Object.values(contracts)))
    const { leaseDesk, downtimeQuorum } = deployment
    const withFigures = created.filter(({ constructorArgs }) => constructorArgs.length > 0)
    expect(withFigures.map(({ address }) => address)).toEqual([leaseDesk, downtimeQuorum])
    for (const { address, source, constructorArgs } of withFigures) {
      const [path, contract] = source.split(':')
      const artifact = JSON.parse(await readFile(`build/hardhat/artifacts/${path}/${contract}.json`, 'utf8'))
      const data = encodeDeployData({ ...artifact, args: constructorArgs })
      // Created anew by the same hand it is the same code.
      const anew = await anvil.client.call({ account: deployment.leaseEscrow, data })
      expect(anew.data === (await anvil.client.getCode({ address: address as Address })), contract).toBe(true)
    }
  })

  it('is in the hands of the timelock alone', async () => {
    const deployment = await readDeployment(file)
    const owner = await anvil.client.readContract({
      address: deployment.pricePolicy,
      abi: pricePolicyAbi,
      functionName: 'owner',
    })
    expect(owner).toBe(deployment.timelock)
    const delayOf = await anvil.client.readContract({
      address: owner,
      abi: parseAbi(['function getMinDelay() view returns (uint256)']),
      functionName: 'getMinDelay',
    })
    expect(delayOf).toBe(172_800n)
  })

  it('stands up to its audit', async () => {
    const deployment = await readDeployment(file)
    const options = { rpcUrl: anvil.rpcUrl, at: 'latest' as const, onProgress: () => {} }
    const { differences, logs } = await audit({ deployment, ...options })
    expect(differences).toEqual([])
    expect(logs).toBeGreaterThan(3)
  })
})

describe('the check', { timeout: 180_000 }, () => {
  const check = (...args: string[]) => run('check', '--deployment', file, '--rpc', anvil.rpcUrl, ...args)
  const unexpected = async (...args: string[]) => {
    const { code, out, err } = await check('--json', ...args)
    expect(code, err).toBe(1)
    const { findings } = JSON.parse(out) as { findings: { topic: string; what: string; ok: boolean }[] }
    return findings.filter(({ ok }) => !ok).map(({ topic, what }) => `${topic}: ${what}`)
  }
  const kept = async (work: () => Promise<void>) => {
    const id = await anvil.client.snapshot()
    try {
      await work()
    } finally {
      await anvil.client.revert({ id })
    }
  }

  it('finds nothing in what was just deployed, and says who can do what', async () => {
    const { code, out, err } = await check()
    expect(code, out + err).toBe(0)
    for (const text of ['USDC, 6', 'our code', '172800', '604800', 'may announce', "platform's payee"]) {
      expect(out).toContain(text)
    }
  })

  it('names roles that are held by others than those who were to hold them', async () => {
    const other = getAddress(toHex(0xbeef, { size: 20 }))
    const attesters = [1, 2, 3].map((nth) => getAddress(toHex(nth, { size: 20 })))
    const people = { platformPayee: other, guardian: other, scheduler: other, attesters, quorum: 3 }
    const roles = { proposers: [other], executors: [zeroAddress], ...people }
    const path = join(directory, 'roles.json')
    await writeFile(path, JSON.stringify({ ...roles, minimumStake: '5' }))
    expect(await unexpected('--roles', path)).toEqual([
      'timelock: may announce',
      'timelock: may carry out (0x0: anybody)',
      'timelock: may cancel',
      "escrow: platform's payee",
      'desk: guardian (may pause)',
      'desk: scheduler (places requests)',
      'quorum: attesters',
      'quorum: so many credit downtime',
      'reputation: attesters',
      'premiumStake: minimum, USDC',
    ])
  })

  it('names code that is not ours, an owner that nobody waits for, and an announced move', async () => {
    const deployment = await readDeployment(file)
    await kept(async () => {
      const bytecode = (await anvil.client.getCode({ address: deployment.nodeRegistry })) as Hex
      // One byte of the code, well before the metadata.
      const flipped =
        `${bytecode.slice(0, 402)}${bytecode.slice(402, 404) === '00' ? '01' : '00'}${bytecode.slice(404)}` as Hex
      await anvil.client.setCode({ address: deployment.nodeRegistry, bytecode: flipped })
      expect(await unexpected()).toEqual(['code: nodeRegistry'])
    })
    await kept(async () => {
      const from = deployment.timelock!
      await anvil.client.impersonateAccount({ address: from })
      await anvil.client.setBalance({ address: from, value: 10n ** 18n })
      const asOwner = async (to: Address, data: Hex) => {
        const params = [{ from, to, data }] as never
        const hash: Hex = await anvil.client.request({ method: 'eth_sendTransaction' as never, params })
        await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
      }
      const pointers = [deployment.nodeRegistry, deployment.pricePolicy] as const
      const announce = { abi: leaseDeskAbi, functionName: 'announcePointers', args: pointers } as const
      await asOwner(deployment.leaseDesk, encodeFunctionData(announce))
      const args = [anvil.account(0).address] as const
      const hand = { abi: pricePolicyAbi, functionName: 'transferOwnership', args } as const
      await asOwner(deployment.pricePolicy, encodeFunctionData(hand))
      expect(await unexpected()).toEqual([
        'desk: registry announced',
        'desk: policy announced',
        'policy: owner proposed',
      ])
    })
  })

  it('names what was announced to the timelock and waits', async () => {
    const { timelock, leaseDesk } = await readDeployment(file)
    await kept(async () => {
      const args = [leaseDesk, 0n, '0x', zeroHash, zeroHash, 172_800n] as const
      const hash = await anvil.wallet(0).writeContract({
        address: timelock!,
        abi: parseAbi(['function schedule(address, uint256, bytes, bytes32, bytes32, uint256)']),
        functionName: 'schedule',
        args,
      })
      await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
      expect(await unexpected()).toEqual(['timelock: announced and not carried out'])
    })
  })

  it('names a pause, a scheduler that is another, and attesters that are others', async () => {
    const { timelock, leaseDesk, downtimeQuorum } = await readDeployment(file)
    const roles = join(directory, 'local-roles.json')
    const [first, guardian, scheduler, ...attesters] = [0, 1, 2, 3, 4, 5].map(
      (index) => anvil.account(index).address,
    )
    const people = { platformPayee: first, guardian, scheduler, attesters, quorum: 2 }
    const wanted = { proposers: [first], executors: [first], ...people, minimumStake: '1000000000' }
    await writeFile(roles, JSON.stringify(wanted))
    expect((await check('--roles', roles)).code).toBe(0)
    await kept(async () => {
      const paused = { address: leaseDesk, abi: leaseDeskAbi, functionName: 'pause' } as const
      const hash = await anvil.wallet(1).writeContract(paused)
      await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
      await anvil.client.impersonateAccount({ address: timelock! })
      await anvil.client.setBalance({ address: timelock!, value: 10n ** 18n })
      const other = anvil.account(9).address
      const calls = [
        [leaseDesk, encodeFunctionData({ abi: leaseDeskAbi, functionName: 'setScheduler', args: [other] })],
        [
          downtimeQuorum,
          encodeFunctionData({
            abi: downtimeQuorumAbi,
            functionName: 'setAttesters',
            args: [[other, ...attesters], 3n],
          }),
        ],
      ] as const
      for (const [to, data] of calls) {
        const params = [{ from: timelock!, to, data }] as never
        const sentAs: Hex = await anvil.client.request({ method: 'eth_sendTransaction' as never, params })
        await anvil.client.waitForTransactionReceipt({ hash: sentAs, timeout: 20_000 })
      }
      expect(await unexpected('--roles', roles)).toEqual([
        'desk: scheduler (places requests)',
        'desk: paused until',
        'quorum: attesters',
        'quorum: so many credit downtime',
      ])
    })
  })

  it('does not take a deployment without a timelock for one', async () => {
    const deployer = { wallet: anvil.wallet(0), reader: anvil.client }
    const owner = anvil.account(0).address
    const usdc = await deployMockUsdc(deployer)
    const bare = join(directory, 'bare.json')
    await writeDeployment(bare, await deployProtocol(deployer, { usdc, owner, platformPayee: owner }))
    const { code, out } = await run('check', '--deployment', bare, '--rpc', anvil.rpcUrl)
    expect(code).toBe(1)
    expect(out).toMatch(/timelock\n {2}! address +none {3}UNEXPECTED/)
  })
})

describe('a deployment that must not be', { timeout: 60_000 }, () => {
  it('says what is missing, and writes nothing', async () => {
    const before = await sent()
    const empty = join(directory, 'empty')
    const cases: [string[], RegExp][] = [
      [['--network', 'mainnet'], /Which network/],
      [['--network', 'local', '--roles', join(directory, 'absent.json')], /cannot be read/],
      [['--network', 'amoy'], /AMOY_RPC_URL/],
    ]
    for (const [args, sentence] of cases) {
      const { code, err } = await run('main', ...args, '--out', empty)
      expect(code).toBe(2)
      expect(err).toMatch(sentence)
    }
    expect(await sent()).toBe(before)
    await expect(readdir(empty)).rejects.toThrow()
  })

  it('refuses a token that is not USDC where USDC has to be', async () => {
    await expect(findUsdc(anvil.client, 137)).rejects.toMatchObject({ code: 'usdc-missing' })
    await expect(findUsdc(anvil.client, 1)).rejects.toMatchObject({ code: 'usdc-unknown' })
  })
})

describe('a deployment to a public chain', { timeout: 180_000 }, () => {
  const AMOY = 80_002
  // Of ERC-1967.
  const IMPLEMENTATION = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc'
  const DEPLOYER = 7
  const account = (nth: number) => getAddress(toHex(0xa000 + nth, { size: 20 }))
  const roles = {
    proposers: [account(1), account(2)],
    executors: [zeroAddress],
    platformPayee: account(3),
    guardian: account(6),
    scheduler: account(7),
    attesters: [account(4), account(8), account(9)],
    quorum: 2,
    minimumStake: '1000000000',
  }
  const path = () => join(directory, 'amoy-roles.json')
  const env = () => {
    const { privateKey } = anvil.account(DEPLOYER).getHdKey()
    return { AMOY_RPC_URL: anvil.rpcUrl, AMOY_DEPLOYER_KEY: bytesToHex(privateKey!) }
  }
  const onAmoy = async () => {
    const { ended } = start('main', ['--network', 'amoy', '--roles', path(), '--out', directory], env())
    let over = false
    const done = ended.finally(() => {
      over = true
    })
    // Blocks come whether there are transactions or not, as on the real one: confirmations wait for them.
    while (!over) {
      await anvil.client.mine({ blocks: 1 })
      await Promise.race([done, delay(100)])
    }
    return done
  }

  beforeAll(async () => {
    await writeFile(path(), JSON.stringify(roles))
    await anvil.client.request({ method: 'anvil_setChainId' as never, params: [AMOY] as never })
  })

  it("sends nothing before Circle's token is there, and is USDC", async () => {
    const deployer = anvil.account(DEPLOYER).address
    const { code, err } = await onAmoy()
    expect(code).toBe(2)
    expect(err).toContain('There is no USDC at')
    expect(await anvil.client.getTransactionCount({ address: deployer })).toBe(0)
  })

  it('gives every role to whom the file says and none to the deployer', async () => {
    const usdc = USDC_ADDRESSES[AMOY]!
    const local = await readDeployment(file)
    const bytecode = await anvil.client.getCode({ address: local.usdc })
    await anvil.client.setCode({ address: usdc, bytecode: bytecode! })
    const implementation = await anvil.client.getStorageAt({ address: local.usdc, slot: IMPLEMENTATION })
    await anvil.client.setStorageAt({ address: usdc, index: IMPLEMENTATION, value: implementation! })
    const from = account(5)
    await anvil.client.impersonateAccount({ address: from })
    await anvil.client.setBalance({ address: from, value: 10n ** 18n })
    const data = encodeFunctionData({ abi: mockUSDCAbi, functionName: 'initialize', args: [from] })
    const params = [{ from, to: usdc, data }] as never
    const hash: Hex = await anvil.client.request({ method: 'eth_sendTransaction' as never, params })
    await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    const { code, out, err } = await onAmoy()
    expect(code, out + err).toBe(0)
    expect(out).toContain('ETHERSCAN_API_KEY is not set')
    const written = await readDeployment(join(directory, `${AMOY}.json`))
    expect(written).toMatchObject({ chainId: AMOY, usdc })
    for (const address of [account(1), account(2), account(3)]) expect(out).toContain(address)
    expect(out.split(getAddress(anvil.account(DEPLOYER).address))).toHaveLength(2)
  })
})
