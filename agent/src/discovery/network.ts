// The address that the machine's default route leaves from.
import { readFile } from 'node:fs/promises'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Known } from '@decloud/protocol/wire/facts'
import { unknown, value } from './known.ts'

export type Interfaces = () => Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/** `/proc/net/route` → the interface of the default route with the lowest metric. Pure. */
export const defaultInterfaceOf = (text: string): Known<string> => {
  const routes = text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, destination, , flags, , , , mask]) => {
      const up = Number.parseInt(flags ?? '0', 16) & 1
      return destination === '00000000' && mask === '00000000' && up === 1
    })
    .sort((a, b) => Number(a[6]) - Number(b[6]))
  const name = routes[0]?.[0]
  return name === undefined ? unknown('There is no default route for IPv4.') : value(name)
}

/** @param root for tests: where /proc is looked for. */
export const readLocalAddress = async (
  root = '/',
  interfaces: Interfaces = networkInterfaces,
): Promise<Known<string>> => {
  const text = await readFile(join(root, 'proc/net/route'), 'utf8').catch(() => null)
  if (text === null) return unknown('/proc/net/route cannot be read.')
  const device = defaultInterfaceOf(text)
  if ('unknown' in device) return device
  const own = interfaces()[device.value]?.find(({ family }) => family === 'IPv4')
  return own === undefined ? unknown(`${device.value} has no IPv4 address.`) : value(own.address)
}
