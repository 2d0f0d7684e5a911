import { Duplex } from 'node:stream'

/** A serial port with a terminal line on it: it echoes what is typed, and asks for a login on every new line. */
export function simulatedConsole(hostname: string): Duplex {
  const greeting = `\r\nSimulated guest ${hostname} ttyS0\r\n\r\n${hostname} login: `
  const stream = new Duplex({
    read: () => undefined, // it comes when it comes
    write: (bytes: Buffer, _, done) => {
      stream.push(bytes.toString('latin1').replaceAll('\r', greeting))
      done()
    },
  })
  return stream
}
