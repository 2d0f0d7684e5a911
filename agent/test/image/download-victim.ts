// A process that downloads until it is killed; each line is how far it got.
import { DOWNLOAD_LIMITS, download } from '../../src/image/download.ts'

const [url, sha256, path] = process.argv.slice(2)
await download({
  urls: [url!],
  sha256: sha256!,
  path: path!,
  limits: { ...DOWNLOAD_LIMITS, keepFreeBytes: 0 },
  signal: new AbortController().signal,
  onProgress: (done) => process.stdout.write(`${done}\n`),
  makeRoom: async () => {},
  random: Math.random,
})
