import { loadMachineConfig } from '../../config/config.ts'
import { makeLogger } from '../../lib/log.ts'
import { proveNode } from '../../prove.ts'
import { openFactsStore } from '../../state/node-facts-store.ts'
import { EXIT, makeVerb, wholeNumber } from '../verb.ts'

/** A whole distribution without KVM, on a busy machine. */
const DEADLINE_SECONDS = 600

export const probe = makeVerb({
  about: `The guest, its disk and its network are the probe's own and are removed, also those of a probe that was killed.
A node registers with a probe that is at most seven days old.`,
  options: {
    image: {
      type: 'string',
      argument: 'IMAGE',
      about: 'which to boot; the tiny one where it lies here, else debian-12',
    },
    deadline: {
      type: 'string',
      argument: 'SECONDS',
      about: `from power-on until the guest is ready; ${DEADLINE_SECONDS}`,
    },
  },
  run: async (io, options) => {
    const seconds = wholeNumber('deadline', options.deadline ?? String(DEADLINE_SECONDS), 1, 3_600)
    const config = loadMachineConfig(io.env, io.given)
    const store = openFactsStore(config.dataDir)
    try {
      const found = await proveNode(config, store, makeLogger('warn'), {
        ...{ image: options.image, deadlineMs: seconds * 1_000, signal: io.signal, say: io.say },
      })
      io.result(found, `${found.outcome}: ${found.message}`)
      return found.outcome === 'failed' ? EXIT.failed : EXIT.done
    } finally {
      store.close()
    }
  },
})
