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
  init: {
    summary: 'make the folders, the keys and the configuration file; never overwrites a key',
    load: async () => (await import('./commands/init.ts')).init,
  },
  'price get': {
    summary: 'what the node asks, beside the floors and the defaults',
    load: async () => (await import('./commands/price-get.ts')).priceGet,
  },
  'price set': {
    summary: 'what it asks of new leases; never under the floor',
    load: async () => (await import('./commands/price-set.ts')).priceSet,
  },
  'profile get': {
    summary: 'what the marketplace shows of the node, and its terms',
    load: async () => (await import('./commands/profile.ts')).profileGet,
  },
  'profile set': {
    summary: 'description, tags, endpoint and terms',
    load: async () => (await import('./commands/profile.ts')).profileSet,
  },
  'capacity set': {
    summary: 'how much of the machine it offers; never more than was measured',
    load: async () => (await import('./commands/capacity-set.ts')).capacitySet,
  },
  drain: {
    summary: 'take no new leases; those that run stay',
    load: async () => (await import('./commands/drain.ts')).drain,
  },
  resume: {
    summary: 'take new leases again',
    load: async () => (await import('./commands/drain.ts')).resume,
  },
  earnings: {
    summary: 'what each lease has brought, to the unit',
    load: async () => (await import('./commands/earnings.ts')).earnings,
  },
  withdraw: {
    summary: 'take out everything the node has earned',
    load: async () => (await import('./commands/withdraw.ts')).withdraw,
  },
  upgrade: {
    summary: 'install another release, and go back to this one where it is not healthy',
    load: async () => (await import('./commands/upgrade.ts')).upgrade,
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
  'keys rotate': {
    summary: 'give the node a new sealing key, signed by the operator; older ones are kept',
    load: async () => (await import('./commands/keys-rotate.ts')).keysRotate,
  },
  discover: {
    summary: 'what this machine is, as far as it tells',
    load: async () => (await import('./commands/discover.ts')).discover,
  },
  benchmark: {
    summary: 'how fast this machine is, and the compute points that makes',
    load: async () => (await import('./commands/benchmark.ts')).benchmark,
  },
  probe: {
    summary: 'boot a throw-away guest: proof that leases would run here',
    load: async () => (await import('./commands/probe.ts')).probe,
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
