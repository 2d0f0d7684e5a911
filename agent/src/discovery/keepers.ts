// How keepers see this machine: those that the operator named anyway, for beats and manifests.

import { sentenceOf } from '@decloud/protocol'
import type { Known } from '@decloud/protocol/wire/facts'
import { whoamiSchema } from '@decloud/protocol/wire/whoami'
import { z } from 'zod'
import { unknown, value } from './known.ts'
import type { Sight } from './nat.ts'

const DEADLINE_MS = 5_000
const MAX_ANSWER = 1_024
const ipv4 = z.ipv4()

/** @returns one sight a keeper, also of those that do not answer. Never rejects. */
export const askKeepers = (urls: readonly string[]): Promise<Sight[]> =>
  Promise.all(urls.map(async (url) => ({ by: `keeper ${new URL(url).host}`, ipv4: await sightOf(url) })))

const sightOf = async (url: string): Promise<Known<string>> => {
  try {
    const base = url.endsWith('/') ? url : `${url}/`
    const response = await fetch(new URL('api/whoami', base), {
      redirect: 'error',
      signal: AbortSignal.timeout(DEADLINE_MS),
    })
    if (!response.ok || Number(response.headers.get('content-length')) > MAX_ANSWER) {
      await response.body?.cancel()
      return unknown(`It answered ${response.status}.`)
    }
    const { address } = whoamiSchema.parse(await response.json())
    return ipv4.safeParse(address).success ? value(address) : unknown('It was not asked over IPv4.')
  } catch (error) {
    return unknown(
      `It cannot be asked: ${error instanceof z.ZodError ? 'its answer is of another shape' : sentenceOf(error)}.`,
    )
  }
}
