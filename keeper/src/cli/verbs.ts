import { auditVerb } from './audit.ts'
import { backupVerb, restoreVerb } from './backup.ts'
import { configVerb } from './config.ts'
import { doctorVerb } from './doctor.ts'
import { drainVerb } from './drain.ts'
import { runVerb } from './run.ts'
import { statusVerb } from './status.ts'
import type { Verb } from './verb.ts'

export const VERBS: Readonly<Record<string, Verb>> = {
  run: runVerb,
  doctor: doctorVerb,
  status: statusVerb,
  config: configVerb,
  audit: auditVerb,
  backup: backupVerb,
  restore: restoreVerb,
  drain: drainVerb,
}
