// A shell as a person sees it, for a guest that is played: it echoes, edits nothing, and knows four commands.
import { setTimeout as pause } from 'node:timers/promises'
import type { PlayedShell } from '../../agent/test/helpers/ssh-guest.ts'

const PROMPT = '$ '

export const playShell = ({ channel, sizes }: PlayedShell): void => {
  let line = ''
  /** A command waits for the one before it, as in any shell. */
  let last = Promise.resolve()
  const print = (text: string) => channel.write(text)

  const obey = async (command: string) => {
    const [name, ...args] = command.split(' ')
    if (name === 'echo') print(`${args.join(' ')}\r\n`)
    else if (name === 'stty') print(`${[...(sizes.at(-1) ?? [])].reverse().join(' ')}\r\n`)
    else if (name === 'count') await count(Number(args[0]))
    else if (name === 'exit') {
      channel.exit(0)
      channel.end()
      return
    } else print(`${name}: not found\r\n`)
    print(PROMPT)
  }

  /** Numbers without a line end between them, on an empty screen, slowly enough to be interrupted. */
  const count = async (to: number) => {
    print('\x1b[2J\x1b[H')
    for (let i = 1; i <= to; i++) {
      print(`${i};`)
      if (i % 10 === 0) await pause(20)
    }
    print('\r\n')
  }

  channel.on('data', (bytes: Buffer) => {
    for (const char of bytes.toString()) {
      if (char !== '\r') {
        line += char
        print(char)
        continue
      }
      print('\r\n')
      const command = line
      line = ''
      last = last.then(() => obey(command))
    }
  })
  print(PROMPT)
}
