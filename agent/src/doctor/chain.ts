// The chain as this node would see it: its RPCs, how old the newest block is, what the feed of a running agent says.
import { headAgeLimit, headAgeOf } from '@decloud/service/doctor'
import { type Finding, fail, fromShared, NotLooked, ok, warn } from './finding.ts'
import { agentOn, askRunning } from './running.ts'
import type { Subject } from './subject.ts'

/** One RPC that does not answer or lags is a warning while another one does: the agent goes on with that. */
const SURVIVED: ReadonlySet<string> = new Set(['rpc-unreachable', 'rpc-lagging', 'rpc-stale'])

export const checkRpcs = async (subject: Subject): Promise<Finding[]> => {
  const { findings, sights } = await subject.rpcs()
  return findings.map((finding) => {
    const mine = fromShared(finding)
    const survived = sights.length > 0 && SURVIVED.has(finding.code)
    return survived ? { ...mine, level: 'warn' as const } : mine
  })
}

export const checkFeed = async (subject: Subject): Promise<Finding[]> => {
  const check = 'feed'
  const { sights } = await subject.rpcs()
  if (sights.length === 0) throw new NotLooked('no RPC serves the chain of the deployment')
  const limitMs = subject.maxHeadAgeMs ?? headAgeLimit(subject.config().deployment)
  const ageMs = Math.min(...sights.map(headAgeOf))
  const age = `the newest block that any RPC knows is ${Math.max(0, Math.round(ageMs / 1_000))} s old`
  if (ageMs > limitMs) {
    const todo =
      'Use another RPC: compare with a block explorer. While it lasts nothing is taken down, guests run on.'
    return [fail(check, 'feed-stale', age, todo)]
  }
  if (agentOn(subject) === null || subject.config().apiPort === 0) return [ok(check, age)]
  return [await ofAgent(subject, check, age)]
}

const ofAgent = async (subject: Subject, check: string, age: string): Promise<Finding> => {
  const said = await askRunning(subject).catch(() => null) // that it is silent is a finding of its own
  if (said === null) return ok(check, age)
  const { feed, error } = said.chain
  const why = error === null ? '' : `: ${error}`
  if (feed === 'live') return ok(check, `live in the agent; ${age}`)
  return feed === 'syncing'
    ? warn(
        check,
        'feed-syncing',
        `the agent still reads the chain; ${age}`,
        'Wait; `decloud-node status` shows how far.',
      )
    : fail(
        check,
        'feed-stale',
        `the agent's own feed is ${feed}${why}; ${age}`,
        'See `decloud-node logs`; restart it if the RPCs are fine.',
      )
}
