// A loopback file server for the built dApp, for the demo and the browser test. Any static host does as well.
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize, sep } from 'node:path'
import { DecloudError } from '@decloud/protocol/errors'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.map': 'application/json',
}

// Scripts and styles come from this origin alone. Connections are open: the RPC, the keeper and every node's agent
// are chosen by the deployment file and by the chain.
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' http: https: ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
}

export type StaticServer = AsyncDisposable & { url: string; port: number; close(): Promise<void> }

/**
 * Serves `root` on loopback. A path without a file answers with index.html, so that a reload anywhere works.
 * @param options.port 0 for any free port.
 * @param options.deployment served as /deployment.json instead of a file of that name, so that one build serves
 *   any number of chains at once.
 * @throws DecloudError `web-not-built` without an index.html, `port-taken` when the port is in use.
 */
export const serveStatic = async (options: {
  root: string
  port?: number
  deployment?: unknown
}): Promise<StaticServer> => {
  const index = join(options.root, 'index.html')
  await readFile(index).catch((cause: unknown) => {
    throw new DecloudError('web-not-built', `There is no built dApp in ${options.root}.`, {
      hint: 'Build it with `npm run build -w @decloud/web`.',
      cause,
    })
  })
  const deployment = options.deployment === undefined ? undefined : JSON.stringify(options.deployment)
  const server = createServer((request, response) => {
    answer(options.root, deployment, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, SECURITY_HEADERS)
      response.end(error instanceof Error ? error.message : 'failed')
    })
  })
  const port = await listen(server, options.port ?? 0)
  const close = () =>
    new Promise<void>((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()))
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${port}`, port, close, [Symbol.asyncDispose]: close }
}

const listen = (server: ReturnType<typeof createServer>, port: number) =>
  new Promise<number>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new DecloudError('port-taken', `Port ${port} on loopback is in use.`, {
              hint: 'Stop what listens there or choose another port.',
              cause,
            })
          : cause,
      ),
    )
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })

const answer = async (
  root: string,
  deployment: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
) => {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...SECURITY_HEADERS, allow: 'GET, HEAD' }).end()
    return
  }
  const path = pathOf(request)
  if (path === undefined) {
    response.writeHead(400, SECURITY_HEADERS).end()
    return
  }
  if (path === `${sep}deployment.json` && deployment !== undefined) {
    response
      .writeHead(200, {
        ...SECURITY_HEADERS,
        'content-type': 'application/json',
        'cache-control': 'no-store',
      })
      .end(request.method === 'HEAD' ? undefined : deployment)
    return
  }
  const file = await fileFor(root, path)
  if (file === undefined) {
    response.writeHead(404, SECURITY_HEADERS).end()
    return
  }
  response.writeHead(200, {
    ...SECURITY_HEADERS,
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    // Names under assets/ carry a content hash; everything else may change with the next build.
    'cache-control': path.startsWith(`${sep}assets${sep}`)
      ? 'public, max-age=31536000, immutable'
      : 'no-cache',
  })
  if (request.method === 'HEAD') response.end()
  else
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response)
}

// `normalize` of an absolute path cannot climb above the root; undefined for an escape that does not decode.
const pathOf = (request: IncomingMessage): string | undefined => {
  try {
    const decoded = decodeURIComponent((request.url ?? '/').split('?')[0]!)
    return decoded.includes('\0') ? undefined : normalize(join(sep, decoded))
  } catch {
    return undefined
  }
}

// A missing file with an extension is a 404: answering it with HTML would hide a broken build behind a parse error.
const fileFor = async (root: string, path: string): Promise<string | undefined> => {
  const candidate = join(root, path)
  const found = await stat(candidate).catch(() => undefined)
  if (found?.isFile()) return candidate
  return extname(path) === '' ? join(root, 'index.html') : undefined
}
