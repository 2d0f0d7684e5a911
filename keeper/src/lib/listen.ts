import { DecloudError } from '@decloud/protocol'

/** @param what the config section whose port it is; the API's is at the top. */
export const listenFailed = (
  cause: unknown,
  { host, port, what }: { host: string; port: number; what?: string },
): DecloudError => {
  const { code } = cause as { code?: string }
  const key = what === undefined ? 'port' : `${what}.port`
  if (code === 'EADDRINUSE') {
    return new DecloudError('port-occupied', `Port ${port} on ${host} is in use by another process.`, {
      hint: `Stop that process, or give this one another port (${key}; 0 takes any free one).`,
      cause,
    })
  }
  return new DecloudError('listen-failed', `Cannot listen on ${host}:${port} (${code ?? 'unknown'}).`, {
    hint: 'Check the host and that this user may use the port.',
    cause,
  })
}
