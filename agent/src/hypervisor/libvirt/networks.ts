import { readFile } from 'node:fs/promises'
import { HypervisorError, type NetworkSpec } from '../../ports/hypervisor.ts'
import { freeAddress, overlaps, parseRoutes, parseSubnet } from '../ipv4.ts'
import { dhcpHostXml, networkXml, parseNetwork } from './network-xml.ts'
import type { WorkerPool } from './worker-pool.ts'

const DEADLINE_MS = 30_000

/** The agent's guest networks and the addresses reserved in them. */
export class Networks {
  readonly #pool: WorkerPool
  /** Reading the reservations and adding one are two calls: they must not interleave within this agent. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(pool: WorkerPool) {
    this.#pool = pool
  }

  ensure(spec: NetworkSpec): Promise<void> {
    return this.#inTurn(async () => {
      const xml = await this.#pool.call('network', [spec.name], `look for network ${spec.name}`, DEADLINE_MS)
      if (xml === null) return this.#create(spec)
      checkMatches(spec, xml)
      await this.#pool.call('activateNetwork', [spec.name], `activate network ${spec.name}`, DEADLINE_MS)
    })
  }

  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const xml = await this.#pool.call('network', [name], `look for network ${name}`, DEADLINE_MS)
      if (xml === null) return
      if (!parseNetwork(xml).ours) {
        throw new HypervisorError(
          'refused',
          `The network ${name} was not made by an agent, so it is left alone.`,
        )
      }
      await this.#pool.call('destroyNetwork', [name], `remove network ${name}`, DEADLINE_MS)
    })
  }

  /** dnsmasq answers for a reserved address at once; for a dynamic one it first waits for a ping. */
  reserve(name: string, mac: string): Promise<void> {
    return this.#inTurn(async () => {
      const { subnet, hosts } = parseNetwork(await this.#existing(name))
      if (hosts.some((host) => host.mac === mac.toLowerCase()) || !subnet) return
      const leased = await this.#pool.call('dhcpLeases', [name], `read the leases of ${name}`, DEADLINE_MS)
      const ip = freeAddress(subnet, hosts, leased, mac)
      if (ip === null) throw new HypervisorError('refused', `The network ${name} has no free address left.`)
      await this.#pool.call(
        'addDhcpHost',
        [name, dhcpHostXml({ mac, ip })],
        `reserve ${ip} in ${name}`,
        DEADLINE_MS,
      )
    })
  }

  /** null when there is none, or no such network. */
  async addressOf(name: string, mac: string): Promise<string | null> {
    const xml = await this.#pool.call('network', [name], `look for network ${name}`, DEADLINE_MS)
    const hosts = xml === null ? [] : parseNetwork(xml).hosts
    return hosts.find((host) => host.mac === mac.toLowerCase())?.ip ?? null
  }

  release(name: string, mac: string): Promise<void> {
    return this.#inTurn(async () => {
      const xml = await this.#pool.call('network', [name], `look for network ${name}`, DEADLINE_MS)
      const host =
        xml === null ? undefined : parseNetwork(xml).hosts.find((entry) => entry.mac === mac.toLowerCase())
      if (!host) return
      await this.#pool.call(
        'removeDhcpHost',
        [name, dhcpHostXml(host)],
        `free ${host.ip} in ${name}`,
        DEADLINE_MS,
      )
    })
  }

  async #existing(name: string): Promise<string> {
    const xml = await this.#pool.call('network', [name], `look for network ${name}`, DEADLINE_MS)
    if (xml !== null) return xml
    throw new HypervisorError(
      'not-found',
      `The network ${name} is gone: it must be created before guests start on it.`,
    )
  }

  async #create(spec: NetworkSpec): Promise<void> {
    await checkRange(spec)
    await this.#pool.call('createNetwork', [networkXml(spec)], `create network ${spec.name}`, DEADLINE_MS)
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step)
    this.#last = result.catch(() => undefined)
    return result
  }
}

function checkMatches(spec: NetworkSpec, xml: string): void {
  const wanted = parseSubnet(spec.subnet)
  const { subnet, mode } = parseNetwork(xml)
  if (subnet?.base === wanted.base && subnet.prefix === wanted.prefix && mode === spec.mode) return
  throw new HypervisorError(
    'refused',
    `A network ${spec.name} exists with another range or mode than ${spec.subnet} ${spec.mode}: choose another name.`,
  )
}

/** libvirt misses ranges that overlap without being equal, and does not name the interface. */
async function checkRange(spec: NetworkSpec): Promise<void> {
  const wanted = parseSubnet(spec.subnet)
  const taken = parseRoutes(await readFile('/proc/net/route', 'utf8')).find(({ subnet }) =>
    overlaps(wanted, subnet),
  )
  if (taken) throw collision(spec, taken.device)
}

function collision(spec: NetworkSpec, device: string): HypervisorError {
  return new HypervisorError(
    'refused',
    `${spec.subnet} for the network ${spec.name} collides with a range that ${device} on this machine carries: choose another range.`,
  )
}
