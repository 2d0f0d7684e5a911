// `lscpu -J` → what the processors are. Pure.
import type { CpuFacts, Known } from '@decloud/protocol/wire/facts'
import { z } from 'zod'
import { jsonOf } from './json.ts'
import { mapKnown, unknown, value } from './known.ts'

/** Virtualisation, and what guests are sold or slowed down by not having. */
const FLAGS: ReadonlySet<string> = new Set([
  ...['vmx', 'svm', 'ept', 'npt', 'hypervisor', 'lm', 'aes', 'sha_ni', 'sse4_2', 'avx', 'avx2', 'avx512f'],
  ...['avx512vl', 'amx_tile', 'bmi2', 'fma', 'f16c', 'rdrand', 'rdseed', 'sev', 'sev_es', 'sev_snp', 'sme'],
  ...['tdx_host_platform', 'asimd', 'atomics', 'sha2', 'sha3', 'sve', 'sve2', 'crc32', 'pmull'],
])

type Entry = { field: string; data?: string | null | undefined; children?: Entry[] | undefined }
const entry: z.ZodType<Entry> = z.lazy(() =>
  z.object({
    field: z.string(),
    data: z.string().nullish(),
    children: z.array(entry).optional(),
  }),
)
const answer = z.object({ lscpu: z.array(entry) })

/** Newer versions nest what belongs together; the fields have the same names. */
const flatten = (entries: readonly Entry[]): readonly (readonly [string, string])[] =>
  entries.flatMap(({ field, data, children = [] }) => [
    [field.replace(/:$/, ''), data ?? ''] as const,
    ...flatten(children),
  ])

const allUnknown = (reason: string): CpuFacts => {
  const none = unknown(reason)
  return {
    ...{ architecture: none, vendor: none, model: none },
    ...{ sockets: none, cores: none, threads: none, flags: none },
  }
}

export const cpuFactsOf = (printed: Known<string>): CpuFacts => {
  if ('unknown' in printed) return allUnknown(printed.unknown)
  const parsed = answer.safeParse(jsonOf(printed.value))
  if (!parsed.success) return allUnknown('lscpu printed something that is not its JSON.')
  // A machine with two kinds of cores names both: what is said twice, and differently, is not one fact.
  const said = new Map<string, Set<string>>()
  for (const [field, data] of flatten(parsed.data.lscpu)) {
    if (data !== '' && data !== '-') said.set(field, (said.get(field) ?? new Set()).add(data))
  }
  const word = (field: string): Known<string> => {
    const [first, second] = said.get(field) ?? []
    if (first === undefined) return unknown(`lscpu does not say "${field}".`)
    return second === undefined ? value(first.slice(0, 200)) : unknown(`lscpu names several of "${field}".`)
  }
  const sockets = numberOf(word('Socket(s)'), 'Socket(s)')
  const perSocket = numberOf(word('Core(s) per socket'), 'Core(s) per socket')
  return {
    architecture: word('Architecture'),
    vendor: word('Vendor ID'),
    model: word('Model name'),
    sockets,
    cores: mapKnown(sockets, (n) => mapKnown(perSocket, (each) => value(n * each))),
    threads: numberOf(word('CPU(s)'), 'CPU(s)'),
    flags: mapKnown(flagsOf(said, 'Flags'), (text) =>
      value([...new Set(text.split(/\s+/).filter((flag) => FLAGS.has(flag)))].sort()),
    ),
  }
}

/** Flags are longer than any other word, and are cut down by the list instead. */
const flagsOf = (said: ReadonlyMap<string, ReadonlySet<string>>, field: string): Known<string> => {
  const all = [...(said.get(field) ?? [])]
  if (all.length === 0) return unknown(`lscpu does not say "${field}".`)
  // Of two kinds of cores a guest may count on what both have.
  const [first = '', ...others] = all
  const sets = others.map((text) => new Set(text.split(/\s+/)))
  return value(
    first
      .split(/\s+/)
      .filter((flag) => sets.every((set) => set.has(flag)))
      .join(' '),
  )
}

const numberOf = (word: Known<string>, field: string): Known<number> =>
  mapKnown(word, (text) => {
    const number = /^\d{1,6}$/.test(text) ? Number(text) : 0
    return number > 0 ? value(number) : unknown(`lscpu says "${text}" for "${field}".`)
  })
