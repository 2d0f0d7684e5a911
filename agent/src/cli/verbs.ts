// Every verb, a line or two each. One is loaded when it is asked for: a look at prices need not wait for a hypervisor.
import type { Verb } from './verb.ts'

export type VerbEntry = { readonly summary: string; load(): Promise<Verb> }

export const VERBS: Readonly<Record<string, VerbEntry>> = {
  run: {
    summary: 'run the agent until SIGTERM; guests outlive it',
    load: async () => (await import('./commands/run.ts')).run,
  },
  status: {
    summary: 'what the agent on this machine is doing',
    load: async () => (await import('./commands/status.ts')).status,
  },
  doctor: {
    summary: 'look at all that a node needs, name what is wrong and what to do; changes nothing',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  events: {
    summary: 'what happened on this node: leases, guests, outages, disks, transactions, visitors',
    load: async () => (await import('./commands/events.ts')).events,
  },
  logs: {
    summary: "the agent's log, from the journal or its file",
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  'config check': {
    summary: 'say every error of the configuration at once',
    load: async () => (await import('./commands/config.ts')).configCheck,
  },
  'config show': {
    summary: 'every key, its value and where that comes from',
    load: async () => (await import('./commands/config.ts')).configShow,
  },
  'config table': {
    summary: 'every key, its variable and its default, for the manual',
    load: async () => (await import('./commands/config.ts')).configTable,
  },
  'keys create': {
    summary: "make the agent's keystore and the node's sealing key",
    load: async () => (await import('./commands/keys-create.ts')).keysCreate,
  },
  register: {
    summary: 'register this machine, signed by the operator',
    load: async () => (await import('./commands/register.ts')).register,
  },
  reclaim: {
    summary: 'want a lease back: notice to its tenant, and its end when that is over',
    load: async () => (await import('./commands/reclaim.ts')).reclaim,
  },
  entrust: {
    summary: "let the agent credit downtime and reclaim; signed by the node's payee",
    load: async () => (await import('./commands/entrust.ts')).entrust,
  },
  'images list': {
    summary: 'the images of this node and of its catalogue',
    load: async () => (await import('./commands/images.ts')).imagesList,
  },
  'images fetch': {
    summary: 'download one now, before a lease asks for it',
    load: async () => (await import('./commands/images.ts')).imagesFetch,
  },
  'images pin': {
    summary: 'download one that nobody vouches for, and allow it by its checksum',
    load: async () => (await import('./commands/images-pin.ts')).imagesPin,
  },
  'images remove': {
    summary: 'delete one that no disk stands on',
    load: async () => (await import('./commands/images.ts')).imagesRemove,
  },
  'images gc': {
    summary: 'delete those that no disk stands on',
    load: async () => (await import('./commands/images.ts')).imagesGc,
  },
}
