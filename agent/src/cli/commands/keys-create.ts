import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { saveKey } from '@decloud/chain'
import { generateSealingKey } from '@decloud/protocol'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { readPrivateFile } from '../../config/secrets.ts'
import { writeNewSecret } from '../operator/new-file.ts'
import { EXIT, makeVerb, UsageError } from '../verb.ts'

/** The agent's hot key and the node's first sealing key, each in a file of its own that only its owner may read. */
export const keysCreate = makeVerb({
  options: {
    dir: { type: 'string', argument: 'FOLDER', about: 'where they go; keys are never overwritten' },
    'password-file': { type: 'string', argument: 'FILE', about: "the keystore's password" },
  },
  run: async (io, options) => {
    if (options.dir === undefined) throw new UsageError('Give the folder for the keys with --dir.')
    if (options['password-file'] === undefined) {
      throw new UsageError("Give the file that holds the keystore's password with --password-file.")
    }
    const password = readPrivateFile(options['password-file']).replace(/\r?\n$/, '')
    if (password.length < 8) throw new UsageError('The password has fewer than 8 characters.')
    mkdirSync(options.dir, { recursive: true, mode: 0o700 })
    const keystore = join(options.dir, 'agent.json')
    const sealingFile = join(options.dir, 'sealing.json')
    const sealing = await generateSealingKey()
    writeNewSecret(sealingFile, `${JSON.stringify({ 1: sealing.privateKey })}\n`)
    const privateKey = generatePrivateKey()
    await saveKey(keystore, privateKey, password)
    const agent = privateKeyToAddress(privateKey)
    io.result(
      { agent, keystore, sealingKeys: sealingFile, sealingPublicKey: sealing.publicKey, epoch: 1 },
      `agent ${agent}\n  DECLOUD_AGENT_KEYSTORE=${keystore}\n  DECLOUD_SEALING_KEYS=${sealingFile}\nBack up ${dirname(keystore)}: manifests sealed to a lost key cannot be opened.`,
    )
    return EXIT.done
  },
})
