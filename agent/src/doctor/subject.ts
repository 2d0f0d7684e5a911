// What is looked at: a node's configuration and keys, and what others say of it, each read once and shared by the checks.
import { type Chain, makeChain } from '@decloud/chain'
import { DecloudError } from '@decloud/protocol'
import type { Environment } from '@decloud/service/config'
import { lookAtRpcs, type RpcView } from '@decloud/service/doctor'
import { type AgentConfig, type Given, loadConfig } from '../config/config.ts'
import { type AgentSecrets, loadSecrets } from '../config/secrets.ts'
import { NotLooked } from './finding.ts'

export type Examination = {
  readonly env: Environment
  /** What the command line says of the configuration. */
  readonly given?: Given | undefined
  /** Where programs are looked for; PATH and the folders of root's programs by default. */
  readonly path?: string
  /** Above it the newest block is too old; 120 s by default, no limit on a development chain. */
  readonly maxHeadAgeMs?: number
  /** Where /dev, /proc and /sys are looked for. */
  readonly root?: string
}

export type Subject = {
  readonly env: Environment
  readonly path: string
  readonly root: string
  readonly maxHeadAgeMs: number | undefined
  /** Ends every check. */
  readonly signal: AbortSignal
  /** What is wrong with the configuration; null when it is whole. */
  readonly configError: unknown
  /** @throws NotLooked when the configuration is not whole. */
  config(): AgentConfig
  /** @throws DecloudError of the key files. */
  secrets(): Promise<AgentSecrets>
  rpcs(): Promise<RpcView>
  /** Through an RPC that serves the right chain. @throws NotLooked when there is none. */
  chain(): Promise<Chain>
}

const TIMEOUT_MS = 8_000

export const makeSubject = (examination: Examination, signal: AbortSignal): Subject => {
  const { env, given, maxHeadAgeMs, root = '/' } = examination
  const loaded = attempt(() => loadConfig(env, given))
  const config = () => {
    if (loaded.value !== undefined) return loaded.value
    throw new NotLooked('the configuration has to be right first')
  }
  const secrets = once(() => loadSecrets(env, given))
  const rpcs = once(async () => {
    const { rpcUrls, deployment } = config()
    return lookAtRpcs({ rpcUrls, deployment }, maxHeadAgeMs === undefined ? {} : { maxHeadAgeMs })
  })
  return {
    env,
    root,
    maxHeadAgeMs,
    signal,
    path: examination.path ?? `${env['PATH'] ?? ''}:/usr/sbin:/sbin`,
    configError: loaded.error,
    config,
    secrets,
    rpcs,
    chain: once(async () => {
      const { sights } = await rpcs()
      if (sights.length === 0) throw new NotLooked('no RPC serves the chain of the deployment')
      const urls = sights.map(({ url }) => url)
      return makeChain({ urls, deployment: config().deployment, timeoutMs: TIMEOUT_MS, retries: 1 })
    }),
  }
}

const attempt = <value>(make: () => value): { value?: value; error: unknown } => {
  try {
    return { value: make(), error: null }
  } catch (error) {
    if (error instanceof DecloudError) return { error }
    throw error
  }
}

const once = <value>(make: () => Promise<value>): (() => Promise<value>) => {
  let made: Promise<value> | null = null
  return () => {
    if (made === null) {
      made = make()
      made.catch(() => {}) // whoever asks hears of it
    }
    return made
  }
}
