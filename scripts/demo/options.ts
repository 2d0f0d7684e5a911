import { parseArgs } from 'node:util'
import { DecloudError } from '@decloud/protocol'

export const HELP = `usage: npm run demo [-- OPTIONS]

Leases a real VM end to end on this machine and prints the bill.

  --keep         stay up afterwards, for you and your browser; Ctrl-C ends it
  --json         end with one JSON line on stdout (money in µUSDC); everything else goes to stderr
  --simulated    do not touch libvirt: simulated guests, for a machine that cannot run real ones
  --port N       port of the dApp on loopback (any free one by default)
  --help         this text

Exit code: 0 when the bill is right to the unit, 1 when something failed, 2 for bad options, 130 after Ctrl-C.`

export type DemoOptions = { keep: boolean; json: boolean; simulated: boolean; port: number; help: boolean }

/** @throws DecloudError `options`. */
export const parseOptions = (args: readonly string[]): DemoOptions => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        simulated: { type: 'boolean', default: false },
        port: { type: 'string', default: '0' },
        help: { type: 'boolean', default: false },
      },
    })
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new Error(`--port ${values.port} is no port`)
    return { ...values, port }
  } catch (cause) {
    throw new DecloudError('options', `${(cause as Error).message}.`, { hint: HELP, cause })
  }
}
