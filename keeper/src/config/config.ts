// Raw values → a configuration that is complete and checked, safe to log but for the keys marked secret.
import { deploymentSchema } from '@decloud/protocol'
import {
  ConfigError,
  type ConfigIssue,
  fieldsOf,
  issuesOf,
  readJson,
  seconds,
  usdc,
} from '@decloud/service/config'
import { z } from 'zod'
import { alertsSection } from './alerts.ts'
import { apiSection } from './api.ts'
import { environmentName } from './env.ts'
import { gossipSection } from './gossip.ts'
import { mailboxSection } from './mailbox.ts'
import { drainSection, healthSection, metricsSection } from './operations.ts'
import { payoutsSection } from './payouts.ts'
import { schedulerSection } from './scheduler.ts'
import { sponsorSection } from './sponsor.ts'
import { upkeepSection } from './upkeep.ts'

const schema = z.strictObject({
  rpcUrls: z
    .array(z.url({ protocol: /^https?$/, error: 'must be http(s) URLs' }))
    .min(1)
    .meta({ description: 'JSON-RPC endpoints, in order of preference; several are compared', secret: true }),
  deployment: deploymentSchema.describe('the contracts: a deployment file, or in a file the object itself'),
  dataDir: z.string().min(1).describe('folder of the databases; one keeper each'),
  pollMs: z.coerce
    .number()
    .int()
    .min(5)
    .max(60_000)
    .optional()
    .describe(
      'milliseconds between looks for a new block; when not given 1000, 250 for RPCs on this machine, 15 on a development chain there',
    ),
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('where the API listens; loopback, with a proxy in front to serve the world'),
  port: z.coerce.number().int().min(0).max(65_535).default(8_470).describe('0 takes any free port'),
  settleEverySeconds: seconds.default(60).describe('time between rounds of chores'),
  minSettleUsdc: usdc
    .default(50_000n)
    .describe('settle a running lease once this much USDC has vested since the last time'),
  batchSize: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(50)
    .describe('leases settled in one transaction'),
  auditEverySeconds: seconds.default(300).describe('time between comparisons with contract storage'),
  logLevel: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
    .default('info')
    .describe('the least that is logged, one JSON line each, to stdout'),
  api: apiSection,
  scheduler: schedulerSection,
  upkeep: upkeepSection,
  payouts: payoutsSection,
  sponsor: sponsorSection,
  mailbox: mailboxSection,
  gossip: gossipSection,
  alerts: alertsSection,
  metrics: metricsSection,
  drain: drainSection,
  health: healthSection,
})
export type KeeperConfig = z.output<typeof schema>
export type KeeperConfigInput = z.input<typeof schema>

/** Every key there is, in the order of the schema. */
export const FIELDS = fieldsOf(schema, environmentName, { deployment: 'the path of a deployment file' })

const NONE: ReadonlySet<string> = new Set()

/**
 * @param raw keys as in the schema; `deployment` may be the path of a deployment file.
 * @param options `found`: errors of whoever read the raw values; all are said together. `fromEnvironment`: keys that
 *   came from there.
 * @throws ConfigError naming every error at once.
 */
export const parseConfig = (
  raw: Readonly<Record<string, unknown>>,
  options: { found?: readonly ConfigIssue[]; fromEnvironment?: ReadonlySet<string> } = {},
): KeeperConfig => {
  const issues: ConfigIssue[] = [...(options.found ?? [])]
  const before = issues.length
  const named = raw['deployment']
  const deployment = typeof named === 'string' ? readJson(named, 'deployment', issues) : named
  const unreadable = issues.length > before
  const given = { ...raw, deployment }
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const context = { fields: FIELDS, fromEnvironment: options.fromEnvironment ?? NONE }
    for (const issue of issuesOf(parsed.error.issues, given, context)) {
      // A deployment file that could not be read has been named already.
      if (issue.at !== 'deployment' || !unreadable) issues.push(issue)
    }
  }
  if (!parsed.success || issues.length > 0) throw new ConfigError(issues)
  return parsed.data
}
