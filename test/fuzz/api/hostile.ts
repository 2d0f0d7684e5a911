// What strangers send: values that fit no schema, and requests that are hardly requests.
import fc from 'fast-check'

/** For a path segment or a query, already encoded as it goes over the wire. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...['', '%00', '%zz', '%', '%c0%ae%c0%ae', '..', '..%2f..%2f..%2fetc%2fpasswd', '%2e%2e%2f', '.%00.json'],
    ...[
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'null',
      'undefined',
      'NaN',
      'true',
      '[]',
      '{}',
    ],
    ...['-1', '0', '00', '1e400', '1e-400', '0x', '0xzz', '9'.repeat(78), '9'.repeat(79), '9'.repeat(400)],
    ...['4294967295', '4294967296', '9007199254740993', '1.5', ' 1', '1%20', '%201', '+1', '%2b1', '1%0a'],
    ...["'%20OR%201=1--", '"', '%22*', '*', 'NEAR(', 'a%20AND', '(', ')', ':', '-', '%5e', 'slug:x', 'a%22b'],
    ...['%F0%9F%98%80', '%E2%80%AE', '%ED%A0%80', '%EF%BB%BF', 'ß', '日本', '<script>', '%3Cscript%3E'],
    ...['a'.repeat(201), 'a'.repeat(3_000), 'a'.repeat(5_000), `0x${'0'.repeat(64)}`, `0x${'f'.repeat(40)}`],
  ),
  fc
    .uint8Array({ maxLength: 30 })
    .map((bytes) => `%${Buffer.from(bytes).toString('hex').match(/../g)?.join('%') ?? ''}`),
)

/** Bodies that are not what a route wants; `null` for none at all. */
export const hostileBody: fc.Arbitrary<string | null> = fc.oneof(
  fc.constantFrom(
    ...[null, '', ' ', '{', '[]', 'null', '"', '1', '{}', '{"":""}', 'true', '\u0000', '{"a":1,"a":2}'],
    ...[
      '{"__proto__":{"admin":true}}',
      '{"constructor":{"prototype":{"admin":true}}}',
      '{"from":{"__proto__":[]}}',
    ],
    ...[
      `{"from":"${'a'.repeat(70_000)}"}`,
      `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
      `${'{"a":'.repeat(2_000)}1`,
    ],
    ...['{"node":1e400}', '{"node":-0}', '{"node":9007199254740993}', '{"stars":5.0000000001}', '\ufeff{}'],
  ),
  fc.json({ maxDepth: 4 }),
)

export const hostileType = fc.constantFrom(
  ...['text/plain', 'application/xml', 'application/json; charset=utf-16', 'application/json;', '', 'a/b'],
  ...[
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'APPLICATION/JSON',
    '__proto__',
  ],
)

/** Header lines that a client library would refuse to write are not in here: those go as raw bytes. */
export const hostileHeaders: fc.Arbitrary<Record<string, string>> = fc.constantFrom<Record<string, string>[]>(
  { 'if-none-match': '*' },
  { 'if-none-match': `${'"x",'.repeat(500)}"y"` },
  { 'if-none-match': '"unterminated' },
  { 'last-event-id': '-1' },
  { 'last-event-id': '1.1.0000000000000000-1.1.0000000000000000' },
  { 'last-event-id': '999999999999999.999999999.ffffffffffffffff' },
  { authorization: 'Bearer' },
  { authorization: `Bearer dca_${'A'.repeat(43)}` },
  { authorization: `Bearer ${'A'.repeat(5_000)}` },
  { authorization: 'Basic Og==' },
  { 'x-forwarded-for': '1.2.3.4, ::1, garbage' },
  { 'x-http-method-override': 'DELETE' },
  { accept: 'text/html;q=9' },
  { 'accept-encoding': 'gzip, br, x' },
  { range: 'bytes=0-0' },
  { host: '..' },
  { origin: 'null' },
  { expect: '100-continue' },
  { cookie: 'a=b; '.repeat(200) },
)

/** Whole requests as bytes. `PATH` is where the route's path goes. */
export const rawRequests: readonly string[] = [
  'GET PATH HTTP/1.1\r\n\r\n',
  'GET PATH HTTP/9.9\r\nhost: x\r\n\r\n',
  'GET PATH\r\n\r\n',
  'get PATH HTTP/1.1\r\nhost: x\r\n\r\n',
  'GET PATH HTTP/1.1\r\nhost: x\r\nx: \u0001\u0002\r\n\r\n',
  'GET PATH HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n',
  `GET PATH HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`,
  'POST PATH HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST PATH HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: -1\r\n\r\n{}',
  'POST PATH HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n',
  'POST PATH HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{}',
  'CONNECT PATH HTTP/1.1\r\nhost: x\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000',
  '\r\n\r\n\r\n',
]
