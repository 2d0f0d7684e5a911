import { DecloudError } from '@decloud/protocol'
import { ConfigError } from '@decloud/service/config'
import { type Finding, fault, judgeClock, lookAtRpcs, note, ok, readingsOf } from '@decloud/service/doctor'
import { askHealth } from '../adapters/running.ts'
import { holderOf } from '../adapters/store/lock.ts'
import type { Loaded } from '../config/load.ts'
import { checkFolder, checkLock, checkStores } from './folder.ts'
import { checkKey } from './key.ts'
import { checkPorts } from './ports.ts'

/** Everything that can be found wrong from outside a running keeper, or before one runs. It changes nothing. */
export const examine = async (load: () => Loaded): Promise<Finding[]> => {
  let loaded: Loaded
  try {
    loaded = load()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues.map(({ at, sentence }) =>
      fault('configuration', 'config-invalid', `${at}: ${sentence}`, 'Mend it.'),
    )
  }
  const { config, key } = loaded
  const folder = checkFolder(config)
  const usable = folder.every(({ code }) => code !== 'folder-denied')
  const holder = usable ? holderOf(config.dataDir) : null
  const [rpcs, keys, ports, running] = await Promise.all([
    checkRpcs(config),
    checkKey(config, key),
    holder === null ? checkPorts(config) : [],
    holder?.url ? checkRunning(holder.url) : [],
  ])
  return [
    ok('configuration', loaded.file ?? 'from the environment'),
    ...folder,
    ...(usable ? [checkLock(holder), ...checkStores(config)] : []),
    ...ports,
    ...rpcs,
    ...keys,
    ...running,
  ]
}

const checkRpcs = async (config: Loaded['config']): Promise<Finding[]> => {
  const { findings, sights } = await lookAtRpcs(config)
  return sights.length === 0 ? findings : [...findings, judgeClock(readingsOf(sights), sights)]
}

const checkRunning = async (url: string): Promise<Finding[]> => {
  try {
    const { status, reasons } = await askHealth(url)
    if (reasons.length === 0) return [ok('health', status)]
    return reasons.map(({ code, sentence }) =>
      status === 'ok' ? note('health', code, sentence) : fault('health', code, sentence, 'See its log.'),
    )
  } catch (error) {
    if (!(error instanceof DecloudError)) throw error
    return [fault('health', error.code, error.message, error.hint)]
  }
}
