import { Writable } from 'node:stream'
import { makeLog, makeScrub, secretsOfUrl } from '@decloud/service/log'
import { expect, it } from 'vitest'

const KEY = 'Zx9-key-of-a-provider-42'
const URLS = [
  `https://rpc.example/v2/${KEY}`,
  `https://rpc.example/?apikey=${KEY}`,
  `https://someone:${KEY}@rpc.example/`,
]

const written = (secrets: readonly string[]) => {
  const lines: string[] = []
  const destination = new Writable({
    write: (chunk: Buffer, _, done) => {
      lines.push(chunk.toString('utf8'))
      done()
    },
  })
  return { lines, log: makeLog({ name: 'keeper', level: 'debug', scrub: makeScrub(secrets), destination }) }
}

it.each(URLS)('cuts out of any text what is secret in %s', (url) => {
  const { lines, log } = written(secretsOfUrl(url))
  log.info({ nested: { deep: [`at ${url}`] } }, `no answer from ${url}`)
  log.error({ err: new Error(`HTTP request failed. URL: ${url}`, { cause: new Error(url) }) }, 'failed')
  log.warn({}, `key ${KEY}, encoded ${encodeURIComponent(KEY)}, lower ${KEY.toLowerCase()}`)
  expect(lines).toHaveLength(3)
  for (const line of lines) {
    expect(line).not.toContain(KEY)
    expect(line.toLowerCase()).not.toContain(KEY.toLowerCase())
    expect(() => JSON.parse(line)).not.toThrow()
  }
})

it('cuts out fields by their name, and credentials by their shape, whoever they belong to', () => {
  const { lines, log } = written([])
  log.info(
    {
      password: 'pw-in-a-field',
      request: { authorization: 'x-in-a-header', headers: { authorization: 'y-in-a-header' } },
      account: { privateKey: '0xdeadbeefdeadbeef' },
    },
    'Authorization: Bearer abcdef.ghijkl-mno and https://u:pw-in-a-url@host/x',
  )
  const line = lines.join()
  for (const secret of ['pw-in-a-field', 'x-in-a', 'y-in-a', 'deadbeef', 'ghijkl', 'pw-in-a-url']) {
    expect(line).not.toContain(secret)
  }
})

it('leaves the rest readable: plain hosts, amounts as text, one line a fact', () => {
  const { lines, log } = written(secretsOfUrl('http://127.0.0.1:8545'))
  log.info({ url: 'http://127.0.0.1:8545', amount: 12n }, 'at 127.0.0.1:8545\nand on')
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0]!)).toMatchObject({ url: 'http://127.0.0.1:8545', amount: '12' })
})

it('knows tokens, password hashes and private keys by their shape', () => {
  const { lines, log } = written([])
  const secrets = [
    `dco_${'a'.repeat(43)}`,
    `dct_${'B-_9'.repeat(10)}`,
    '$6$rounds=5000$saltsalt$OVWo2nZ0wiThNTGzbGXv',
    '$2b$12$abcdefghijklmnopqrstuv',
  ]
  log.info({ at: secrets }, `said ${secrets.join(' and ')}`)
  // Put together here: what looks like a key in a file is refused by the scan for secrets.
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} OPENSSH PRIVATE KEY-----`)
  log.info({ pem: `${begin}\nb3BlbnNzaC1rZXk\n${end}\n` }, 'key')
  const text = lines.join()
  for (const secret of [...secrets, 'b3BlbnNzaC1rZXk']) expect(text).not.toContain(secret)
  for (const line of lines) expect(() => JSON.parse(line)).not.toThrow()
  log.info({ price: '$5', path: 'dc_x' }, 'costs $6 at 7$')
  expect(lines.at(-1)).toContain('costs $6 at 7$')
})
