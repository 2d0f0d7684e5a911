// Each verb is loaded when it is asked for: a look at the configuration need not wait for a whole keeper to load.
import type { Verb } from './verb.ts'

export type VerbEntry = { summary: string; load(): Promise<Verb> }

export const VERBS: Readonly<Record<string, VerbEntry>> = {
  run: {
    summary: 'follow the contracts, serve what is read, and with a key do the chores (the default)',
    load: async () => (await import('./run.ts')).runVerb,
  },
  doctor: {
    summary: 'look at everything a keeper needs, name the faults and what to do; changes nothing',
    load: async () => (await import('./doctor.ts')).doctorVerb,
  },
  status: {
    summary: 'what the running keeper says of itself; exit code 0 only when it is ok',
    load: async () => (await import('./status.ts')).statusVerb,
  },
  config: {
    summary:
      'check: say every error at once; show: every value and where it comes from; table: for the manual',
    load: async () => (await import('./config.ts')).configVerb,
  },
  audit: {
    summary:
      'read the chain up to now and hold every row against contract storage; exit code 1 on a difference',
    load: async () => (await import('./audit.ts')).auditVerb,
  },
  backup: {
    summary: 'copy local.sqlite as of one moment, while the keeper runs',
    load: async () => (await import('./backup.ts')).backupVerb,
  },
  restore: {
    summary: 'put a copy of local.sqlite back; no keeper may run on the folder',
    load: async () => (await import('./backup.ts')).restoreVerb,
  },
  drain: {
    summary: 'ask the running keeper to finish and stop, and wait until it has',
    load: async () => (await import('./drain.ts')).drainVerb,
  },
}
