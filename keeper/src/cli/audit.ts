import { makeKeeper } from '../context.ts'
import { EXIT, type Verb } from './verb.ts'

const SYNC_DEADLINE_MS = 3_600_000

export const auditVerb: Verb = {
  about: `Works on the data folder, so no keeper may run on it: a running one audits itself, see \`status\`.
No key is used and nothing is sent.`,
  run: async ({ load, say }) => {
    const { config } = load()
    const keeper = await makeKeeper({
      key: null,
      config: { ...config, port: 0, logLevel: 'error', metrics: { ...config.metrics, enabled: false } },
    })
    try {
      await keeper.synced({ deadlineMs: SYNC_DEADLINE_MS })
      const { outcome, height, differences } = await keeper.audit('all')
      const lines = differences.map((one) => JSON.stringify(one, bigintText))
      const where = height === null ? '' : ` at block ${height}`
      say([`${outcome}${where}: ${differences.length} differences`, ...lines].join('\n'), {
        outcome,
        height,
        differences,
      })
      return outcome === 'different' || outcome === 'moved' ? EXIT.failed : EXIT.done
    } finally {
      await keeper.close()
    }
  },
}

const bigintText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
