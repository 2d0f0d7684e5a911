// `npm run deploy:check`: reads the chain and says who can do what.
import { parseArgs } from 'node:util'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { createPublicClient, http } from 'viem'
import { inspect } from './inspect.ts'
import { readDeployment } from './record.ts'
import { printFindings } from './report.ts'
import { ROLES_SHAPE, readRoles } from './roles.ts'

const HELP = `usage: npm run deploy:check -- --deployment FILE --rpc URL [--roles FILE] [--json]

Reads a deployment off its chain: whose code it is, who owns what, how long they wait, where the pointers point, which
caps and parameters hold. Compiled contracts are compared with those of this tree: run \`npx hardhat build\` before.

  --deployment FILE  deployments/<chain id>.json
  --rpc URL          a JSON-RPC endpoint
  --roles FILE       who is to hold which role; without it roles are named and not judged. A JSON file:
${ROLES_SHAPE.replace(/^/gm, '                     ')}
  --json             one JSON line on stdout
  --help             this text

Exit code: 0 when nothing is unexpected, 1 when something is, 2 when it could not be looked at.`

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      deployment: { type: 'string' },
      rpc: { type: 'string' },
      roles: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  if (!values.deployment || !values.rpc) {
    throw new DecloudError('options', '--deployment and --rpc are needed.', { hint: HELP })
  }
  const deployment = await readDeployment(values.deployment)
  const client = createPublicClient({ transport: http(values.rpc, { timeout: 30_000, retryCount: 3 }) })
  const chainId = await client.getChainId()
  if (chainId !== deployment.chainId) {
    throw new DecloudError(
      'chain-wrong',
      `The RPC is on chain ${chainId}, the deployment on ${deployment.chainId}.`,
    )
  }
  const roles = values.roles === undefined ? undefined : await readRoles(values.roles)
  const findings = await inspect({ client, deployment, ...(roles && { roles }) })
  if (values.json) console.log(JSON.stringify({ chainId, findings }))
  else printFindings(findings)
  return findings.every(({ ok }) => ok) ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(sentenceOf(error))
  process.exitCode = 2
}
