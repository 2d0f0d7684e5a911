// Everything that an operator runs into, looked at from outside: beside a running agent or before one runs. Nothing is
// changed by it. What could not be looked at is unknown, and never taken for right or wrong.

import { sentenceOf } from '@decloud/protocol'
import { ConfigError } from '@decloud/service/config'
import { withDeadline } from '../lib/deadline.ts'
import { AgentError } from '../lib/errors.ts'
import { checkFeed, checkRpcs } from './chain.ts'
import { checkClock } from './clock.ts'
import { checkEntrusted } from './entrusted.ts'
import { type Finding, fail, ok, unknown, unmade } from './finding.ts'
import { checkFirewall, checkImageTools } from './firewall.ts'
import { checkDatabase, checkFolder, checkSpace } from './folder.ts'
import { checkGas } from './gas.ts'
import { checkImages } from './images.ts'
import { checkBeats, checkKeepers } from './keepers.ts'
import { checkKeys, checkRegistration } from './keys.ts'
import { checkAcceleration, checkLibvirt, checkPromises } from './machine.ts'
import { checkBenchmark, checkProbe } from './measured.ts'
import { checkRelay } from './relay.ts'
import { checkAgent, checkPort } from './running.ts'
import { type Examination, makeSubject, type Subject } from './subject.ts'

type Check = (subject: Subject, signal: AbortSignal) => Promise<Finding[]>

/** All at once, each with its own end: the longest is how long it takes in all. */
const QUICK_MS = 30_000
const IMAGES_MS = 90_000

const CHECKS: readonly (readonly [name: string, check: Check, ms?: number])[] = [
  ['keys', checkKeys],
  ['agent', checkAgent],
  ['API port', checkPort],
  ['data folder', checkFolder],
  ['disk', checkSpace],
  ['database', checkDatabase],
  ['virtualisation', checkAcceleration],
  ['libvirt', checkLibvirt],
  ['firewall', checkFirewall],
  ['image tools', checkImageTools],
  ['images', checkImages, IMAGES_MS],
  ['RPCs', checkRpcs],
  ['clock', checkClock],
  ['feed', checkFeed],
  ['registration', checkRegistration],
  ['downtime', checkEntrusted],
  ['gas', checkGas],
  ['capacity', checkPromises],
  ['probe', checkProbe],
  ['benchmark', checkBenchmark],
  ['relay', checkRelay],
  ['keepers', checkKeepers],
  ['beats', checkBeats],
]

export const examine = async (
  examination: Examination,
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly Finding[]> => {
  const subject = makeSubject(examination, signal)
  const found = await Promise.all(
    CHECKS.map(([name, check, ms = QUICK_MS]) => made(subject, name, check, ms)),
  )
  return [...configuration(subject), ...found.flat()]
}

const made = async (subject: Subject, name: string, check: Check, ms: number): Promise<Finding[]> => {
  try {
    // One that heeds its signal is given a moment to say how far it came.
    return await withDeadline(name, ms + 2_000, subject.signal, () =>
      check(subject, AbortSignal.any([subject.signal, AbortSignal.timeout(ms)])),
    )
  } catch (error) {
    if (error instanceof AgentError && error.code === 'step-timeout')
      return [unknown(name, 'check-timeout', `no answer within ${ms / 1_000} s`)]
    return [unmade(name, error)]
  }
}

const configuration = ({ configError }: Subject): Finding[] => {
  const check = 'configuration'
  if (configError === null) return [ok(check, 'whole')]
  if (configError instanceof ConfigError) {
    const todo = 'Mend it: `decloud-node config check` says the same, `config table` lists every key.'
    return configError.issues.map(({ at, sentence }) =>
      fail(check, 'config-invalid', `${at}: ${sentence}`, todo),
    )
  }
  return [fail(check, 'config-invalid', sentenceOf(configError), 'Mend it.')]
}
