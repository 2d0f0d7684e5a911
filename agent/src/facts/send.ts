import type { SignedFacts } from '@decloud/protocol/wire/facts'

const DEADLINE_MS = 10_000
const MAX_REASON = 300

/** Leaves a statement with a keeper. @throws TypeError when it did not take it, with what it said. */
export const sendFacts = async (
  keeperUrl: string,
  signed: SignedFacts,
  signal: AbortSignal,
): Promise<void> => {
  const base = keeperUrl.endsWith('/') ? keeperUrl : `${keeperUrl}/`
  const response = await fetch(new URL(`api/nodes/${signed.facts.node}/facts`, base), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(signed),
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
  })
  if (response.ok) {
    await response.body?.cancel()
    return
  }
  const said = new TextDecoder().decode(await firstOf(response))
  throw new TypeError(`it answered ${response.status}: ${said.slice(0, MAX_REASON)}`)
}

/** A keeper is not believed to be short. */
const firstOf = async (response: Response): Promise<Uint8Array> => {
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? { value: undefined }
  await reader?.cancel()
  return value ?? new Uint8Array()
}
