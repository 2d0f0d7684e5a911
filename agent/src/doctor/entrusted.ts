// Whether the agent may do what the contracts leave to a node's operator: give time back, and take a lease back.
import { readNodeState } from '../chain/node-state.ts'
import { type Finding, ok, warn } from './finding.ts'
import type { Subject } from './subject.ts'

export const checkEntrusted = async (subject: Subject): Promise<Finding[]> => {
  const check = 'downtime'
  const { node } = subject.config()
  const { entrusted, payee, payoutOwner } = await readNodeState(await subject.chain(), node)
  if (entrusted === null) {
    const when = 'after the first one the payee can let the agent credit downtime: `decloud-node entrust`'
    return [ok(check, `no lease yet; ${when}`)]
  }
  if (entrusted) return [ok(check, 'the agent may credit it')]
  const found = 'the agent may not credit it, nor reclaim a lease: tenants pay for outages of this node'
  return [warn(check, 'not-entrusted', found, `\`decloud-node entrust\`, signed by ${payoutOwner ?? payee}.`)]
}
