import { HypervisorError, type NetworkSpec } from '../../ports/hypervisor.ts'
import { type DhcpHost, freeAddress, overlaps, parseSubnet } from '../ipv4.ts'
import type { SimulatedMachine } from './machine.ts'

export function ensureSimulatedNetwork(machine: SimulatedMachine, spec: NetworkSpec): void {
  const subnet = parseSubnet(spec.subnet)
  const { networks } = machine.state
  const same = networks.find((network) => network.spec.name === spec.name)
  if (same) {
    if (same.spec.subnet === spec.subnet && same.spec.mode === spec.mode) return
    throw new HypervisorError('refused', `A network ${spec.name} exists with another range or mode.`)
  }
  const taken = networks.find((network) => overlaps(subnet, parseSubnet(network.spec.subnet)))
  if (taken)
    throw new HypervisorError(
      'refused',
      `${spec.subnet} collides with ${taken.spec.name}: choose another range.`,
    )
  machine.save({ ...machine.state, networks: [...networks, { spec, hosts: [], leased: [] }] })
}

/** The address reserved for the MAC, or a free one from now on. */
export function reserveAddress(machine: SimulatedMachine, name: string, mac: string): string {
  const network = machine.state.networks.find(({ spec }) => spec.name === name)
  if (!network)
    throw new HypervisorError('not-found', `The network ${name} is gone: it must be created first.`)
  const known = network.hosts.find((host) => host.mac === mac.toLowerCase())
  if (known) return known.ip
  const ip = freeAddress(parseSubnet(network.spec.subnet), network.hosts, network.leased, mac)
  if (ip === null) throw new HypervisorError('refused', `The network ${name} has no free address left.`)
  const host: DhcpHost = { mac: mac.toLowerCase(), ip }
  // A lease outlives the guest and its reservation, until another guest is given the address.
  const leased = [...network.leased.filter((lease) => lease.ip !== ip), host]
  const reserved = { ...network, hosts: [...network.hosts, host], leased }
  const networks = machine.state.networks.map((entry) => (entry === network ? reserved : entry))
  machine.save({ ...machine.state, networks })
  return ip
}

export function releaseAddress(machine: SimulatedMachine, name: string, mac: string): void {
  const networks = machine.state.networks.map((network) =>
    network.spec.name === name
      ? { ...network, hosts: network.hosts.filter((host) => host.mac !== mac.toLowerCase()) }
      : network,
  )
  machine.save({ ...machine.state, networks })
}
