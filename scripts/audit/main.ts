// `npm run audit`: are the contracts' figures what their logs add up to?
import { parseArgs } from 'node:util'
import { DecloudError, formatUsdc, sentenceOf } from '@decloud/protocol'
import { readDeployment } from '../deploy/record.ts'
import { type AuditResult, audit } from './audit.ts'
import type { Difference } from './books.ts'
import type { BlockTag } from './rpc.ts'

const HELP = `usage: npm run audit -- --rpc URL --deployment FILE [--from N] [--at BLOCK] [--json]

Rebuilds every balance, split, lease, node, grant, review and posted word from the logs alone, without a database, and
compares each with what the contracts hold at one block. Contracts around the escrow are read where FILE names them.

  --rpc URL          a JSON-RPC endpoint; one with old state when --at is an old block
  --deployment FILE  deployments/<chain id>.json
  --from N           first block to read; the deployment's own by default
  --at BLOCK         a number, latest (default), safe or finalized
  --json             the result as one JSON line on stdout
  --help             this text

Progress goes to stderr. Exit code: 0 when nothing differs, 1 when something does, 2 when the audit could not be done.`

type Options = { rpc: string; deployment: string; from?: bigint; at: BlockTag; json: boolean }

const numberOf = (name: string, text: string): bigint => {
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  throw new DecloudError('options', `--${name} ${text} is not a block number.`)
}

const optionsOf = (args: readonly string[]): Options | 'help' => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rpc: { type: 'string' },
      deployment: { type: 'string' },
      from: { type: 'string' },
      at: { type: 'string', default: 'latest' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const { rpc, deployment, from, at, json } = values
  if (!rpc || !deployment)
    throw new DecloudError('options', '--rpc and --deployment are needed.', { hint: HELP })
  return {
    rpc,
    deployment,
    json,
    at: at === 'latest' || at === 'safe' || at === 'finalized' ? at : numberOf('at', at),
    ...(from === undefined ? {} : { from: numberOf('from', from) }),
  }
}

const lineOf = ({ kind, subject, field, expected, found, transaction }: Difference) =>
  kind === 'storage'
    ? `${subject}: ${field} is ${found} in storage, ${expected} by the logs`
    : `${subject}: ${field} is ${found} in the logs, must be ${expected} (transaction ${transaction})`

const print = (result: AuditResult) => {
  for (const difference of result.differences) console.log(lineOf(difference))
  console.log(
    `block ${result.block}: ${result.leases} leases, ${result.accounts} accounts, ${result.nodes} nodes from ` +
      `${result.logs} logs; ${result.reads} figures read; the escrow owes ${formatUsdc(result.obligations)} USDC and ` +
      `was given ${formatUsdc(result.donated)} more`,
  )
  const count = result.differences.length
  console.log(count === 0 ? 'no difference' : count === 1 ? '1 difference' : `${count} differences`)
}

const toJson = (result: AuditResult) =>
  JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? value.toString() : value))

/** The last line stays; on a terminal each takes the place of the one before. */
const progress = (line: string) =>
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`)

const main = async (): Promise<number> => {
  const options = optionsOf(process.argv.slice(2))
  if (options === 'help') {
    console.log(HELP)
    return 0
  }
  const deployment = await readDeployment(options.deployment)
  const result = await audit({
    deployment,
    rpcUrl: options.rpc,
    at: options.at,
    ...(options.from === undefined ? {} : { from: options.from }),
    onProgress: progress,
  })
  if (process.stderr.isTTY) process.stderr.write('\n')
  if (options.json) console.log(toJson(result))
  else print(result)
  return result.differences.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(sentenceOf(error))
  process.exitCode = 2
}
