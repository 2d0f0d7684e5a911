// Raw values → a configuration that is complete and checked, safe to log.
import { readFileSync } from 'node:fs'
import { DecloudError, deploymentSchema } from '@decloud/protocol'
import { z } from 'zod'
import { apiSection } from './api.ts'
import { seconds, usdc } from './fields.ts'
import { upkeepSection } from './upkeep.ts'

const schema = z.strictObject({
  rpcUrls: z.array(z.url({ protocol: /^https?$/, error: 'must be http(s) URLs' })).min(1),
  deployment: deploymentSchema,
  /** Where the database is kept. */
  dataDir: z.string().min(1),
  /** Loopback unless said otherwise: put a proxy in front to serve the world. */
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes any free port. */
  port: z.coerce.number().int().min(0).max(65_535).default(8_470),
  api: apiSection,
  settleEverySeconds: seconds.default(60),
  /** Settle a running lease once this much has vested since the last time. */
  minSettleUsdc: usdc.default(50_000n),
  batchSize: z.coerce.number().int().min(1).max(100).default(50),
  auditEverySeconds: seconds.default(300),
  upkeep: upkeepSection,
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
})
export type KeeperConfig = z.output<typeof schema>
export type KeeperConfigInput = z.input<typeof schema>

const problem = (issues: readonly string[]) =>
  new DecloudError(
    'config-invalid',
    `The configuration has ${issues.length} error(s):\n${issues.map((one) => `  - ${one}`).join('\n')}`,
  )

/**
 * @param raw keys as in the schema; `deployment` may be the path of a deployment file.
 * @throws DecloudError `config-invalid`, naming every error at once.
 */
export const parseConfig = (raw: Readonly<Record<string, unknown>>): KeeperConfig => {
  const issues: string[] = []
  const deployment =
    typeof raw['deployment'] === 'string' ? readJson(raw['deployment'], issues) : raw['deployment']
  const unreadable = issues.length > 0
  const parsed = schema.safeParse({ ...raw, deployment })
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const at = issue.path.join('.')
      // A deployment file that could not be read has been named already.
      if (at === 'deployment' && unreadable) continue
      issues.push(at === '' ? issue.message : `${at}: ${issue.message}`)
    }
  }
  if (!parsed.success || issues.length > 0) throw problem(issues)
  return parsed.data
}

/** @throws DecloudError `config-invalid`. */
export const readConfigFile = (path: string): Record<string, unknown> => {
  const issues: string[] = []
  const value = readJson(path, issues)
  if (issues.length > 0) throw problem(issues)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw problem([`${path} does not hold a JSON object`])
  }
  return value as Record<string, unknown>
}

const readJson = (path: string, issues: string[]): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    issues.push(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}
