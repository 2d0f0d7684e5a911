// `npm run deploy`: puts the contracts on a chain with Ignition, writes down where, and looks at what it did.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DecloudError, type Deployment, deploymentSchema, sentenceOf } from '@decloud/protocol'
import hre from 'hardhat'
import { type Address, getAddress, type PublicClient } from 'viem'
import { makeDeCloud } from '../../ignition/modules/decloud.ts'
import { inspect } from './inspect.ts'
import { firstBlockOf, mendJournal } from './journal.ts'
import { writeDeployment } from './record.ts'
import { printFindings } from './report.ts'
import { localRoles, ROLES_SHAPE, type Roles, readRoles } from './roles.ts'
import { publishSources } from './sources.ts'
import { settleUnsent } from './unsent.ts'
import { findUsdc } from './usdc.ts'

const NETWORKS = ['local', 'amoy', 'polygon'] as const
const CONFIRMATIONS = { local: 1, amoy: 5, polygon: 16 } as const

const HELP = `usage: npm run deploy -- --network local|amoy|polygon [--roles FILE] [--out DIR]

Deploys timelock, policy, registry, escrow and what stands around it, fills the roles, writes deployments/<chain id>.json,
publishes the sources where an explorer's key is configured, and checks the result. What was begun and interrupted is gone on with: run it again.

  --network NAME   local: the chain at LOCAL_RPC_URL (http://127.0.0.1:8545), with a USDC of its own
                   amoy, polygon: AMOY_RPC_URL and AMOY_DEPLOYER_KEY, POLYGON_RPC_URL and POLYGON_DEPLOYER_KEY,
                   from the environment or from \`hardhat keystore set NAME\`
  --roles FILE     who holds which role; needed but on local, whose first accounts hold them. A JSON file:
${ROLES_SHAPE.replace(/^/gm, '                   ')}
  --out DIR        where the deployment is written; deployments by default
  --help           this text

ETHERSCAN_API_KEY publishes the sources. Journals are kept in ignition/deployments (IGNITION_DIR moves them): commit
those of public chains, they are what an interrupted deployment goes on from.
 Exit code: 0 when all is as it has to be, 1 when the check finds something,
2 when nothing or not everything was deployed.`

type Network = (typeof NETWORKS)[number]
type Options = { network: Network; roles?: string; out: string }

const optionsOf = (args: readonly string[]): Options | 'help' => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      network: { type: 'string' },
      roles: { type: 'string' },
      out: { type: 'string', default: 'deployments' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const network = NETWORKS.find((name) => name === values.network)
  if (network === undefined) throw new DecloudError('options', 'Which network?', { hint: HELP })
  return { network, out: values.out, ...(values.roles === undefined ? {} : { roles: values.roles }) }
}

const rolesFor = async ({ network, roles }: Options, accounts: readonly Address[]): Promise<Roles> => {
  if (roles === undefined) {
    if (network === 'local') return localRoles(accounts)
    throw new DecloudError('options', `--roles is needed on ${network}.`, { hint: HELP })
  }
  const read = await readRoles(roles)
  const hot = accounts.find((account) => [...read.proposers, read.platformPayee].includes(account))
  if (network === 'polygon' && hot !== undefined) {
    throw new DecloudError('roles-hot', `The deployer ${hot} would govern or be paid by real money.`, {
      hint: 'Give these roles to accounts whose keys are on no server.',
    })
  }
  return read
}

/** A chain on one's own machine begins anew each time, and so does its journal. */
const deploymentIdOf = async (client: PublicClient, network: Network, chainId: number): Promise<string> => {
  if (network !== 'local') return `chain-${chainId}`
  const { hash } = await client.getBlock({ blockNumber: 0n })
  return `chain-${chainId}-${hash.slice(2, 10)}`
}

type Contracts = Readonly<Partial<Record<string, { address: string }>>>

const addressIn = (contracts: Contracts, name: string): Address => {
  const contract = contracts[name]
  if (contract !== undefined) return getAddress(contract.address)
  throw new DecloudError('contract-missing', `Ignition did not say where ${name} is.`)
}

/** Ignition's names of the contracts are those of the deployment file. */
const deploymentOf = (
  contracts: Contracts,
  { chainId, usdc, fromBlock }: { chainId: number; usdc: Address | undefined; fromBlock: number },
): Deployment => {
  const { chainId: _, usdc: __, fromBlock: ___, ...named } = deploymentSchema.shape
  const addresses = Object.keys(named).map((name) => [name, addressIn(contracts, name)])
  return deploymentSchema.parse({
    chainId,
    usdc: usdc ?? addressIn(contracts, 'usdc'),
    ...Object.fromEntries(addresses),
    fromBlock,
  })
}

const publish = async (network: Network, deploymentId: string, deployment: Deployment): Promise<void> => {
  if (network === 'local') return
  try {
    await hre.config.verify.etherscan.apiKey.get()
  } catch {
    // The variable is set nowhere: that is how one says no.
    console.log('sources: not published, ETHERSCAN_API_KEY is not set')
    return
  }
  console.log('sources:')
  await publishSources(network, deploymentId, deployment)
}

const deploy = async (options: Options): Promise<number> => {
  const { network } = options
  const connection = await hre.network.create(network)
  try {
    const client = (await connection.viem.getPublicClient()) as PublicClient
    const wallets = await connection.viem.getWalletClients()
    const accounts = wallets.map(({ account }) => getAddress(account.address))
    const [deployer] = accounts
    if (deployer === undefined)
      throw new DecloudError('deployer-missing', `There is no account on ${network}.`)
    const chainId = await client.getChainId()
    const roles = await rolesFor(options, accounts)
    if ((await client.getBalance({ address: deployer })) === 0n) {
      throw new DecloudError('deployer-poor', `The deployer ${deployer} has nothing to pay gas with.`, {
        hint: `Send it some of the coin of chain ${chainId}.`,
      })
    }
    const deploymentId = await deploymentIdOf(client, network, chainId)
    const journal = join(hre.config.paths.ignition, 'deployments', deploymentId)
    console.log(`chain ${chainId}, deployer ${deployer}, journal ${journal}`)
    const usdc = network === 'local' ? undefined : await findUsdc(client, chainId)
    await mendJournal(journal)
    await settleUnsent(client, { network, deployer, deploymentId, journal })
    const contracts: Contracts = await connection.ignition.deploy(makeDeCloud({ ...roles, usdc, deployer }), {
      deploymentId,
      config: { requiredConfirmations: CONFIRMATIONS[network] },
      displayUi: process.stdout.isTTY,
    })
    const deployment = deploymentOf(contracts, { chainId, usdc, fromBlock: await firstBlockOf(journal) })
    await mkdir(options.out, { recursive: true })
    const file = join(options.out, `${chainId}.json`)
    await writeDeployment(file, deployment)
    console.log(`written to ${file}`)
    await publish(network, deploymentId, deployment)
    const findings = await inspect({ client, deployment, roles })
    printFindings(findings)
    return findings.every(({ ok }) => ok) ? 0 : 1
  } finally {
    await connection.close()
  }
}

try {
  const options = optionsOf(process.argv.slice(2))
  if (options === 'help') console.log(HELP)
  else process.exitCode = await deploy(options)
} catch (error) {
  console.error(sentenceOf(error))
  process.exitCode = 2
}
